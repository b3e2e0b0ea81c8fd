/** How quick a sync can be at best, whatever its plan. */
import { directLanes, jobSlots } from '../../src/sync/routes.ts'
import { assumed } from './pace-simulation.ts'

const { answerSeconds, directBytesPerSecond, jobSeconds, jobBytesPerSecond, roomBytes } = assumed

/**
 * The least seconds that limits and assumptions allow for so many streams and bytes, each at its best alone. Nothing
 * comes before the first byte of an answer, or of a job: that binds everybody.
 */
export function floorSeconds(streams: number, bytes: number): number {
  for (let seconds = Math.min(answerSeconds, jobSeconds); ; seconds += Math.ceil(seconds / 5000)) {
    const answering = Math.max(0, seconds - answerSeconds)
    const exporting = Math.max(0, seconds - jobSeconds)
    const asked = 4 * (Math.floor(answering / 60) + 1) + jobSlots * Math.floor(seconds / jobSeconds)
    const brought = directLanes * directBytesPerSecond * answering + jobSlots * jobBytesPerSecond * exporting
    if (asked >= streams && brought >= bytes) return seconds
  }
}

/** The pace that the client keeps: a minute and two per cent. */
const minuteSeconds = 61.2

/**
 * The same for requests and jobs that are whole ones. Each stream takes one of either. A request has its turn in the
 * rate limit and waits in one of the lanes for its first byte; a job starts a second after the one before it, waits in
 * its slot for its first byte, and brings what the disk has room for. Whoever waits brings nothing. To a thousandth.
 */
export function wholeSeconds(streams: number, bytes: number): number {
  for (let seconds = floorSeconds(streams, bytes); ; seconds += Math.ceil(seconds / 1000)) {
    const most = 4 * (Math.floor(Math.max(0, seconds - answerSeconds) / minuteSeconds) + 1)
    for (let requests = 0; requests <= most; requests += 1) {
      if (isEnough(seconds, { requests, streams, bytes })) return seconds
    }
  }
}

interface Asked {
  readonly requests: number
  readonly streams: number
  readonly bytes: number
}

function isEnough(seconds: number, { requests, streams, bytes }: Asked): boolean {
  const answering = Math.min(requests, directLanes) * seconds - requests * answerSeconds
  const left = Math.max(0, bytes - answering * directBytesPerSecond)
  const jobs = Math.max(0, streams - requests, Math.ceil(left / roomBytes))
  const slots = Array.from({ length: jobSlots }, (_, second) => Math.max(0, seconds - second))
  const fitting = slots.reduce((sum, slot) => sum + Math.floor(slot / jobSeconds), 0)
  const working = slots.reduce((sum, slot) => sum + slot, 0) - jobs * jobSeconds
  return answering >= 0 && jobs <= fitting && left <= working * jobBytesPerSecond
}
