/** A worker in a process of its own, for tests that kill it. Its time runs as fast as the test wants. */
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { runWorker } from '../../src/schedule/worker.ts'
import { openPostgres } from '../../src/warehouse/postgres/warehouse.ts'

const { url, base, scale, index, concurrency } = JSON.parse(process.argv[2] as string) as Record<
  string,
  number
> & {
  url: string
}
const startedAt = Number(base)
/** What the clock of the workers shows at `base`. */
const startOfTime = Date.parse('2026-03-01T00:08:00Z')
const stop = new AbortController()
process.on('SIGTERM', () => stop.abort())

const warehouse = await openPostgres({ source: { url }, schema: 'iterable', threads: 1 })
const effects = new pg.Pool({ connectionString: url, max: 4 })
effects.on('error', () => {})
const sleep = (delayMs: number, signal?: AbortSignal) =>
  delay(Math.max(1, delayMs), undefined, signal && { signal })

await runWorker({
  warehouse,
  jobs: {
    definitions: async () => [],
    async run({ runId, job, nominalAt, signal }) {
      await delay(5 + Math.random() * 60, undefined, { signal }).catch(() => {})
      if (signal.aborted) return { state: 'cancelled', kind: 'run' }
      await effects.query('insert into effects (run_id, job, nominal_at) values ($1, $2, $3)', [
        runId,
        job,
        nominalAt,
      ])
      return { state: 'succeeded', kind: 'run' }
    },
  },
  workerId: `worker-${process.pid}-${index}`,
  host: 'test',
  pid: process.pid,
  concurrency: Number(concurrency),
  disableAfterFailures: 5,
  leaseMs: 3_000 * Number(scale),
  isAlone: false,
  announce: async () => {},
  time: () => new Date(startOfTime + (Date.now() - startedAt) * Number(scale)),
  pollMs: 400,
  refreshMs: 1e9,
  graceMs: 2_000,
  signal: stop.signal,
  deliver: async () => {},
  watch: (onChange) => warehouse.watch(['run_requests', 'schedules'], onChange),
  // What the worker plans in its own time passes faster on the clock of the machine; its polls do not.
  sleep: (delayMs, signal) => sleep(Math.min(delayMs, 400), signal),
  onEvent(event) {
    if (event.type === 'failed' || event.type === 'notice') console.error(`${index}: ${event.message}`)
  },
})
await effects.end()
await warehouse[Symbol.asyncDispose]()
process.exit(0)
