/** The transaction: what was read replaces what the table holds, with its rejects, its bookmark and its run. */
import { sql, type Transaction } from 'kysely'
import type { Stream } from '../../catalog/index.ts'
import { messageOf, TransientError, UserError } from '../../errors.ts'
import type { StateDatabase } from '../../state/tables.ts'
import { extraKey, ownColumns } from '../names.ts'
import type { Session } from '../session.ts'
import type { Shape } from '../shape.ts'
import { instant, literal, literals, quoted } from '../sql.ts'
import { changeTable, keyExpressions, tableOf } from '../tables.ts'
import { type Chunk, objectSizeOption } from './chunk.ts'
import { isRefusedInput } from './inspect.ts'
import { type Parsed, type ParseOptions, parsed, type Stamps } from './parse.ts'
import type { Prepared } from './prepare.ts'
import type { Rejects } from './rejects.ts'
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

/** The fast path met a value that it cannot take; the careful path can. */
export class DriftError extends Error {
  override readonly name = 'DriftError'
  /** The column that it stands in, where that is known. */
  readonly column: string | undefined

  constructor(cause: unknown) {
    super('a value does not fit its column', { cause })
    this.column = /\bdrift:([^\n]*)/.exec(messageOf(cause))?.[1]
  }
}

/** A re-read brought fewer rows than the table holds for that interval. */
export class ShrunkWindow extends Error {
  override readonly name = 'ShrunkWindow'
  readonly held: number
  readonly read: number

  constructor(held: number, read: number) {
    super(`the table holds ${held} rows of this interval, the export now brings ${read}`)
    this.held = held
    this.read = read
  }
}

/** An answer that has bad lines and no good one: it is asked for again, in parts, and never published. */
export class UnansweredError extends TransientError {
  override readonly name = 'UnansweredError'

  constructor(what: string) {
    super(
      'malformed_response',
      `${what}; nothing of it has been used. Look at base_url and at any proxy on the way`,
    )
  }
}

/**
 * Loads within the transaction of the caller, who adds bookmark and run to it.
 * @throws DriftError when the careful path must prepare the load anew (the transaction is lost).
 * @throws ShrunkWindow when a re-read brought fewer rows than are held (the transaction must be given up).
 * @throws UnansweredError when no line of the answer is good.
 * @throws UserError with code `too_many_rejects`.
 */
