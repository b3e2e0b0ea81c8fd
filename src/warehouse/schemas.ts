/** Our schemas, and which of them are there. */
import { type QueryExecutorProvider, sql } from 'kysely'
import type { Place } from './session.ts'
import { quoted } from './sql.ts'

type SchemaPlace = Pick<Place, 'db' | 'tables' | 'names'>

/** Schemas of ours that live in one database. */
export interface SchemaHome {
  /** Where statements on them run. */
  readonly at: QueryExecutorProvider
  readonly schemas: readonly string[]
}

/** Where Postgres keeps the parts of a schema's tables; nothing in it is read under its own name. */
export const partsSchemaOf = (schema: string): string => `${schema}_partitions`

/** Where our schemas live: in one database, unless our own tables are kept apart. */
export function schemaHomes({ db, tables, names }: SchemaPlace): readonly SchemaHome[] {
  const { streams, sync, views, marts, fivetran } = names
  if (tables === db)
    return [{ at: db, schemas: [streams, sync, views, marts, fivetran, partsSchemaOf(streams)] }]
  return [
    { at: db, schemas: [sync] },
    { at: tables, schemas: [streams, views, marts, fivetran] },
  ]
}

/** Makes those of the named schemas that are not there, and says which. */
export async function createSchemas(
  place: SchemaPlace,
  needed: readonly string[],
): Promise<readonly string[]> {
  const missing: string[] = []
  for (const { at, schemas } of schemaHomes(place)) {
    const wanted = schemas.filter((schema) => needed.includes(schema))
    if (wanted.length === 0) continue
    // A schema that exists is left alone: `if not exists` too asks for the right to create one.
    const before = await existing(at)
    for (const schema of wanted.filter((name) => !before.has(name))) {
      missing.push(schema)
      try {
        await sql.raw(`create schema if not exists ${quoted(schema)}`).execute(at)
      } catch (error) {
        // Another process was quicker.
        if (!(await existing(at).catch(() => before)).has(schema)) throw error
      }
    }
  }
  return missing
}

/** The names of all tables and views in a schema. */
export async function namesIn(tables: QueryExecutorProvider, schema: string): Promise<ReadonlySet<string>> {
  const { rows } = await sql<{ name: string }>`
    select table_name as name from information_schema.tables
    where table_catalog = current_database() and table_schema = ${schema}`.execute(tables)
  return new Set(rows.map(({ name }) => name))
}

async function existing(at: QueryExecutorProvider): Promise<ReadonlySet<string>> {
  // Not information_schema: on Postgres it hides those that we may not use.
  const { rows } = await sql<{ name: string }>`select nspname as name from pg_catalog.pg_namespace`.execute(
    at,
  )
  return new Set(rows.map(({ name }) => name))
}
