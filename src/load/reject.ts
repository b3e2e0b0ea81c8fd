/** Rows that a load turns down: where they go, and when they are too many. */
import { sql, type Transaction } from 'kysely'
import type { Stream } from '../catalog/index.ts'
import { UserError } from '../errors.ts'
import { type Chunk, objectSizeOption } from '../spool/chunk.ts'
import type { Rejects } from '../spool/rejects.ts'
import type { StateDatabase } from '../state/tables.ts'
import { extraKey, ownColumns } from '../warehouse/names.ts'
import type { Tx } from '../warehouse/session.ts'
import { instant, literal, literals, ownTable, quoted } from '../warehouse/sql.ts'
import { UnansweredError } from './faults.ts'
import type { Stamps } from './parse.ts'
import type { Prepared } from './prepare.ts'

/** What is loaded. */
interface Source {
  readonly stream: Stream
  readonly prepared: Prepared
  readonly stamps: Stamps
  readonly maxRejectPercent: number
}

export interface RejectRule {
  readonly condition: string
  readonly code: string
  readonly reason: string
}

/** Copies the rows of the chunks that meet a condition into `rejected_rows`. */
export async function rejectRows(
  tx: Tx,
  { prepared, stream, stamps }: Source,
  { condition, code, reason }: RejectRule,
): Promise<number> {
  const columns = ['run_id', 'source', 'code', 'reason', 'row', 'rejected_at']
  const record = `replace(json::varchar, '"${extraKey}":{', '"${ownColumns.extra}":{')::json`
  return tx.appendQuery(
    `${quoted(tx.names.sync)}.rejected_rows`,
    columns,
    `select ${literal(stamps.runId)}, ${literal(`stream:${stream.name}`)}, ${code}, ${reason}, ${record}, ${instant(stamps.loadedAt)}
     from ${objects(prepared.records)} where ${condition}`,
  )
}

const objects = (chunks: readonly Chunk[]): string =>
  `read_ndjson_objects(${literals(chunks.map(({ path }) => path))}${objectSizeOption(chunks)})`

export async function insertRejects(
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
export async function forgetEarlierRejects(tx: Tx, stream: Stream, { runId }: Stamps): Promise<void> {
  const table = ownTable(tx, 'rejected_rows')
  const isOfStream = sql`source = ${`stream:${stream.name}`}`
  await sql`
    delete from ${table} where ${isOfStream} and run_id <> ${runId}
      and (code, coalesce(raw, "row"::text)) in
        (select code, coalesce(raw, "row"::text) from ${table} where ${isOfStream} and run_id = ${runId})`.execute(
    tx.db,
  )
}

/** Records of other times, or without their key, and no other: this is the answer to another question. */
export function refuseUnanswered(rejected: number, { prepared, stream }: Source): void {
  if (rejected === 0 || rejected < prepared.lines) return
  throw new UnansweredError(
    `none of the ${prepared.lines} lines of the answer for ${stream.name} can be loaded`,
  )
}

/** A few bad lines are rejected rows; a window that is mostly bad is a failure, and nothing of it is published. */
export function refuseTooMany(rejected: number, { prepared, maxRejectPercent, stream }: Source): void {
  if (rejected <= 100 || rejected <= (prepared.lines * maxRejectPercent) / 100) return
  throw new UserError(
    'too_many_rejects',
    `${stream.name}: ${rejected} of ${prepared.lines} rows of one read cannot be loaded, over the ${maxRejectPercent} % of "sync.max_reject_percent"; nothing of it was published. Look at what Iterable sends, or raise the limit`,
  )
}

/** Conditions on the records as they came: that the key is missing, or longer than an index of the warehouse takes. */
export function keyFaults(
  stream: Stream,
  keyBytes: number | undefined,
): { missing: string; tooLong: string } {
  const path = (name: string) => literal(`$."${name}"`)
  const missing = stream.key
    // What can stand in for it is always there.
    .filter((name) => !stream.standIns?.has(name))
    .map((name) => {
      // The arrow binds weaker than what follows it.
      const value = `(json -> ${path(name)})`
      return `${value} is null or ${value}::varchar in ('null', '""') or is_nested(${value})`
    })
  const texts = stream.key.map((name) => {
    const standIn = stream.standIns?.get(name)
    return standIn === undefined
      ? `json ->> ${path(name)}`
      : `coalesce(json ->> ${path(name)}, json ->> ${path(standIn)})`
  })
  const tooLong = texts.map((text) => `coalesce(strlen(${text}), 0) > ${keyBytes}`)
  return {
    missing: `(${missing.join(' or ')})`,
    tooLong: keyBytes === undefined ? 'false' : `(${tooLong.join(' or ')})`,
  }
}
