/**
 * How many windows a minute one, two and four processes bring into one lake, where Iterable's limits are out of the way:
 * each has streams of its own, the sandbox has no limits and answers after a while, as Iterable does. Run by
 * `npm run bench -- --workers 1,2,4`.
 */
import { mkdir } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { startSandbox } from '../src/sandbox/index.ts'
import { startEmbeddedPostgres } from '../test/support/embedded-postgres.ts'
import { createDatabase, extensionsHere } from './lake-place.ts'
import { measureWorker } from './process.ts'

const streams = [
  ...['email_send', 'email_open', 'email_click', 'email_bounce'],
  ...['email_send_skip', 'email_subscribe', 'email_unsubscribe', 'email_complaint'],
]
const now = '2026-02-01T00:00:00Z'
const dayMs = 86_400_000

export interface WorkersBench {
  /** Numbers of processes, measured one after the other, each on a lake of its own. */
  readonly counts: readonly number[]
  /** Windows of each stream: one a day. */
  readonly days: number
  readonly eventsPerDay: number
  /** Before each answer of the sandbox. */
  readonly latencyMs: number
  readonly directory: string
}

/** Prints windows a minute of each number of processes, and the ratio to the first. */
export async function benchWorkers({ counts, days, eventsPerDay, latencyMs, directory }: WorkersBench) {
  const extensions = await extensionsHere()
  const server = await startEmbeddedPostgres({ fsync: 'on', full_page_writes: 'on' })
  await using sandbox = await startSandbox({
    now: new Date(now),
    days: days + 1,
    eventsPerDay,
    latencyMs,
    rateLimits: 'off',
    logSize: 1,
  })
  sandbox.warm()
  console.log(
    `${availableParallelism()} cores for all of it, ${streams.length} streams of ${days} windows, ${eventsPerDay} events a day, answers after ${latencyMs} ms`,
  )
  try {
    let first: number | undefined
    for (const count of counts) {
      const catalog = await createDatabase(server.url, `workers_${count}`)
      const lake = join(directory, `lake-${count}`)
      await mkdir(lake)
      const start = new Date(Date.parse(now) - (days + 1) * dayMs).toISOString()
      const task = { url: sandbox.url, apiKey: sandbox.keys.server, catalog, lake, extensions, start }
      // The lake and its tables are there when it begins, with the first window.
      await measureWorker({ ...task, streams, now: new Date(Date.parse(start) + dayMs).toISOString() })
      const parts = Array.from({ length: count }, (_, at) =>
        streams.filter((_stream, index) => index % count === at),
      )
      const workers = await Promise.all(parts.map((part) => measureWorker({ ...task, streams: part, now })))
      const ms =
        Math.max(...workers.map(({ endedMs }) => endedMs)) -
        Math.min(...workers.map(({ begunMs }) => begunMs))
      const windows = workers.reduce((sum, worker) => sum + worker.windows, 0)
      const rows = workers.reduce((sum, worker) => sum + worker.rows, 0)
      const perMinute = windows / (ms / 60_000)
      first ??= perMinute
      console.log(
        `processes: ${count}; ${windows} windows, ${rows} rows in ${(ms / 1000).toFixed(1)} s; windows a minute: ${perMinute.toFixed(0)}; ratio: ${(perMinute / first).toFixed(2)}`,
      )
    }
  } finally {
    await server.stop()
  }
}
