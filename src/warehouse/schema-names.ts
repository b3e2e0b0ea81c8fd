/** The names of our schemas. */

/** The schemas of a warehouse, all named after the configured one. */
export interface SchemaNames {
  /** Stream tables. */
  readonly streams: string
  /** Our own tables. */
  readonly sync: string
  /** Views of the stream tables with snake_case names. */
  readonly views: string
  /** Views that answer questions: the files of `sql/views`. */
  readonly marts: string
  /** Views with the names and columns of Fivetran's schema: the files of `sql/fivetran`, where they are wanted. */
  readonly fivetran: string
}

export const schemaNames = (schema: string): SchemaNames => ({
  streams: schema,
  sync: `${schema}_sync`,
  views: `${schema}_views`,
  marts: `${schema}_marts`,
  fivetran: `${schema}_fivetran`,
})
