/** Which streams a sync asks Iterable for: some are known to bring nothing, and are asked for once a day. */
import type { StreamVolume } from '../state/stream-volumes.ts'
import type { SyncInput } from './input.ts'
import type { KnownStream } from './known.ts'
import { isKnownToLack } from './lacking.ts'
import { isQuiet } from './quiet.ts'

/** Why a stream is not asked for: the project lacks it, or it has had no rows for a month. */
export type LeftOut = 'lacking' | 'quiet'

/** Why a stream is left out this time; undefined where it is asked for. Whoever names it always gets it. */
export function leftOut(
  start: KnownStream,
  { config, reach, streams }: Pick<SyncInput, 'config' | 'reach' | 'streams'>,
  volume: StreamVolume | undefined,
  now: Date,
): LeftOut | undefined {
  const { name } = start.stream
  if (reach.kind !== 'incremental' || streams?.includes(name)) return undefined
  if (isKnownToLack(start, now)) return 'lacking'
  const mayWait = config.quiet_streams === 'daily' && !config.streams.includes(name)
  return mayWait && isQuiet(start, volume, now) ? 'quiet' : undefined
}
