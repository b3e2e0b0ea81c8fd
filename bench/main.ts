/**
 * Ratios against a baseline measured in the same run: our sync (HTTP → committed) and the warehouse's own bulk load of
 * the same rows from a prepared local file alternate, each in a process of its own; medians are printed. The sandbox
 * runs in a third process. Nothing here is a test: a machine under load changes seconds, hardly ratios.
 */
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism, cpus, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startEmbeddedPostgres } from '../test/support/embedded-postgres.ts'
import { requireEqualRows } from './check.ts'
import { benchExport } from './export.ts'
import { benchLake } from './lake.ts'
import { benchMarts } from './marts.ts'
import { benchMirror } from './mirror.ts'
import { benchPartitions } from './partitions.ts'
import { type Measured, measurePeer, measureSync, measureTask, startSandbox, type Task } from './process.ts'
import { benchPages } from './ui.ts'
import { benchWorkers } from './workers.ts'

const usage = `npm run bench -- [--warehouse postgres] [--events N] [--users N] [--rounds N] [--ten-times] [--cores 1,2,4] [--peer COMMAND]
    a sync of events and of profiles, beside the warehouse's own bulk load
npm run bench -- --export [--rows N] [--members N]
    an export, and the plan of a mirror
npm run bench -- --mirror
    a mirror of 10,000, 100,000 and 1,000,000 people
npm run bench -- --ui [--warehouse postgres] [--members N] [--events N]
    each page of the operations page, and the first paint in a browser
npm run bench -- --marts [--warehouse postgres] [--events N] [--rounds N]
    views for analysts, beside queries by hand for the same figures
npm run bench -- --partitions --warehouse postgres [--rows N] [--rounds N]
    a table of events as one, and by month
npm run bench -- --lake EVENTS [--copies N]
    a lake of so many events: a sync into it, one reader of two cores, files and what they cost; N of them are alike
npm run bench -- --workers 1,2,4 [--days N] [--events-per-day N] [--latency MS]
    windows a minute of processes that sync streams of their own into one lake at the same time`

const { values } = parseArgs({
  options: {
    help: { type: 'boolean', default: false },
    warehouse: { type: 'string', default: 'duckdb' },
    events: { type: 'string', default: '1000000' },
    users: { type: 'string', default: '300000' },
    rounds: { type: 'string', default: '3' },
    'ten-times': { type: 'boolean', default: false },
    cores: { type: 'string', default: '' },
    peer: { type: 'string', default: '' },
    export: { type: 'boolean', default: false },
    mirror: { type: 'boolean', default: false },
    ui: { type: 'boolean', default: false },
    marts: { type: 'boolean', default: false },
    partitions: { type: 'boolean', default: false },
    lake: { type: 'string', default: '' },
    copies: { type: 'string', default: '1' },
    workers: { type: 'string', default: '' },
    days: { type: 'string', default: '10' },
    'events-per-day': { type: 'string', default: '2000' },
    latency: { type: 'string', default: '2000' },
    rows: { type: 'string', default: '1000000' },
    members: { type: 'string', default: '2000000' },
  },
})
if (values.help) {
  console.log(usage)
  process.exit()
}
const warehouse = values.warehouse === 'postgres' ? 'postgres' : 'duckdb'
const rounds = Number(values.rounds)
const directory = await mkdtemp(join(tmpdir(), 'iterable-elt-bench-'))
// A server with default durability, as the user's is; only the WAL may grow as with the measured baseline.
const server =
  warehouse === 'postgres'
    ? await startEmbeddedPostgres({ fsync: 'on', full_page_writes: 'on', max_wal_size: '4GB' })
    : undefined
const common = {
  directory,
  warehouse,
  database: server?.url ?? '',
  start: '2025-11-03T00:00:00Z',
  now: '2026-02-01T00:00:00Z',
  name: 'ours',
  keep: false,
} as const

