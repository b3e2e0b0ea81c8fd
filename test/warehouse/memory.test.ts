import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect } from 'vitest'
import { startSandbox } from '../../src/sandbox/index.ts'
import type { Sandbox } from '../../src/sandbox/options.ts'
import { eachWarehouse, type TestWarehouse } from '../support/warehouse.ts'

/** Of thirty days. The half is more than DuckDB gathers before it writes (122,880 rows). */
const rows = 250_000
const root = fileURLToPath(new URL('../..', import.meta.url))
const run = promisify(execFile)

// As it is shipped: a compiler inside of the process would cost 50 MB (measured).
let compiled = ''
let sandbox: Sandbox

beforeAll(async () => {
  sandbox = await startSandbox({ users: 20, bench: { emailSend: rows }, rateLimits: 'off' })
  compiled = await mkdtemp(join(root, 'node_modules', '.compiled-'))
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  await run(process.execPath, [tsc, '-p', 'tsconfig.build.json', '--outDir', compiled], { cwd: root })
})

afterAll(async () => {
  await sandbox.close()
  await rm(compiled, { recursive: true, force: true })
})

const program = `
  const [index, config] = process.argv.slice(1)
  const { open } = await import(index)
  const elt = await open(JSON.parse(config), { clock: { now: () => new Date('2026-02-01T00:00:00Z') } })
  const { rows_written: rows, streams } = await elt.sync()
  await elt[Symbol.asyncDispose]()
  const peakMb = process.resourceUsage().maxRSS / 1024
  console.log(JSON.stringify({ rows, error: streams[0].error, peakMb }))`

interface Result {
  readonly rows: number
  readonly error: string | null
  readonly peakMb: number
}

/** Loads the events of January since a day in one window, into a schema of its own, in a process of its own. */
async function loadApart(
  warehouse: TestWarehouse,
  day: string,
  turn = 1,
  stream = 'email_send',
): Promise<Result> {
  const config = {
    warehouse: warehouse.config,
    schema: `${stream}_${day.replaceAll('-', '')}_${turn}`,
    connections: { iterable: { api_key: sandbox.keys.server, base_url: sandbox.url, rate_limits: 'off' } },
    sync: { start_date: day, window_in_days: 366, settle: '0s', streams: [stream] },
  }
  const args = ['--input-type=module', '-e', program, join(compiled, 'index.js'), JSON.stringify(config)]
  const { stdout } = await run(process.execPath, args)
  return JSON.parse(stdout) as Result
}

/** The peak of a process is higher now and then, when much else runs: the lower of two counts. */
async function leastOf(warehouse: TestWarehouse, day: string, limitMb: number): Promise<Result> {
  const first = await loadApart(warehouse, day)
  if (first.error !== null || first.peakMb < limitMb) return first
  const second = await loadApart(warehouse, day, 2)
  return { ...second, peakMb: Math.min(first.peakMb, second.peakMb) }
}

eachWarehouse(
  'a large window is loaded in bounded memory, twice as much takes no more',
  async (warehouse) => {
    const half = await leastOf(warehouse, '2026-01-17', 300)
    const whole = await leastOf(warehouse, '2026-01-01', Math.min(300, half.peakMb * 1.2))
    expect([half.error, whole.error]).toEqual([null, null])
    expect([half.rows, whole.rows]).toEqual([rows / 2, rows])
    expect(half.peakMb).toBeLessThan(300)
    expect(whole.peakMb).toBeLessThan(300)
    expect(whole.peakMb).toBeLessThan(half.peakMb * 1.2)
  },
  120_000,
)

eachWarehouse(
  'a text of 60 MB takes no more than twice its size beyond the usual',
  async (warehouse) => {
    const megabytes = 60
    const shelf = sandbox.data.events('emailOpen')
    shelf.clear()
    const text = 'some text of it '.repeat(megabytes * 2 ** 16)
    shelf.push(JSON.stringify({ createdAt: '2026-01-20 00:00:00 +00:00', messageId: 'long', text }))
    const long = await loadApart(warehouse, '2026-01-01', 1, 'email_open')
    expect([long.error, long.rows]).toEqual([null, 1])
    expect(long.peakMb).toBeLessThan(300 + 2 * megabytes)
  },
  120_000,
)
