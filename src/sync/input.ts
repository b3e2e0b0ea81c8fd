/** What a sync is asked for, and what follows from it for each stream. */
import { catalogue, type Stream, selectStreams } from '../catalog/index.ts'
import type { ConnectionConfig, MartsConfig, SyncConfig } from '../config/schema.ts'
import { ConfigError } from '../errors.ts'
import type { IterableClient } from '../iterable/client.ts'
import type { Clock } from '../iterable/clock.ts'
import type { RunLog } from '../state/run-log.ts'
import type { StreamVolume } from '../state/stream-volumes.ts'
import type { Warehouse } from '../warehouse/session.ts'
import type { StreamStart } from './context.ts'
import type { PlanOptions, Reach } from './plan.ts'
import type { SyncEvent } from './progress.ts'
import { keptSince } from './retention.ts'
import { Routes } from './routes.ts'

export interface SyncInput {
  readonly warehouse: Warehouse
  readonly client: IterableClient
  readonly connection: ConnectionConfig
  readonly config: SyncConfig
  readonly marts: MartsConfig
  /** Names or globs; those of the configuration by default. */
  readonly streams?: readonly string[] | undefined
  readonly reach: Reach
  readonly trigger: string
  readonly runId: string
  readonly clock: Clock
  readonly signal: AbortSignal
  /** Once it is aborted nothing further is read; what is being read is committed. */
  readonly stopping: AbortSignal
  /** Kept with the run. */
  readonly log: RunLog
  readonly emit: (event: SyncEvent) => void
}

/** The streams that a sync is about; a slice is for events only. */
export function selectedStreams({
  streams,
  config,
  connection,
  reach,
}: Pick<SyncInput, 'streams' | 'config' | 'connection' | 'reach'>): readonly Stream[] {
  const named = streams && streams.length > 0 ? streams : undefined
  // Exclusions alone leave out of what is configured.
  const isLess = named?.every((pattern) => pattern.startsWith('!')) ?? true
  const patterns = isLess ? [...config.streams, ...(named ?? [])] : (named ?? [])
  const selected = selectStreams(catalogue(connection.project_type), patterns)
  if (reach.kind !== 'slice') return selected
  const events = selected.filter(({ replication }) => replication === 'append')
  const others = selected.filter(({ replication }) => replication !== 'append')
  if (!isLess && others.length > 0) {
    throw new ConfigError(
      `--from and --to are for event streams; ${others.map(({ name }) => name).join(', ')} cannot be read in slices, leave it out or use --full-refresh`,
    )
  }
  return events
}

/** The routes of a sync that begins. */
export const routesOf = (
  { config, client }: Pick<SyncInput, 'config' | 'client'>,
  volumes: ReadonlyMap<string, StreamVolume>,
  roomBytes: () => number,
): Routes =>
  new Routes({
    setting: config.export_route,
    volumes,
    directSecondsFor: (requests) => client.secondsUntil('export', requests),
    roomBytes,
  })

/** The times that the plan of a stream depends on. */
export function planOptions(
  { config, reach }: Pick<SyncInput, 'config' | 'reach'>,
  { stream, openJobs }: Pick<StreamStart, 'stream' | 'openJobs'>,
  now: Date,
): PlanOptions {
  return {
    keptSince: keptSince(config, stream, now),
    startDate: config.start_date,
    windowInDays: config.window_in_days,
    lookbackMs: lookbackOf(config.lookback, stream.name),
    settleMs: config.settle,
    completeDimensions: config.complete_dimensions,
    openJobs: config.export_route === 'direct' ? [] : openJobs,
    now,
    reach,
  }
}

const usualLookbackMs = 86_400_000

/** How far before the bookmark of a stream is read again. */
export function lookbackOf(lookback: SyncInput['config']['lookback'], stream: string): number {
  if (typeof lookback === 'number') return lookback
  const byStream = new Map(Object.entries(lookback))
  return byStream.get(stream) ?? byStream.get('default') ?? usualLookbackMs
}
