/** Tasks that `process.ts` runs in processes of their own; the last line printed is the result. */
import { createReadStream, createWriteStream } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import pg from 'pg'
import { from as copyFrom, to as copyTo } from 'pg-copy-streams'
import { duckdbBaseline } from './duckdb-baseline.ts'
import { onLake } from './lake-place.ts'
import type { ReaderTask, Task } from './process.ts'

const [name = '', json = '{}'] = process.argv.slice(2)
const input = JSON.parse(json)
if (name === 'sandbox') await sandbox(input)
else
  console.log(
    JSON.stringify(await { prepare, baseline, read }[name as 'prepare' | 'baseline' | 'read'](input)),
  )

async function sandbox({
  events,
  users,
  now,
}: {
  events: number
  users: number
  now: string
}): Promise<void> {
  const { startSandbox } = await import('../src/sandbox/index.ts')
  const running = await startSandbox({
    rateLimits: 'off',
    now: new Date(now),
    days: 90,
    cacheBytes: 12e9,
    bench: { ...(events && { emailSend: events }), ...(users && { users }) },
  })
  if (events) running.warm('emailSend')
  if (users) running.warm('user')
  console.log(JSON.stringify({ url: running.url, apiKey: running.keys.server }))
}

/** Writes what the baseline loads: the rows as the sandbox sends them, or as Postgres itself writes them. */
async function prepare({ stream, directory, url, apiKey, start, now, warehouse, database }: Task) {
  const file = join(directory, `${stream}.ndjson`)
  const time = (at: string) => new Date(at).toISOString().slice(0, 19).replace('T', ' ')
  const query = new URLSearchParams({
    dataTypeName: stream === 'users' ? 'user' : 'emailSend',
    startDateTime: time(start),
    endDateTime: time(now),
  })
  const response = await fetch(`${url}/api/export/data.json?${query}`, { headers: { 'Api-Key': apiKey } })
  await pipeline(Readable.fromWeb(response.body as never), createWriteStream(file))
  if (warehouse === 'postgres') {
    await onPostgres(database, async (client) => {
      const rows = client.query(copyTo(`copy ours."${stream}" to stdout (format csv)`))
      await pipeline(rows, createWriteStream(join(directory, `${stream}.csv`)))
    })
  }
  return { seconds: 0, cpuSeconds: 0, rssMb: 0, bytes: (await stat(file)).size }
}

/** The warehouse's own bulk load of the prepared file. */
async function baseline({ stream, directory, warehouse, database }: Task) {
  const load =
    warehouse === 'duckdb'
      ? () => duckdbBaseline(stream, directory)
      : await postgresBaseline(database, stream, join(directory, `${stream}.csv`))
  const begin = performance.now()
  const before = process.cpuUsage()
  const rows = await load()
  const { user, system } = process.cpuUsage(before)
  return { seconds: (performance.now() - begin) / 1000, cpuSeconds: (user + system) / 1e6, rssMb: 0, rows }
}

/** A query on a lake; what it reads is the kernel's count (Linux only). */
async function read({ query, directory, ...place }: ReaderTask) {
  return onLake(place, join(directory, 'spill'), async (connection) => {
    const begin = performance.now()
    const before = process.cpuUsage()
    const read = await bytesRead()
    const rows = (await connection.runAndReadAll(query)).currentRowCount
    const { user, system } = process.cpuUsage(before)
    return {
      seconds: (performance.now() - begin) / 1000,
      cpuSeconds: (user + system) / 1e6,
      rows,
      rssMb: process.resourceUsage().maxRSS / 1024,
      bytes: (await bytesRead()) - read,
    }
  })
}

async function bytesRead(): Promise<number> {
  const counted = /rchar: (\d+)/.exec(await readFile('/proc/self/io', 'utf8'))
  return Number(counted?.[1] ?? Number.NaN)
}

/** COPY of the prepared CSV into a table of the same columns. */
async function postgresBaseline(
  database: string,
  stream: string,
  file: string,
): Promise<() => Promise<number>> {
  await onPostgres(database, async (client) => {
    await client.query('drop table if exists public.baseline')
    await client.query(`create table public.baseline (like ours."${stream}" including indexes)`)
  })
  return () =>
    onPostgres(database, async (client) => {
      const copy = client.query(copyFrom('copy public.baseline from stdin (format csv)'))
      await pipeline(createReadStream(file, { highWaterMark: 2 ** 20 }), copy)
      return copy.rowCount
    })
}

async function onPostgres<T>(database: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client(database)
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}