try {
  if (values.export) await benchExport(Number(values.rows), Number(values.members))
  else if (values.mirror) await benchMirror([10_000, 100_000, 1_000_000])
  else if (values.partitions) {
    if (!server) throw new Error('only tables of Postgres are partitioned: add --warehouse postgres')
    await benchPartitions({ url: server.url, rows: Number(values.rows), rounds })
  } else if (values.ui) {
    const [members, sends] = [Number(values.members), Number(values.events)]
    await benchPages({ directory, url: server?.url, members, sends })
  } else if (values.marts) {
    await benchMarts({ directory, url: server?.url, sends: Number(values.events), rounds })
  } else if (values.lake) {
    const events = Number(values.lake)
    if (!(events >= 1000))
      throw new Error(`--lake takes a number of events, 1000 or more; met ${values.lake}`)
    const copies = Number(values.copies)
    if (!Number.isInteger(copies) || copies < 1)
      throw new Error(`--copies takes how many events are alike, 1 or more; met ${values.copies}`)
    await benchLake({ events, copies, directory })
  } else if (values.workers) {
    const [days, eventsPerDay] = [Number(values.days), Number(values['events-per-day'])]
    const counts = values.workers.split(',').map(Number)
    await benchWorkers({ counts, days, eventsPerDay, latencyMs: Number(values.latency), directory })
  } else await benchSync()
} finally {
  await server?.stop()
  await rm(directory, { recursive: true, force: true })
}

async function benchSync(): Promise<void> {
  const [events, users] = [Number(values.events), Number(values.users)]
  console.log(`${cpus()[0]?.model}, ${availableParallelism()} cores, ${Math.round(totalmem() / 2 ** 30)} GB`)
  for (const cores of coresAsked()) {
    if (events > 0) await benchLoad('email_send', { events, users: 0 }, cores)
    if (users > 0) await benchLoad('users', { events: 0, users }, cores)
  }
  if (values['ten-times']) await benchMemory(Number(values.events))
  await benchNoChange()
}

/** How many cores ours and the baseline are bound to, one after the other; all of them unless it is asked. */
function coresAsked(): readonly (number | undefined)[] {
  if (values.cores === '') return [undefined]
  const asked = values.cores.split(',').map(Number)
  const most = availableParallelism()
  for (const cores of asked) {
    if (!Number.isInteger(cores) || cores < 1 || cores > most) {
      throw new Error(
        `--cores takes numbers from 1 to ${most}, the cores of this machine; met ${values.cores}`,
      )
    }
  }
  return asked
}

interface Size {
  readonly events: number
  readonly users: number
}

