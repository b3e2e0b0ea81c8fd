/**
 * Rows per second, CPU and memory of an export, beside the same rows as the engine by itself writes them to a file of JSON;
 * and of the diff of a mirror, beside the bare join. Run by `npm run bench -- --export`, or alone:
 * `tsx bench/export.ts [rows] [members]`. Every measurement is a process of its own.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { build } from 'esbuild'
import { sql } from 'kysely'
import { type Elt, open } from '../src/index.ts'

interface Measured {
  readonly seconds: number
  readonly cpuSeconds: number
  readonly peakMb: number
}

const listId = 5_001
const query = 'select * from iterable.people'

/** Both benchmarks; prints as they go. */
export async function benchExport(rows: number, members: number): Promise<void> {
  await withSource(async (url) => {
    await inDirectory(async (directory) => {
      const baseline = await measure('baseline', directory, url, rows)
      const add = await measure('add', directory, url, rows)
      say(`export of ${rows} rows`, add, baseline, rows)
    })
  })
  await withSource(async (url) => {
    await inDirectory(async (directory) => {
      await measure('mirror-prepare', directory, url, members)
      const join = await measure('mirror-join', directory, url, members)
      const diff = await measure('mirror-diff', directory, url, members)
      say(`dry run of a mirror of ${members} people, 1 % changed`, diff, join, members)
    })
  })
}

function say(what: string, ours: Measured, baseline: Measured, rows: number): void {
  const of = ({ seconds, cpuSeconds, peakMb }: Measured) =>
    `${seconds.toFixed(1)} s, ${cpuSeconds.toFixed(1)} CPU seconds, ${peakMb} MB`
  const [time, cpu] = [ours.seconds / baseline.seconds, ours.cpuSeconds / baseline.cpuSeconds]
  console.log(
    `${what}: ${of(ours)} (${Math.round(rows / ours.seconds)} rows/s); baseline ${of(baseline)}; ratio ${time.toFixed(2)}, of CPU ${cpu.toFixed(2)}`,
  )
}

