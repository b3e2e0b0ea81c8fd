/** Streams that bring nothing: one request a day shows whether that is still so. */
import type { StreamVolume } from '../state/stream-volumes.ts'
import type { KnownStream } from './known.ts'

const dayMs = 86_400_000
const quietDays = 30

/** True for a stream without a row for 30 days that was read up to less than a day ago; its bookmark stays there. */
export function isQuiet(
  { stream, bookmark }: Pick<KnownStream, 'stream' | 'bookmark'>,
  volume: Pick<StreamVolume, 'emptySince'> | undefined,
  now: Date,
): boolean {
  if (stream.replication !== 'append' || !bookmark || !volume?.emptySince) return false
  const emptyMs = bookmark.getTime() - volume.emptySince.getTime()
  return emptyMs >= quietDays * dayMs && now.getTime() - bookmark.getTime() < dayMs
}
