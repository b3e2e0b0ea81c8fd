import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect } from 'vitest'
import { startSandbox } from '../../src/sandbox/index.ts'
import type { Sandbox } from '../../src/sandbox/options.ts'
import { eachWarehouse, type TestWarehouse } from '../support/warehouse.ts'

/** Of thirty days. The half, too, is more than DuckDB gathers before it writes (122,880 rows). */
const rows = 250_000
const root = fileURLToPath(new URL('../..', import.meta.url))
const run = promisify(execFile)

// As it is shipped: a compiler inside of the process would cost 50 MB (measured).
let compiled = ''
let sandbox: Sandbox

beforeAll(async () => {
  sandbox = await startSandbox({ users: 20, bench: { emailSend: rows }, rateLimits: 'off', jobMs: 300 })
  compiled = await mkdtemp(join(root, 'node_modules', '.compiled-'))
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  await run(process.execPath, [tsc, '-p', 'tsconfig.build.json', '--outDir', compiled], { cwd: root })
})

afterAll(async () => {
  await sandbox.close()
  await rm(compiled, { recursive: true, force: true })
})

const program = `
  import { readFile } from 'node:fs/promises'
  const [index, config] = process.argv.slice(1)
  const { open } = await import(index)
  const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, Math.min(ms, 50)))
  const elt = await open(JSON.parse(config), { clock: { now: () => new Date('2026-02-01T00:00:00Z'), sleep } })
  const { rows_written: rows, streams } = await elt.sync()
  await elt[Symbol.asyncDispose]()
  // A process begins with the maxRSS of the one that has started it (Linux, where both are one until it is loaded).
  const status = await readFile('/proc/self/status', 'utf8').catch(() => '')
  const peakMb = Number(/VmHWM:\\s+(\\d+)/.exec(status)?.[1] ?? process.resourceUsage().maxRSS) / 1024
  console.log(JSON.stringify({ rows, error: streams[0].error, peakMb }))`

/** The promise is that of a small machine; on a larger one the process is bound to two cores. */
const onSmallMachine: readonly [string, ...string[]] =
  availableParallelism() > 2 ? ['taskset', '-c', '0,1', process.execPath] : [process.execPath]

interface Result {
  readonly rows: number
  readonly error: string | null
  readonly peakMb: number
}

/** Loads the events of January since a day, in one window unless told otherwise, into a schema of its own, in a process of its own. */
async function loadApart(
  warehouse: TestWarehouse,
  day: string,
  {
    stream = 'email_send',
    route = 'direct',
    windowDays = 366,
  }: { stream?: string; route?: 'direct' | 'jobs'; windowDays?: number } = {},
): Promise<Result> {
  const config = {
    warehouse: warehouse.config,
    schema: `${stream}_${day.replaceAll('-', '')}_${route}_${windowDays}`,
    connections: { iterable: { api_key: sandbox.keys.server, base_url: sandbox.url, rate_limits: 'off' } },
    sync: {
      start_date: day,
      window_in_days: windowDays,
      settle: '0s',
      streams: [stream],
      export_route: route,
    },
  }
  // As the command does it.
  const args = [
    '--expose-gc',
    '--max-semi-space-size=1',
    '--input-type=module',
    '-e',
    program,
    join(compiled, 'index.js'),
    JSON.stringify(config),
  ]
  const [command, ...before] = onSmallMachine
  const { stdout } = await run(command, [...before, ...args])
  return JSON.parse(stdout) as Result
}

eachWarehouse(
  'several windows are loaded in bounded memory, twice as much in one takes no more, nor does a job',
  async (warehouse) => {
    const half = await loadApart(warehouse, '2026-01-17', { windowDays: 6 })
    const whole = await loadApart(warehouse, '2026-01-01')
    const byJobs = await loadApart(warehouse, '2026-01-17', { route: 'jobs' })
    const all = [half, whole, byJobs]
    expect(all.map(({ error }) => error)).toEqual([null, null, null])
    expect(all.map(({ rows: loaded }) => loaded)).toEqual([rows / 2, rows, rows / 2])
    for (const { peakMb } of all) expect(peakMb).toBeLessThan(300)
    expect(whole.peakMb).toBeLessThan(half.peakMb * 1.2)
  },
  300_000,
)

for (const [lines, megabytes] of [
  [1, 60],
  [6, 30],
] as const) {
  eachWarehouse(
    `${lines} of ${megabytes} MB: no more than twice the length of a line beyond the usual`,
    async (warehouse) => {
      const shelf = sandbox.data.events('emailOpen')
      shelf.clear()
      const text = 'some text of it '.repeat(megabytes * 2 ** 16)
      for (let n = 0; n < lines; n += 1) {
        shelf.push(JSON.stringify({ createdAt: '2026-01-20 00:00:00 +00:00', messageId: `long ${n}`, text }))
      }
      const long = await loadApart(warehouse, '2026-01-01', { stream: 'email_open' })
      expect([long.error, long.rows]).toEqual([null, lines])
      expect(long.peakMb).toBeLessThan(300 + 2 * megabytes)
    },
    300_000,
  )
}
