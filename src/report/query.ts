/** Read-only queries: one statement that selects, in a transaction that cannot write. */
import { TransformStream } from 'node:stream/web'
import { sql } from 'kysely'
import { ConfigError, InterruptedError, messageOf, UserError } from '../errors.ts'
import type { Engine } from '../warehouse/engine.ts'
import type { Session, Warehouse } from '../warehouse/session.ts'
import { literal } from '../warehouse/sql.ts'

/** A row of a result: names and values as JavaScript has them (whole numbers beyond 2^53 are text). */
export type ResultRow = Readonly<Record<string, unknown>>

/**
 * Runs one SELECT-like statement; its rows come as they are read, and the warehouse is held until the last.
 * @throws ConfigError for anything but one statement that selects; UserError with what the database says.
 */
export async function* queryRows(
  warehouse: Warehouse,
  text: string,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): AsyncGenerator<ResultRow> {
  await refuseAllButOneSelect(warehouse.engine, text)
  const { readable, writable } = new TransformStream<readonly ResultRow[], readonly ResultRow[]>()
  const writer = writable.getWriter()
  const reading = warehouse
    .use((session) => readInto(session, text, (rows) => writer.write(rows)), { signal, isGuarded: true })
    .then(
      () => writer.close(),
      (error: unknown) => writer.abort(signal?.aborted ? new InterruptedError() : explained(error)),
    )
    // The error reaches the reader of the rows; one who left early wants to hear of nothing.
    .catch(() => {})
  try {
    for await (const rows of readable) yield* rows
  } finally {
    await reading
  }
}

const batchRows = 1000

async function readInto(
  { db, admit }: Session,
  text: string,
  write: (rows: readonly ResultRow[]) => Promise<void>,
): Promise<void> {
  await db.connection().execute(async (connection) => {
    await sql.raw('begin transaction read only').execute(connection)
    try {
      await admit(withoutExplain(text))
      const query = sql.raw<ResultRow>(text).compile(connection)
      for await (const { rows } of connection.getExecutor().stream(query, batchRows)) {
        await write(rows.map(plainRow))
      }
    } finally {
      await sql.raw('rollback').execute(connection)
    }
  })
}

/**
 * DuckDB's parser reads nearly all of Postgres's SQL too, so it judges for both. What it cannot read is left to the
 * warehouse: a DuckDB refuses it for the same reason, and Postgres takes one statement in a read-only transaction.
 */
async function refuseAllButOneSelect(engine: Engine, text: string): Promise<void> {
  const query = withoutExplain(text)
  const [word] = /^(\w+|\()/.exec(withoutComments(query)) ?? ['']
  if (!readingWords.has(word.toLowerCase())) throw notReadOnly()
  const [row] = await engine.rows(`select json_serialize_sql(${literal(query)})`)
  const parsed = JSON.parse(String(row?.[0])) as {
    readonly error_type?: string
    readonly statements?: readonly unknown[]
  }
  if (parsed.error_type === 'not implemented') throw notReadOnly()
  if (parsed.statements && parsed.statements.length !== 1) {
    throw new ConfigError(`one query is expected here, and there are ${parsed.statements.length}`, {
      code: 'not_one_query',
    })
  }
}

/** How a query may begin; what DuckDB's parser cannot read (`copy … to program`) is judged by this alone. */
const readingWords = new Set([
  ...['select', 'with', 'from', 'values', 'table', '('],
  ...['describe', 'desc', 'show', 'summarize'],
])

const notReadOnly = () =>
  new ConfigError('only a query that reads can be run here (select, with, from, values, describe …)', {
    code: 'not_read_only',
  })

const withoutExplain = (text: string): string =>
  withoutComments(text).replace(/^explain\b\s*(\([^)]*\)\s*)?(analyze\s+|verbose\s+)*/i, '')

/** Without the comments (block comments nest in both databases) and blanks that a statement begins with. */
function withoutComments(text: string): string {
  const mark = /\s+|--[^\n]*(?:\n|$)|\/\*|\*\/|[\s\S]/y
  for (let depth = 0; ; ) {
    const from = mark.lastIndex
    const [found] = mark.exec(text) ?? ['']
    if (found === '') return ''
    if (found === '/*') depth += 1
    else if (found === '*/' && depth > 0) depth -= 1
    else if (depth === 0 && !/^(\s|--)/.test(found)) return text.slice(from)
    // A line comment is none inside of a block.
    if (depth > 0 && found.startsWith('--')) mark.lastIndex = from + 2
  }
}

function explained(error: unknown): unknown {
  if (error instanceof UserError) return error
  return new UserError('query_failed', `the query failed: ${messageOf(error)}`, { cause: error })
}

const plainRow = (row: ResultRow): ResultRow =>
  Object.fromEntries(Object.entries(row).map(([name, value]) => [name, plain(value)]))

/** Whole numbers are numbers as long as they are exact. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString()
  if (Array.isArray(value)) return value.map(plain)
  return value
}
