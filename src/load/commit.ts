/** The transaction: what was read replaces what the table holds, with its rejects, its bookmark and its run. */
import { sql } from 'kysely'
import type { Stream } from '../catalog/index.ts'
import { isRefusedJson } from '../engine/errors.ts'
import { UserError } from '../errors.ts'
import { keepListHistory } from '../warehouse/list-history.ts'
import { ownColumns } from '../warehouse/names.ts'
import type { Tx, Upsert } from '../warehouse/session.ts'
import type { Parsed, Shape } from '../warehouse/shape.ts'
import { instant, literal, quoted, type Sql } from '../warehouse/sql.ts'
import { changeTable, keyExpressions, tableOf } from '../warehouse/tables.ts'
import { DriftError, driftIn, ShrunkWindow } from './faults.ts'
import { type ParseOptions, parsed, type Stamps } from './parse.ts'
import type { Prepared } from './prepare.ts'
import {
  forgetEarlierRejects,
  insertRejects,
  keyFaults,
  refuseTooMany,
  refuseUnanswered,
  rejectRows,
} from './reject.ts'
import { optionalTimes } from './unread.ts'

/** Which rows of the table a load replaces. */
export type Scope =
  /** Events of the half-open window; rows before `keepBefore` stay as they are. */
  | {
      readonly kind: 'window'
      readonly from: Date
      readonly to: Date
      readonly keepBefore?: Date | undefined
    }
  /** Rows of the same keys; with `since`, records whose bookmark column is older are left out. */
  | { readonly kind: 'keys'; readonly since?: Date | undefined }
  /** The whole table. */
  | { readonly kind: 'table' }
  /** The members of one list. */
  | { readonly kind: 'list'; readonly listId: string }

export interface Load {
  readonly stream: Stream
  readonly before: Shape
  readonly prepared: Prepared
  readonly scope: Scope
  readonly stamps: Stamps
  readonly maxRejectPercent: number
  /** Leave out events that lie outside of their window; without it one of them is drift, which is cheaper to see. */
  readonly leavesOutStrays: boolean
  /** The rows of a window up to here were read before: fewer of them now is `ShrunkWindow`. */
  readonly heldUntil?: Date | undefined
}

export interface Loaded {
  readonly shape: Shape
  readonly rowsRead: number
  readonly rowsWritten: number
  readonly rowsRejected: number
  /** A row of this load has something in `_extra`: times that cannot be read may be among it. */
  readonly hasExtras: boolean
}

/**
 * Loads within the transaction of the caller, who adds bookmark and run to it.
 * @throws DriftError when the careful path must prepare the load anew (the transaction is lost).
 * @throws ShrunkWindow when a re-read brought fewer rows than are held (the transaction must be given up).
 * @throws UnansweredError when no line of the answer is good.
 * @throws UserError with code `too_many_rejects`.
 */
export async function load(tx: Tx, input: Load): Promise<Loaded> {
  const { stream, prepared, stamps } = input
  const shape = await changeTable(tx, input.before, prepared.shape, stamps.loadedAt)
  await tx.reserve(tableOf(tx, stream.name))
  try {
    const { written, rejected, hasExtras } =
      input.scope.kind === 'window'
        ? await replaceWindow(tx, input, shape, input.scope)
        : await replaceEntities(tx, input, shape, input.scope)
    await insertRejects(tx.db, stream, prepared.rejects, stamps)
    const rowsRejected = rejected + prepared.rejects.length
    refuseUnanswered(rowsRejected, input)
    refuseTooMany(rowsRejected, input)
    if (rowsRejected > 0) await forgetEarlierRejects(tx, stream, stamps)
    return { shape, rowsRead: prepared.lines, rowsWritten: written, rowsRejected, hasExtras }
  } catch (error) {
    if (driftIn(error) !== undefined || isRefusedJson(error) || isRefusedValue(error)) {
      throw new DriftError(error)
    }
    throw error
  }
}

/** A value that the engine takes and the warehouse does not. */
const isRefusedValue = (error: unknown): boolean =>
  error instanceof UserError && error.code === 'refused_value'

interface Replaced {
  readonly written: number
  readonly rejected: number
  readonly hasExtras: boolean
}

