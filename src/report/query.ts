/** The rows of a query that a person wrote, to be shown. */
import { TransformStream } from 'node:stream/web'
import { isExact } from '../json/numbers.ts'
import { readGuarded } from '../warehouse/guarded.ts'
import type { Printed, PrintedKind } from '../warehouse/printed.ts'
import type { Session, Warehouse } from '../warehouse/session.ts'
import { readStatement, type Statement } from '../warehouse/statement.ts'

/** A row of a result: names and values as JavaScript has them (numbers that no double holds, and dates, are text). */
export type ResultRow = Readonly<Record<string, unknown>>

/** Rows as the database writes their values, under the columns that each portion has alike. */
export interface PrintedRows extends Pick<Printed, 'columns'> {
  readonly rows: readonly (readonly (string | null)[])[]
}

export interface PrintOptions {
  readonly signal?: AbortSignal | undefined
  /** Writes the statement that runs in its place, in which no table is what it was. */
  readonly shield?: ((session: Session, text: string) => Promise<string>) | undefined
}

/** Runs one SELECT-like statement, as `printRows` does; its rows as objects. */
export async function* queryRows(...query: Parameters<typeof printRows>): AsyncGenerator<ResultRow> {
  for await (const portion of printRows(...query)) yield* recordsOf(portion)
}

/** Printed rows as objects. */
export const recordsOf = ({ columns, rows }: PrintedRows): ResultRow[] =>
  rows.map((row) =>
    Object.fromEntries(
      columns.map(({ name, kind }, index) => [name, javascriptValue(row[index] ?? null, kind)]),
    ),
  )

/**
 * Runs one SELECT-like statement; its rows come in portions as they are read (one without rows, where there are none),
 * and the warehouse is held until the last.
 * @throws ConfigError for anything but one statement that selects; UserError with what the database says.
 */
export async function* printRows(
  warehouse: Warehouse,
  text: string,
  { signal, shield }: PrintOptions = {},
): AsyncGenerator<PrintedRows> {
  const statement = readStatement(text, { isShown: true })
  const { readable, writable } = new TransformStream<PrintedRows, PrintedRows>()
  const writer = writable.getWriter()
  let isUnderway = false
  const reading = readGuarded(
    warehouse,
    async (session) => session.print(shield ? await shieldedStatement(session, text, shield) : statement),
    (printed) =>
      writeInto(printed, (rows) => {
        isUnderway = true
        return writer.write(rows)
      }),
    { signal, mayRepeat: () => !isUnderway },
  )
    .then(
      () => writer.close(),
      (error: unknown) => writer.abort(error),
    )
    // The error reaches the reader of the rows; one who left early wants to hear of nothing.
    .catch(() => {})
  try {
    yield* readable
  } finally {
    await reading
  }
}

/** The statement that runs in place of the one asked for. */
async function shieldedStatement(
  session: Session,
  text: string,
  shield: NonNullable<PrintOptions['shield']>,
): Promise<Statement> {
  return { ...readStatement(await shield(session, text), { isShown: true }), isBare: true }
}

async function writeInto(
  { columns, rows: portions }: Printed,
  write: (rows: PrintedRows) => Promise<void>,
): Promise<void> {
  let isEmpty = true
  for await (const rows of portions) {
    isEmpty = false
    await write({ columns, rows })
  }
  if (isEmpty) await write({ columns, rows: [] })
}

/** A printed value as JavaScript has it. */
export function javascriptValue(text: string | null, kind: PrintedKind): unknown {
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
