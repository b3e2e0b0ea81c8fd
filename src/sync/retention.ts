/** How long events are kept: what is older is dropped once a day, and never read again. */
import { DateTime } from 'luxon'
import type { Stream } from '../catalog/index.ts'
import type { SyncConfig } from '../config/schema.ts'
import { ConfigError } from '../errors.ts'
import { type Dropped, readKeptSince, recordDropped } from '../state/retention.ts'
import type { Session, Upkeep } from '../warehouse/session.ts'
import { change, deleteBefore } from '../warehouse/sql.ts'
import { tableOf } from '../warehouse/tables.ts'
import type { Reach } from './plan.ts'

type Retention = Pick<SyncConfig, 'retention'>

/**
 * The instant from which on the rows of a stream are kept: midnight (UTC) of the day so long ago, so that it moves once a
 * day. Undefined for a stream that keeps everything.
 */
export function keptSince({ retention }: Retention, stream: Stream, now: Date): Date | undefined {
  if (stream.replication !== 'append') return undefined
  const ages = new Map(Object.entries(retention))
  const age = ages.get(stream.name) ?? ages.get('default')
  return age && DateTime.fromJSDate(now, { zone: 'utc' }).minus(age).startOf('day').toJSDate()
}

/** @throws ConfigError `usage` for a slice that begins before what some stream keeps. */
export function refuseDropped(config: Retention, streams: readonly Stream[], reach: Reach, now: Date): void {
  if (reach.kind !== 'slice') return
  for (const stream of streams) {
    const since = keptSince(config, stream, now)
    if (!since || since <= reach.from) continue
    throw new ConfigError(
      `${stream.name} keeps nothing from before ${since.toISOString().slice(0, 10)} (sync.retention), and --from is ` +
        `${reach.from.toISOString().slice(0, 10)}: ask for a later slice, leave the stream out, or let it keep more`,
      { code: 'usage' },
    )
  }
}

/** Drops what is older than each stream keeps, unless this was done today. Returns what went. */
export async function dropAged(
  session: Session,
  { dropParts }: Upkeep,
  config: Retention,
  {
    streams,
    runId,
    now,
  }: { readonly streams: readonly Stream[]; readonly runId: string; readonly now: Date },
): Promise<readonly Dropped[]> {
  if (Object.keys(config.retention).length === 0) return []
  const done = await readKeptSince(session.db)
  const dropped: Dropped[] = []
  for (const stream of streams) {
    const since = keptSince(config, stream, now)
    if (!since || since.getTime() === done.get(stream.name)?.getTime()) continue
    const rows = await session.transaction(async (tx) => {
      const table = tableOf(tx, stream.name)
      await tx.reserve(table)
      const inParts = (await dropParts?.(tx, table, since)) ?? 0
      const old = inParts + (await change(tx.tables, deleteBefore(table, 'createdAt', since)))
      await recordDropped(tx.db, { stream: stream.name, keptSince: since, rows: old }, { runId, now })
      return old
    })
    dropped.push({ stream: stream.name, keptSince: since, rows })
  }
  return dropped
}
