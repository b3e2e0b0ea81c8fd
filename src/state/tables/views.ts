/** Our own tables of views and comments that were made. */
import type { JSONColumnType } from 'kysely'
import type { Instant } from './instant.ts'

/** Our own tables, without their schema: connect them with `db.withSchema(names.sync)`. */
/** The views for analysts as they were last made. */
export interface MartsTable {
  view_name: string
  /** Of the view's text and comments. */
  hash: string
  /** Why the last text could not be made; null where it was. */
  problem: string | null
  changed_at: Instant
}

/** The tables of the views that are kept as tables. */
export interface MartTablesTable {
  view_name: string
  table_name: string
  /** Of the select that fills it. */
  hash: string
  /** Of the rows of the user that it reads. */
  inputs: string
  /** Rows of later syncs are not in it. */
  loaded_through: Instant
  refreshed_at: Instant
}

/** The comments on the stream tables, as they were last set. */
export interface TableCommentsTable {
  stream: string
  /** Of the comments and of the names of the columns. */
  hash: string
}

/** The view of each custom event. */
export interface CustomEventViewsTable {
  event_name: string
  view_name: string
  /** Names of the columns that its rows have filled. */
  columns: JSONColumnType<string[]>
  /** Of the view's text and the types of its columns. */
  hash: string
  changed_at: Instant
}