export async function load(trx: Transaction<StateDatabase>, session: Session, input: Load): Promise<Loaded> {
  const { stream, prepared, stamps } = input
  const shape = await changeTable(trx, session, input.before, prepared.shape, stamps.loadedAt)
  await session.reserve(trx, tableOf(session, stream.name))
  try {
    const { written, rejected, hasExtras } =
      input.scope.kind === 'window'
        ? await replaceWindow(trx, session, input, shape, input.scope)
        : await replaceEntities(trx, session, input, shape, input.scope)
    await insertRejects(trx, stream, prepared.rejects, stamps)
    const rowsRejected = rejected + prepared.rejects.length
    refuseUnanswered(rowsRejected, input)
    refuseTooMany(rowsRejected, input)
    if (rowsRejected > 0) await forgetEarlierRejects(trx, session, stream, stamps)
    return { shape, rowsRead: prepared.lines, rowsWritten: written, rowsRejected, hasExtras }
  } catch (error) {
    if (/\bdrift:/.test(String(error)) || isRefusedInput(error) || isRefusedValue(error)) {
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
  trx: Transaction<StateDatabase>,
  session: Session,
  input: Load,
  shape: Shape,
  { from, to, keepBefore }: Extract<Scope, { kind: 'window' }>,
): Promise<Replaced> {
  const { stream, prepared, heldUntil } = input
  const table = tableOf(session, stream.name)
  const time = quoted(stream.bookmark as string)
  const within = (start: Date, end: Date) => `${time} >= ${instant(start)} and ${time} < ${instant(end)}`
  const held = heldUntil ? await count(trx, table, within(from, heldUntil)) : 0
  const start = keepBefore ?? from
  await sql.raw(`delete from ${table} where ${within(start, to)}`).execute(trx)
  const rows = reading(
    input,
    shape,
    keepBefore || input.leavesOutStrays
      ? { where: within(start, to) }
      : { within: { column: stream.bookmark as string, from, to } },
  )
  const written = await session.append(trx, table, rows)
  if (held > 0 && heldUntil && !keepBefore) {
    const now = await count(trx, table, within(from, heldUntil))
    if (now < held) throw new ShrunkWindow(held, now)
  }
  const hasExtras = await anyExtra(trx, shape, stream, `${table} where ${within(start, to)}`)
  const good = prepared.lines - prepared.rejects.length
  if (written === good) return { written, rejected: 0, hasExtras }
  const time_ = `json_time(json ->> ${literal(stream.bookmark as string)})`
  const rejected = await rejectRows(trx, session, input, {
    condition: `${time_} is null or not (${time_} >= ${instant(from)} and ${time_} < ${instant(to)})`,
    code: `case when ${time_} is null then 'unreadable_time' else 'outside_window' end`,
    reason: `case when ${time_} is null then 'createdAt cannot be read: ' || coalesce(json ->> 'createdAt', 'null')
      else 'createdAt ' || (json ->> 'createdAt') || ' lies outside of the window asked for' end`,
  })
  return { written, rejected, hasExtras }
}

async function replaceEntities(
  trx: Transaction<StateDatabase>,
  session: Session,
  input: Load,
  shape: Shape,
  scope: Exclude<Scope, { kind: 'window' }>,
): Promise<Replaced> {
  const { stream } = input
  const table = tableOf(session, stream.name)
  const key = keyExpressions(stream)
  const time = quoted(stream.bookmark ?? '')
  const where =
    scope.kind === 'keys' && scope.since ? `${time} is null or ${time} >= ${instant(scope.since)}` : undefined
  const { written, keyless, ...upserted } = await session.upsert(trx, table, {
    rows: reading(input, shape, { where }),
    key,
    keyless: key.map((expression) => unusable(expression, session.dialect.keyBytes)).join(' or '),
    cleared: clearedBy(scope),
  })
  const hasExtras = upserted.hasExtras && optionalTimes(shape, stream).length > 0
  if (keyless === 0) return { written, rejected: 0, hasExtras }
  const { missing, tooLong } = keyFaults(stream, session.dialect.keyBytes)
  const names = stream.key.join(', ')
  const rejected = await rejectRows(trx, session, input, {
    condition: `${missing} or ${tooLong}`,
    code: `case when ${missing} then 'missing_key' else 'key_too_long' end`,
    reason: `case when ${missing} then ${literal(`the record has no usable ${names}`)}
      else ${literal(`${names} is longer than the ${session.dialect.keyBytes} bytes that an index of the warehouse holds`)} end`,
  })
  return { written, rejected, hasExtras }
}

/** A key by which no row can be found. */
const unusable = (expression: string, keyBytes: number | undefined): string =>
  `${expression} is null or ${expression}::varchar = ''${
    keyBytes === undefined ? '' : ` or octet_length(${expression}::text) > ${keyBytes}`
  }`

/** The same, asked of the records as they came. */
function keyFaults(stream: Stream, keyBytes: number | undefined): { missing: string; tooLong: string } {
  // A member has one identifier of two, and always has one.
  const isMember = stream.read.kind === 'members'
  const missing = stream.key.map((name) => {
    // The arrow binds weaker than what follows it.
    const value = `(json -> ${literal(`$."${name}"`)})`
    return `${value} is null or ${value}::varchar in ('null', '""') or is_nested(${value})`
  })
  const texts = isMember
    ? [`coalesce(json ->> 'email', json ->> 'userId')`]
    : stream.key.map((name) => `json ->> ${literal(`$."${name}"`)}`)
  const tooLong = texts.map((text) => `coalesce(strlen(${text}), 0) > ${keyBytes}`)
  return {
    missing: isMember ? 'false' : `(${missing.join(' or ')})`,
    tooLong: keyBytes === undefined ? 'false' : `(${tooLong.join(' or ')})`,
  }
}

/** Which rows go before others come, whatever their key. */
function clearedBy(scope: Exclude<Scope, { kind: 'window' }>): string | undefined {
  if (scope.kind === 'list') return `${quoted('listId')} = ${scope.listId}`
  return scope.kind === 'table' ? 'true' : undefined
}

/** A cheap question, asked only where an answer matters: most rows have nothing in `_extra`. */
async function anyExtra(
  trx: Transaction<StateDatabase>,
  shape: Shape,
  stream: Stream,
  rows: string,
): Promise<boolean> {
  if (optionalTimes(shape, stream).length === 0) return false
  const found = await sql
    .raw(`select 1 as found from ${rows} and ${quoted(ownColumns.extra)} is not null limit 1`)
    .execute(trx)
  return found.rows.length > 0
}

function reading(
  { prepared, stream, stamps }: Load,
  shape: Shape,
  rows: Pick<ParseOptions, 'where' | 'within'>,
): Parsed {
  return parsed(shape, prepared.chunks, {
    stamps,
    key: stream.key,
    precise: prepared.precise,
    verbatim: prepared.verbatim,
    ...rows,
  })
}

interface RejectRule {
  readonly condition: string
  readonly code: string
  readonly reason: string
}

/** Copies the rows of the chunks that meet a condition into `rejected_rows`. */
async function rejectRows(
  trx: Transaction<StateDatabase>,
  session: Session,
  { prepared, stream, stamps }: Load,
  { condition, code, reason }: RejectRule,
): Promise<number> {
  const columns = ['run_id', 'source', 'code', 'reason', 'row', 'rejected_at']
  const record = `replace(json::varchar, '"${extraKey}":{', '"${ownColumns.extra}":{')::json`
  return session.appendQuery(
    trx,
    `${quoted(session.names.sync)}.rejected_rows`,
    columns,
    `select ${literal(stamps.runId)}, ${literal(`stream:${stream.name}`)}, ${code}, ${reason}, ${record}, ${instant(stamps.loadedAt)}
     from ${objects(prepared.records)} where ${condition}`,
  )
}

const objects = (chunks: readonly Chunk[]): string =>
  `read_ndjson_objects(${literals(chunks.map(({ path }) => path))}${objectSizeOption(chunks)})`

async function insertRejects(
  trx: Transaction<StateDatabase>,
  stream: Stream,
  rejects: Rejects,
  { runId, loadedAt }: Stamps,
): Promise<void> {
  for await (const batch of rejects.batches()) {
    const rows = batch.map(({ code, reason, raw, isJson }) => ({
      run_id: runId,
      source: `stream:${stream.name}`,
      code,
      reason: reason.replaceAll('\0', '␀'),
      row: isJson ? raw : null,
      raw: isJson ? null : raw.replaceAll('\0', '␀'),
      rejected_at: loadedAt,
    }))
    await trx.insertInto('rejected_rows').values(rows).execute()
  }
}

/** A bad row that is read again (in the lookback) is one row still: of the run that read it last. */
async function forgetEarlierRejects(
  trx: Transaction<StateDatabase>,
  { names }: Session,
  stream: Stream,
  { runId }: Stamps,
): Promise<void> {
  const table = `${quoted(names.sync)}.rejected_rows`
  const isOfStream = `source = ${literal(`stream:${stream.name}`)}`
  await sql
    .raw(
      `delete from ${table} where ${isOfStream} and run_id <> ${literal(runId)}
       and (code, coalesce(raw, "row"::text)) in
         (select code, coalesce(raw, "row"::text) from ${table} where ${isOfStream} and run_id = ${literal(runId)})`,
    )
    .execute(trx)
}

/** Records of other times, or without their key, and no other: this is the answer to another question. */
function refuseUnanswered(rejected: number, { prepared, stream }: Load): void {
  if (rejected === 0 || rejected < prepared.lines) return
  throw new UnansweredError(
    `none of the ${prepared.lines} lines of the answer for ${stream.name} can be loaded`,
  )
}

/** A few bad lines are rejected rows; a window that is mostly bad is a failure, and nothing of it is published. */
function refuseTooMany(rejected: number, { prepared, maxRejectPercent, stream }: Load): void {
  if (rejected <= 100 || rejected <= (prepared.lines * maxRejectPercent) / 100) return
  throw new UserError(
    'too_many_rejects',
    `${stream.name}: ${rejected} of ${prepared.lines} rows of one read cannot be loaded, over the ${maxRejectPercent} % of "sync.max_reject_percent"; nothing of it was published. Look at what Iterable sends, or raise the limit`,
  )
}

async function count(trx: Transaction<StateDatabase>, table: string, condition: string): Promise<number> {
  const { rows } = await sql
    .raw<{ rows: number }>(`select count(*) as rows from ${table} where ${condition}`)
    .execute(trx)
  return Number(rows[0]?.rows ?? 0)
}
