/** How a sync begins: with the state of its streams and their tables, as the warehouse has them. */
import { hostname } from 'node:os'
import { type ColumnType, catalogue, type Stream } from '../catalog/index.ts'
import { messageOf } from '../errors.ts'
import { fieldsForm } from '../iterable/forms.ts'
import { forgetOldJobs } from '../state/export-jobs.ts'
import { beginRun, failAbandonedRuns } from '../state/runs.ts'
import type { StreamVolume } from '../state/stream-volumes.ts'
import { readMemberCounts } from '../warehouse/member-counts.ts'
import type { Session } from '../warehouse/session.ts'
import type { StreamLocks } from '../warehouse/stream-locks.ts'
import { ensureTables } from '../warehouse/tables.ts'
import type { StreamStart } from './context.ts'
import { withPossibleBookmark } from './future.ts'
import type { SyncInput } from './input.ts'
import { knownOf, readKnown } from './known.ts'

export interface BegunSync {
  readonly starts: readonly StreamStart[]
  readonly memberCounts: ReadonlyMap<string, number>
  readonly volumes: ReadonlyMap<string, StreamVolume>
  /** Some stream of the export was read before: the key may export. */
  readonly hasExported: boolean
}

/** State and tables, in one session: what the sync needs to know of the warehouse. */
export async function begin(
  { warehouse, connection, runId, trigger, reach, signal, emit }: SyncInput,
  {
    streams,
    locks,
    now,
  }: { readonly streams: readonly Stream[]; readonly locks: StreamLocks; readonly now: Date },
): Promise<BegunSync> {
  const onWait = (message: string) => emit({ type: 'notice', stream: undefined, message })
  const prepare = async (session: Session) => {
    await warehouse.upkeep.admitReaders?.(session)
    for (const message of (await warehouse.upkeep.modernize?.(session)) ?? []) onWait(message)
    return session.transaction(async (tx) => {
      const trx = tx.db
      await failAbandonedRuns(trx, { kind: 'sync', runId, now, isAtWork: locks.isAtWork })
      const names = streams.map(({ name }) => name)
      const details = { reach: reach.kind, process: `${process.pid} on ${hostname()}`, streams: names }
      await beginRun(trx, { runId, job: 'sync', kind: 'sync', trigger, now, details })
      await forgetOldJobs(trx, now)
      const known = await readKnown(trx)
      const shapes = await ensureTables(tx, streams, now)
      const starts: StreamStart[] = []
      for (const shape of shapes) {
        const start = { ...knownOf(known, shape.stream), shape }
        starts.push(await withPossibleBookmark(tx, start, { now, tell: onWait }))
      }
      const hasLists = streams.some(({ read }) => read.kind === 'members')
      const memberCounts = hasLists ? await readMemberCounts(tx) : new Map()
      const hasExported = catalogue(connection.project_type).some(
        ({ name, read }) => read.kind === 'export' && known.bookmarks.has(name),
      )
      return { starts, memberCounts, hasExported, volumes: known.volumes }
    })
  }
  return warehouse.use(prepare, { signal, onWait, isRepeatable: true })
}

/** Types of profile fields as Iterable declares them; without them, types come from the values seen. */
export async function declaredTypes(
  { client, signal, emit }: SyncInput,
  streams: readonly Stream[],
): Promise<ReadonlyMap<string, ColumnType>> {
  if (!streams.some(({ hasProfileFields }) => hasProfileFields)) return new Map()
  const types = new Map<string, ColumnType>([
    ['string', 'text'],
    ['boolean', 'boolean'],
    ['long', 'bigint'],
    ['double', 'double'],
    ['date', 'timestamptz'],
    ['geo_location', 'json'],
    ['object', 'json'],
    ['nested', 'json'],
  ])
  try {
    const { fields } = await client.json('user_fields', { form: fieldsForm, signal })
    const known = Object.entries(fields).map(([name, type]) => [name, types.get(type)] as const)
    return new Map(known.filter((entry): entry is [string, ColumnType] => entry[1] !== undefined))
  } catch (error) {
    if (signal.aborted) return new Map()
    const message = `users/getFields: ${messageOf(error)}; types of new fields come from their values`
    emit({ type: 'notice', stream: undefined, message })
    return new Map()
  }
}