async function replaceWindow(
  tx: Tx,
  input: Load,
  shape: Shape,
  { from, to, keepBefore }: Extract<Scope, { kind: 'window' }>,
): Promise<Replaced> {
  const { stream, prepared, heldUntil } = input
  const table = tableOf(tx, stream.name)
  const time = quoted(stream.bookmark as string)
  const rowsWithin = (start: Date, end: Date) =>
    sql`${sql.raw(table)} where ${sql.raw(time)} >= ${start} and ${sql.raw(time)} < ${end}`
  const held = heldUntil ? await count(tx.tables, rowsWithin(from, heldUntil)) : 0
  const start = keepBefore ?? from
  await sql`delete from ${rowsWithin(start, to)}`.execute(tx.tables)
  const span = { from: start, to }
  const rows = reading(
    input,
    shape,
    keepBefore || input.leavesOutStrays
      ? { span, where: `${time} >= ${instant(start)} and ${time} < ${instant(to)}` }
      : { span, within: { column: stream.bookmark as string, from, to } },
  )
  const written = await tx.append(table, rows)
  if (held > 0 && heldUntil && !keepBefore) {
    const now = await count(tx.tables, rowsWithin(from, heldUntil))
    if (now < held) throw new ShrunkWindow(held, now)
  }
  const hasExtras = await anyExtra(tx.tables, shape, stream, rowsWithin(start, to))
  const good = prepared.lines - prepared.rejects.length
  if (written === good) return { written, rejected: 0, hasExtras }
  const time_ = `json_time(json ->> ${literal(stream.bookmark as string)})`
  const rejected = await rejectRows(tx, input, {
    condition: `${time_} is null or not (${time_} >= ${instant(from)} and ${time_} < ${instant(to)})`,
    code: `case when ${time_} is null then 'unreadable_time' else 'outside_window' end`,
    reason: `case when ${time_} is null then 'createdAt cannot be read: ' || coalesce(json ->> 'createdAt', 'null')
      else 'createdAt ' || (json ->> 'createdAt') || ' lies outside of the window asked for' end`,
  })
  return { written, rejected, hasExtras }
}

async function replaceEntities(
  tx: Tx,
  input: Load,
  shape: Shape,
  scope: Exclude<Scope, { kind: 'window' }>,
): Promise<Replaced> {
  const { stream } = input
  const table = tableOf(tx, stream.name)
  const key = keyExpressions(stream)
  const time = quoted(stream.bookmark ?? '')
  const where =
    scope.kind === 'keys' && scope.since ? `${time} is null or ${time} >= ${instant(scope.since)}` : undefined
  const { written, keyless, ...upserted } = await tx.upsert(table, {
    rows: reading(input, shape, { where }),
    key,
    keyless: key.map((expression) => unusable(expression, tx.dialect.keyBytes)).join(' or '),
    cleared: clearedBy(scope),
    compare: scope.kind === 'list' ? keepingHistory(tx, input, scope) : undefined,
  })
  const hasExtras = upserted.hasExtras && optionalTimes(shape, stream).length > 0
  if (keyless === 0) return { written, rejected: 0, hasExtras }
  const { missing, tooLong } = keyFaults(stream, tx.dialect.keyBytes)
  const names = stream.key.join(', ')
  const rejected = await rejectRows(tx, input, {
    condition: `${missing} or ${tooLong}`,
    code: `case when ${missing} then 'missing_key' else 'key_too_long' end`,
    reason: `case when ${missing} then ${literal(`the record has no usable ${names}`)}
      else ${literal(`${names} is longer than the ${tx.dialect.keyBytes} bytes that an index of the warehouse holds`)} end`,
  })
  return { written, rejected, hasExtras }
}

/** A key by which no row can be found. */
const unusable = (expression: string, keyBytes: number | undefined): string =>
  `${expression} is null or ${expression}::varchar = ''${
    keyBytes === undefined ? '' : ` or octet_length(${expression}::text) > ${keyBytes}`
  }`

/** What becomes of the differences between the members that a list had and those that it has. */
const keepingHistory =
  (tx: Tx, { stamps }: Load, { listId }: Extract<Scope, { kind: 'list' }>): Upsert['compare'] =>
  (incoming, outgoing) =>
    keepListHistory(tx, { listId, incoming, outgoing, runId: stamps.runId, readAt: stamps.loadedAt })

/** Which rows go before others come, whatever their key. */
function clearedBy(scope: Exclude<Scope, { kind: 'window' }>): string | undefined {
  if (scope.kind === 'list') return `${quoted('listId')} = ${scope.listId}`
  return scope.kind === 'table' ? 'true' : undefined
}

/** A cheap question, asked only where an answer matters: most rows have nothing in `_extra`. */
async function anyExtra(tables: Tx['tables'], shape: Shape, stream: Stream, rows: Sql): Promise<boolean> {
  if (optionalTimes(shape, stream).length === 0) return false
  const found = await sql`
    select 1 as found from ${rows} and ${sql.id(ownColumns.extra)} is not null limit 1`.execute(tables)
  return found.rows.length > 0
}

function reading(
  { prepared, stream, stamps }: Load,
  shape: Shape,
  rows: Pick<ParseOptions, 'where' | 'within' | 'span'>,
): Parsed {
  return parsed(shape, prepared.chunks, {
    stamps,
    key: stream.key,
    precise: prepared.precise,
    verbatim: prepared.verbatim,
    ...rows,
  })
}

async function count(tables: Tx['tables'], within: Sql): Promise<number> {
  const { rows } = await sql<{ rows: number }>`select count(*) as rows from ${within}`.execute(tables)
  return rows[0]?.rows ?? 0
}
