/** The views as people ask for them: what each answers, and whether it is there. */
import { sql } from 'kysely'
import type { MartsConfig } from '../config/schema.ts'
import { ConfigError } from '../errors.ts'
import { suggestion } from '../nearest.ts'
import type { Session } from '../warehouse/session.ts'
import type { ViewFile } from './file.ts'
import { readViewFiles } from './files.ts'
import { renderView } from './render.ts'
import { missingStreams, readTables } from './state.ts'

/** A view; an entry of `views --json`. */
export interface ViewStatus {
  readonly view: string
  /** What it answers, with its definitions. */
  readonly about: string
  /** What one row is. */
  readonly grain: string
  /** Columns that tell each row from every other; none where rows may be equal. */
  readonly key: readonly string[]
  readonly columns: readonly { readonly name: string; readonly about: string }[]
  /**
   * `made`; `missing_streams`, where a stream that it needs is not replicated; `failed`, where the warehouse refused its
   * text; `waiting` for the next sync; `off`, where `marts.enabled` is false.
   */
  readonly state: 'made' | 'missing_streams' | 'failed' | 'waiting' | 'off'
  /** Streams that are not replicated and without which it is not made. */
  readonly missing_streams: readonly string[]
  /** Streams that it would read, too: what they tell is NULL or 0 until they are replicated. */
  readonly absent_streams: readonly string[]
  /** Why the warehouse refused it. */
  readonly problem: string | null
  /** It reads a table that the sync keeps (`marts.materialize`). */
  readonly is_table: boolean
}

/** Every view of `sql/views`, by name. `session` is undefined where nothing was ever synced. */
export async function describeViews(
  session: Session | undefined,
  { enabled }: Pick<MartsConfig, 'enabled'>,
): Promise<readonly ViewStatus[]> {
  const files = await readViewFiles()
  const tables = session ? await readTables(session) : new Map<string, unknown>()
  const missing = missingStreams(files, (stream) => tables.has(stream))
  const made = session ? await readMade(session) : new Map<string, Made>()
  return files
    .map(({ name, about, grain, key, columns, optional }): ViewStatus => {
      const missing_streams = missing.get(name) ?? []
      const { problem = null, is_table = false } = made.get(name) ?? {}
      const absent_streams = optional.filter((stream) => !tables.has(stream))
      const isMade = made.has(name)
      const state = stateOf({ isEnabled: enabled, isMade, isMissing: missing_streams.length > 0, problem })
      return {
        view: name,
        about,
        grain,
        key,
        columns,
        state,
        missing_streams,
        absent_streams,
        problem,
        is_table,
      }
    })
    .sort((a, b) => (a.view < b.view ? -1 : 1))
}

function stateOf({
  isEnabled,
  isMade,
  isMissing,
  problem,
}: {
  readonly isEnabled: boolean
  readonly isMade: boolean
  readonly isMissing: boolean
  readonly problem: string | null
}): ViewStatus['state'] {
  if (!isMade && !isEnabled) return 'off'
  if (isMissing) return 'missing_streams'
  if (problem !== null) return 'failed'
  return isMade ? 'made' : 'waiting'
}

interface Made {
  readonly problem: string | null
  readonly is_table: boolean
}

/** The views that were made, with what is in the way of their latest text. A warehouse of an older version has none. */
async function readMade({ db, names }: Session): Promise<ReadonlyMap<string, Made>> {
  const { rows: tables } = await sql<{ name: string }>`
    select table_name as name from information_schema.tables
    where table_catalog = current_database() and table_schema = ${names.sync}
      and table_name in ('marts', 'mart_tables')`.execute(db)
  const has = (table: string) => tables.some(({ name }) => name === table)
  const made = has('marts') ? await db.selectFrom('marts').select(['view_name', 'problem']).execute() : []
  const kept = has('mart_tables') ? await db.selectFrom('mart_tables').select('view_name').execute() : []
  const isKept = new Set(kept.map(({ view_name }) => view_name))
  return new Map(
    made.map(({ view_name, problem }) => [view_name, { problem, is_table: isKept.has(view_name) }]),
  )
}

/**
 * The select of a view as it is made in this warehouse; in an empty one as it would be without any stream.
 * @throws ConfigError `unknown_view` for a name that is none.
 */
export async function viewSql(
  name: string,
  warehouse: Pick<Session, 'names' | 'dialect'>,
  session: Session | undefined,
  settings: MartsConfig,
): Promise<string> {
  const files = await readViewFiles()
  const tables = session ? await readTables(session) : new Map()
  return renderView(fileOf(files, name), warehouse, tables, settings)
}

function fileOf(files: readonly ViewFile[], name: string): ViewFile {
  const file = files.find((one) => one.name === name)
  if (file) return file
  const known = files.map((one) => one.name)
  throw new ConfigError(`no view is called "${name}"${suggestion(name, known)}`, { code: 'unknown_view' })
}
