/** Read-only queries: one statement that selects, in a transaction that cannot write. */
import { TransformStream } from 'node:stream/web'
import { ConfigError, InterruptedError, messageOf, UserError } from '../errors.ts'
import type { Engine } from '../warehouse/engine.ts'
import { isExact } from '../warehouse/load/numbers.ts'
import type { Printed, PrintedKind } from '../warehouse/printed.ts'
import type { Session, Warehouse } from '../warehouse/session.ts'
import { literal } from '../warehouse/sql.ts'

/** A row of a result: names and values as JavaScript has them (numbers that no double holds, and dates, are text). */
export type ResultRow = Readonly<Record<string, unknown>>

/** Rows as the database writes their values, under the columns that each portion has alike. */
export interface PrintedRows extends Pick<Printed, 'columns'> {
  readonly rows: readonly (readonly (string | null)[])[]
}

/** Runs one SELECT-like statement, as `printRows` does; its rows as objects. */
export async function* queryRows(...query: Parameters<typeof printRows>): AsyncGenerator<ResultRow> {
  for await (const { columns, rows } of printRows(...query)) {
    for (const row of rows) {
      yield Object.fromEntries(
        columns.map(({ name, kind }, index) => [name, javascriptValue(row[index] as string | null, kind)]),
      )
    }
  }
}

/**
 * Runs one SELECT-like statement; its rows come in portions as they are read (one without rows, where there are none),
 * and the warehouse is held until the last.
 * @throws ConfigError for anything but one statement that selects; UserError with what the database says.
 */
export async function* printRows(
  warehouse: Warehouse,
  text: string,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): AsyncGenerator<PrintedRows> {
  await refuseAllButOneSelect(warehouse.engine, text)
  const { readable, writable } = new TransformStream<PrintedRows, PrintedRows>()
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
    yield* readable
  } finally {
    await reading
  }
}

async function readInto(
  session: Session,
  text: string,
  write: (rows: PrintedRows) => Promise<void>,
): Promise<void> {
  await using printed = await session.print(text, withoutExplain(text))
  const { columns } = printed
  let isEmpty = true
  for await (const rows of printed.rows) {
    isEmpty = false
    await write({ columns, rows })
  }
  if (isEmpty) await write({ columns, rows: [] })
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

function javascriptValue(text: string | null, kind: PrintedKind): unknown {
  if (text === null) return null
  switch (kind) {
    case 'number':
      return /\d/.test(text) && !isExact(text) ? text : Number(text)
    case 'boolean':
      return text === 'true'
    case 'json':
      return JSON.parse(text)
    case 'time': {
      const at = new Date(text)
      return Number.isNaN(at.getTime()) ? text : at
    }
    case 'text':
      return text
  }
}