/** Our sync against the warehouse's own bulk load, in turn. */
async function benchLoad(stream: string, size: Size, cores: number | undefined): Promise<void> {
  await withSandbox(size, async (task) => {
    const work: Task = { ...task, stream, cores }
    // Once for warmth: it also leaves the table whose rows Postgres' baseline takes.
    await measureSync(work)
    const megabytes = ((await measureTask('prepare', work)).bytes ?? 0) / 1e6
    const ours: Measured[] = []
    const baseline: Measured[] = []
    const peer: Measured[] = []
    const serverCpu: number[] = []
    const serverCpuOfBaseline: number[] = []
    for (let round = 0; round < rounds; round += 1) {
      const before = serverCpuSeconds()
      ours.push(await measureSync({ ...work, name: `ours_${round}` }))
      const between = serverCpuSeconds()
      serverCpu.push(between - before)
      baseline.push(await measureTask('baseline', work))
      serverCpuOfBaseline.push(serverCpuSeconds() - between)
      if (values.peer) peer.push(await measurePeer(values.peer, work))
    }
    const rows = ours[0]?.rows ?? 0
    requireEqualRows(stream, [...ours, ...baseline])
    const seconds = median(ours.map((run) => run.seconds))
    const base = median(baseline.map((run) => run.seconds))
    const perGigabyte = (cpu: number) => (cpu / (megabytes / 1000)).toFixed(1)
    const cpu = median(ours.map((run) => run.cpuSeconds)) + median(serverCpu)
    const baseCpu = median(baseline.map((run) => run.cpuSeconds)) + median(serverCpuOfBaseline)
    print(
      `${stream}: ${rows.toLocaleString('en')} rows, ${megabytes.toFixed(0)} MB of NDJSON, ${warehouse}, cores: ${cores ?? availableParallelism()}`,
      [
        ['ours, HTTP → committed', `${seconds.toFixed(2)} s`],
        ['baseline, local file → committed', `${base.toFixed(2)} s`],
        ['ratio (baseline / ours)', (base / seconds).toFixed(2)],
        ['records/s', Math.round(rows / seconds).toLocaleString('en')],
        ['MB/s', (megabytes / seconds).toFixed(0)],
        ['CPU s, ours', cpu.toFixed(2)],
        ['CPU s, baseline', baseCpu.toFixed(2)],
        ['ratio of CPU (ours / baseline)', (cpu / baseCpu).toFixed(2)],
        ['cores busy, ours', (cpu / seconds).toFixed(2)],
        ...(peer.length > 0
          ? ([
              ['peer', `${median(peer.map((run) => run.seconds)).toFixed(2)} s`],
              ['CPU s, peer', median(peer.map((run) => run.cpuSeconds)).toFixed(2)],
              [
                'records/s, peer',
                Math.round(rows / median(peer.map((run) => run.seconds))).toLocaleString('en'),
              ],
            ] as const)
          : []),
        ['CPU s per GB, this process', perGigabyte(median(ours.map((run) => run.cpuSeconds)))],
        ...(server ? [['CPU s per GB, server', perGigabyte(median(serverCpu))] as const] : []),
        ['peak RSS', `${median(ours.map((run) => run.rssMb)).toFixed(0)} MB`],
        ['as many rows as the baseline', 'true'],
      ],
    )
  })
}

/** Peak memory at one and at ten times the data. */
async function benchMemory(events: number): Promise<void> {
  const peaks: number[] = []
  for (const factor of [1, 10]) {
    await withSandbox({ events: events * factor, users: 0 }, async (task) => {
      peaks.push((await measureSync({ ...task, stream: 'email_send', name: `times_${factor}` })).rssMb)
    })
  }
  const [once = 0, tenTimes = 0] = peaks
  print('memory, email_send', [
    ['peak RSS', `${once.toFixed(0)} MB`],
    ['peak RSS at ten times the events', `${tenTimes.toFixed(0)} MB`],
    ['ratio', (tenTimes / once).toFixed(2)],
  ])
}

/** A sync of all sixteen streams that finds nothing new. */
async function benchNoChange(): Promise<void> {
  await withSandbox({ events: 0, users: 0 }, async (task) => {
    const all: Task = { ...task, stream: 'core', name: 'all', keep: true }
    await measureSync(all)
    const again = await measureSync(all)
    print('incremental sync of all sixteen streams, nothing new', [
      ['API calls', String(again.apiCalls)],
      ['seconds', again.seconds.toFixed(2)],
    ])
  })
}

async function withSandbox(size: Size, work: (task: Task) => Promise<void>): Promise<void> {
  const { stop, ...address } = await startSandbox({ ...size, now: common.now })
  try {
    await work({ ...common, ...address, stream: 'core' })
  } finally {
    stop()
  }
}

/** CPU of the server's processes that have ended (Linux only): each connection has one of its own. */
function serverCpuSeconds(): number {
  if (!server || process.platform !== 'linux') return 0
  const fields = readFileSync(`/proc/${server.postmasterPid()}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[13]) + Number(fields[14])) / 100
}

function print(title: string, rows: readonly (readonly [string, string])[]): void {
  console.log(`\n${title}`)
  for (const [name, value] of rows) console.log(`  ${name.padEnd(36)} ${value}`)
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}
