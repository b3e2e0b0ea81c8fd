/**
 * Rows per second and memory of an export, as ratios to the same rows read and turned into the same JSON with nothing
 * sent; and of the diff of a mirror, as a ratio to the bare join. Run by `npm run bench -- --export`, or alone:
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
import { checkDefinition } from '../src/export/definition/definition.ts'
import { mapColumns } from '../src/export/rows/mapping.ts'
import { payloadBuilder } from '../src/export/rows/payload.ts'
import { bodyOf } from '../src/export/send/body.ts'
import { type Elt, open } from '../src/index.ts'
import { readStatement } from '../src/warehouse/statement.ts'

interface Measured {
  readonly seconds: number
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
  const ratio = (ours.seconds / baseline.seconds).toFixed(2)
  console.log(
    `${what}: ${ours.seconds.toFixed(1)} s (${Math.round(rows / ours.seconds)} rows/s), ${ours.peakMb} MB; baseline ${baseline.seconds.toFixed(1)} s, ${baseline.peakMb} MB; ratio ${ratio}`,
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

const tasks: Readonly<Record<string, (directory: string, target: string, rows: number) => Promise<number>>> =
  {
    /** The same rows, the same JSON, nothing sent. */
    async baseline(directory, target, rows) {
      await using elt = await openElt(directory, target)
      await makePeople(elt, rows)
      const startedMs = performance.now()
      await elt.warehouse.use(async (session) => {
        const { settings } = checkDefinition('x', {
          query,
          settings: { action: 'add', list_id: listId },
          placeOf: () => '',
        })
        await using selection = await session.select(readStatement(query))
        const build = payloadBuilder(
          mapColumns(selection.columns, settings, { projectType: 'email', now: new Date(0) }),
          settings,
        )
        const envelope = { listId, updateExistingUsersOnly: false, channelUnsubscribe: false }
        let batch: { seq: number; member_key: string; payload: string; before: null }[] = []
        for await (const part of selection.rows) {
          for (const row of part) {
            const built = build(row)
            if ('payload' in built)
              batch.push({ seq: 0, member_key: built.key, payload: built.payload, before: null })
            if (batch.length < 1_000) continue
            bodyOf('add', batch, envelope)
            batch = []
          }
        }
      })
      return (performance.now() - startedMs) / 1000
    },
    async add(directory, target) {
      await using elt = await openElt(directory, target)
      await save(directory, 'add')
      const startedMs = performance.now()
      const { state, error } = await elt.export('add')
      if (state !== 'succeeded') throw new Error(`${state}: ${error}`)
      return (performance.now() - startedMs) / 1000
    },
    /** The state of a mirror as if all of them had been sent, then a change in every hundredth row. */
    async 'mirror-prepare'(directory, target, rows) {
      await using elt = await openElt(directory, target)
      await makePeople(elt, rows)
      await save(directory, 'mirror')
      const startedMs = performance.now()
      const { state, error } = await elt.export('mirror')
      if (state !== 'succeeded') throw new Error(`${state}: ${error}`)
      await run(elt, 'update iterable.people set score = score + 1000 where score = 7')
      return (performance.now() - startedMs) / 1000
    },
    /** The join of keys and hashes that any diff needs. */
    async 'mirror-join'(directory, target) {
      await using elt = await openElt(directory, target)
      const startedMs = performance.now()
      await run(
        elt,
        `create temp table joined as select m.member_key from iterable_sync.members m
       full join (select 'e:' || email as member_key, md5(concat_ws(',', email, "firstName", ltv, score, "lastOrderAt", vip)) as hash from iterable.people) s
       on s.member_key = m.member_key where m.member_key is null or s.member_key is null or s.hash = m.hash`,
      )
      return (performance.now() - startedMs) / 1000
    },
    async 'mirror-diff'(directory, target) {
      await using elt = await openElt(directory, target)
      const startedMs = performance.now()
      const { planned } = await elt.planExport('mirror')
      if (planned.update === 0 || planned.add > 0) throw new Error(`planned ${JSON.stringify(planned)}`)
      return (performance.now() - startedMs) / 1000
    },
  }

const [flag, task = '', directory = '', target = '', rows = '0'] = process.argv.slice(2)
if (flag === '--child' && task === 'source') {
  const { port } = (await answerAtOnce()).address() as AddressInfo
  console.log(`http://127.0.0.1:${port} key`)
} else if (flag === '--child') {
  const seconds = await (tasks[task] as (typeof tasks)[string])(directory, target, Number(rows))
  console.log(JSON.stringify({ seconds, peakMb: Math.round(process.resourceUsage().maxRSS / 1024) }))
} else if (import.meta.filename === process.argv[1]) {
  await benchExport(Number(flag ?? 1_000_000), Number(task || 2_000_000))
}