async function inDirectory(work: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'iterable-elt-bench-'))
  try {
    await work(directory)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

async function withSource(work: (url: string) => Promise<void>): Promise<void> {
  const child = spawn(process.execPath, [await bundle(), '--child', 'source'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const url = await new Promise<string>((resolve) =>
    child.stdout.once('data', (chunk) => resolve(String(chunk).trim())),
  )
  try {
    await work(url)
  } finally {
    child.kill()
  }
}

/** This file as plain JavaScript: a compiler inside of the processes would count as their memory. */
function bundle(): Promise<string> {
  bundled ??= makeBundle()
  return bundled
}

let bundled: Promise<string> | undefined

async function makeBundle(): Promise<string> {
  const outfile = join(import.meta.dirname, '../node_modules/.cache/iterable-elt/bench-export.js')
  await build({
    entryPoints: [import.meta.filename],
    outfile,
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'node20',
  })
  return outfile
}

async function measure(task: string, directory: string, url: string, rows: number): Promise<Measured> {
  const args = [await bundle(), '--child', task, directory, url, String(rows)]
  const child = spawn(process.execPath, ['--expose-gc', ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  const chunks: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
  return new Promise((resolve, reject) =>
    child.once('exit', (code) =>
      code === 0
        ? resolve(JSON.parse(Buffer.concat(chunks).toString()))
        : reject(new Error(`${task} ended with ${code}`)),
    ),
  )
}

async function openElt(directory: string, target: string): Promise<Elt> {
  const [url = '', key = ''] = target.split(' ')
  await mkdir(join(directory, 'exports'), { recursive: true })
  return open({
    warehouse: { type: 'duckdb', path: join(directory, 'w.duckdb') },
    connections: { iterable: { type: 'iterable', api_key: key, base_url: url, rate_limits: 'off' } },
    exports: { directory: join(directory, 'exports') },
  })
}

const save = (directory: string, action: string) =>
  writeFile(
    join(directory, 'exports', `${action}.sql`),
    `/*\naction: ${action}\nlist_id: ${listId}\nnew_fields: create\nbrakes: { field_names: off }\n*/\n${query}`,
  )

async function run(elt: Elt, statement: string): Promise<void> {
  await elt.warehouse.use(({ db }) => sql.raw(statement).execute(db))
}

/**
 * Takes whatever is sent: to look at a person, as the sandbox does, costs three times as much as to plan and to send them
 * (measured, 29 CPU seconds for a million).
 */
async function answerAtOnce(): Promise<Server> {
  const lists = { lists: [{ id: listId, name: 'Bench', createdAt: 0, listType: 'Standard' }] }
  const server = createServer(async (request, response) => {
    const body = await text(request)
    const taken = { successCount: body.split('"email":').length - 1, failCount: 0 }
    const answer =
      request.method === 'POST' ? taken : /getFields/.test(request.url ?? '') ? { fields: {} } : lists
    response.setHeader('content-type', 'application/json').end(JSON.stringify(answer))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return server
}

type Timed = Pick<Measured, 'seconds' | 'cpuSeconds'>

async function timed(work: () => Promise<unknown>): Promise<Timed> {
  const [startedMs, before] = [performance.now(), process.cpuUsage()]
  await work()
  const { user, system } = process.cpuUsage(before)
  return { seconds: (performance.now() - startedMs) / 1000, cpuSeconds: (user + system) / 1e6 }
}

async function sent(elt: Elt, name: string): Promise<void> {
  const { state, error } = await elt.export(name)
  if (state !== 'succeeded') throw new Error(`${state}: ${error}`)
}

/** A table of people with five fields. */
async function makePeople(elt: Elt, rows: number): Promise<void> {
  await elt.exports()
  await run(
    elt,
    `create or replace table iterable.people as select 'person' || n || '@example.com' as email, 'First' || (n % 1000) as "firstName",
     n * 1.5 as ltv, n % 97 as score, timestamptz '2026-01-01 00:00:00+00' + to_seconds(n) as "lastOrderAt", n % 2 = 0 as vip
     from range(${rows}) as g(n)`,
  )
}

const tasks: Readonly<Record<string, (directory: string, target: string, rows: number) => Promise<Timed>>> = {
  /** The same rows as JSON in a file, as the engine writes them by itself. */
  async baseline(directory, target, rows) {
    await using elt = await openElt(directory, target)
    await makePeople(elt, rows)
    return await timed(() => run(elt, `copy (${query}) to '${join(directory, 'people.json')}' (format json)`))
  },
  async add(directory, target) {
    await using elt = await openElt(directory, target)
    await save(directory, 'add')
    return await timed(() => sent(elt, 'add'))
  },
  /** The state of a mirror as if all of them had been sent, then a change in every hundredth row. */
  async 'mirror-prepare'(directory, target, rows) {
    await using elt = await openElt(directory, target)
    await makePeople(elt, rows)
    await save(directory, 'mirror')
    const measured = await timed(() => sent(elt, 'mirror'))
    await run(elt, 'update iterable.people set score = score + 1000 where score = 7')
    return measured
  },
  /** The join of keys and hashes that any diff needs. */
  async 'mirror-join'(directory, target) {
    await using elt = await openElt(directory, target)
    const join = `create temp table joined as select m.member_key from iterable_sync.members m
       full join (select 'e:' || email as member_key, md5(concat_ws(',', email, "firstName", ltv, score, "lastOrderAt", vip)) as hash from iterable.people) s
       on s.member_key = m.member_key where m.member_key is null or s.member_key is null or s.hash = m.hash`
    return await timed(() => run(elt, join))
  },
  async 'mirror-diff'(directory, target) {
    await using elt = await openElt(directory, target)
    return await timed(async () => {
      const { planned } = await elt.planExport('mirror')
      if (planned.update === 0 || planned.add > 0) throw new Error(`planned ${JSON.stringify(planned)}`)
    })
  },
}

const [flag, task = '', directory = '', target = '', rows = '0'] = process.argv.slice(2)
if (flag === '--child' && task === 'source') {
  const { port } = (await answerAtOnce()).address() as AddressInfo
  console.log(`http://127.0.0.1:${port} key`)
} else if (flag === '--child') {
  const measured = await (tasks[task] as (typeof tasks)[string])(directory, target, Number(rows))
  console.log(JSON.stringify({ ...measured, peakMb: Math.round(process.resourceUsage().maxRSS / 1024) }))
} else if (import.meta.filename === process.argv[1]) {
  await benchExport(Number(flag ?? 1_000_000), Number(task || 2_000_000))
}
