/**
 * A lake of very many events: what a sync brings in while it is there, what one reader of two cores takes to answer, and
 * what it costs to keep. The rows repeat those of the sandbox with messages, people and times of their own; they are made
 * close to the data, as real Parquet files by way of DuckLake. Run by `npm run bench -- --lake 100000000`.
 */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { startSandbox } from '../src/sandbox/index.ts'
import { startEmbeddedPostgres } from '../test/support/embedded-postgres.ts'
import { copyFiles } from './lake-copies.ts'
import { createDatabase, extensionsHere, type LakePlace, onLake } from './lake-place.ts'
import { type MeasuredWorker, measureReader, measureWorker } from './process.ts'

const months = 24
const now = Date.parse('2026-02-01T00:00:00Z')
const dayMs = 86_400_000
/** Days that are really synced, and events of each. */
const synced = { days: 5, eventsPerDay: 60_000 }
/** Of a hundred events. */
const shares = { email_send: 70, email_open: 24, email_click: 6 } as const
type Table = keyof typeof shares

export interface LakeBench {
  readonly events: number
  /** How many times each of them is there: only one of so many is made, the others are copies of whole files. */
  readonly copies: number
  readonly directory: string
}

/** Prints how long it takes to load, to add to, and to read; and bytes, files and prices. */
export async function benchLake({ events, copies, directory }: LakeBench): Promise<void> {
  const extensions = await extensionsHere()
  const server = await startEmbeddedPostgres({ fsync: 'on', full_page_writes: 'on' })
  const lake = join(directory, 'lake')
  await mkdir(lake)
  try {
    const catalog = await createDatabase(server.url, 'lake')
    await using sandbox = await startSandbox({
      now: new Date(now),
      days: synced.days + 1,
      eventsPerDay: synced.eventsPerDay,
      rateLimits: 'off',
      logSize: 1,
    })
    sandbox.warm()
    const streams = ['campaigns', ...Object.keys(shares)]
    const start = new Date(now - synced.days * dayMs)
    const place = { catalog, lake, extensions }
    const task = { ...place, streams, url: sandbox.url, apiKey: sandbox.keys.server }
    const sync = (until: number) =>
      measureWorker({ ...task, start: start.toISOString(), now: new Date(until).toISOString() })
    const first = await sync(now - dayMs)
    said('first sync, an empty lake', first)

    const beganMs = Date.now()
    await fill({ ...place, events: events / copies, directory, until: start })
    if (copies > 1) await copyFiles(place, { tables: Object.keys(shares), times: copies, directory })
    console.log(`${millions(events)} events made in ${seconds(Date.now() - beganMs)} s`)
    said(`the day after, ${millions(events)} events there`, await sync(now))

    const { files, bytes } = await sizeOf(place, directory)
    const gigabytes = bytes / 1e9
    console.log(
      `${files} files, ${gigabytes.toFixed(1)} GB, ${(bytes / events).toFixed(0)} bytes an event; at 0.023 $ a GB ${(gigabytes * 0.023).toFixed(2)} $ a month`,
    )
    for (const [name, query] of Object.entries(questions)) {
      const read = await measureReader({ ...place, directory, query }).catch(() => undefined)
      if (!read) {
        console.log(`${name}: not within 4 GB and 32 GB of files`)
        continue
      }
      console.log(
        `${name}: ${read.seconds.toFixed(1)} s, CPU ${read.cpuSeconds.toFixed(1)} s, ${read.rssMb.toFixed(0)} MB, read ${(read.bytes / 1e9).toFixed(2)} GB`,
      )
    }
  } finally {
    await server.stop()
  }
}

const questions = {
  campaign_performance: 'select * from iterable_marts.campaign_performance',
  daily_events: 'select * from iterable_marts.daily_events',
  'campaigns of one month': `select "campaignId", count(*) from iterable.email_send
    where "createdAt" >= timestamptz '2025-06-01 00:00:00+00' and "createdAt" < timestamptz '2025-07-01 00:00:00+00' group by 1`,
} as const

interface Fill extends LakePlace {
  readonly events: number
  readonly directory: string
  /** They lie in the months before it. */
  readonly until: Date
}

/** Month by month and table by table, each in a transaction, in order of time. */
async function fill({ events, directory, until, ...place }: Fill): Promise<void> {
  const monthSeconds = (30 * dayMs) / 1000
  const sends = Math.floor((events * shares.email_send) / 100 / months)
  await onLake(place, join(directory, 'spill'), async (connection) => {
    for (const table of Object.keys(shares) as Table[]) {
      const sample = `sample_${table}`
      await connection.run(
        `create temp table ${sample} as select row_number() over () - 1 as n, * from iterable.${table} limit 5000`,
      )
      const [samples] = (await connection.runAndReadAll(`select count(*) from ${sample}`)).getRowsJson()
      const rows = Math.floor((events * shares[table]) / 100 / months)
      const step = Math.floor(sends / rows)
      for (let month = 0; month < months; month += 1) {
        const since = until.getTime() / 1000 - (months - month) * monthSeconds
        // The message of a row is that of a send: of each one, or of one of so many.
        const message = `(${month * sends} + k * ${step})`
        await connection.run(
          `insert into iterable.${table} by name
           select * exclude (n, k) replace (
             to_timestamp(${since} + floor(k * ${(step * monthSeconds) / sends}) + ${later[table]}) as "createdAt",
             md5(${message}::varchar) as "messageId",
             'person.' || hash(${message}) % 10000000 || '@example.com' as "email",
             'u-' || hash(${message}) % 10000000 as "userId")
           from (select range as k from range(${rows})) as numbers
             join ${sample} as sample on sample.n = k % ${samples?.[0]}`,
        )
      }
    }
  })
}

/** Seconds from a send to the row of it. */
const later = { email_send: '0', email_open: 'hash(k) % 100000', email_click: 'hash(k) % 200000' } as const

/** Of all tables of the lake. */
async function sizeOf(place: LakePlace, directory: string): Promise<{ files: number; bytes: number }> {
  const [row] = await onLake(place, directory, async (connection) =>
    (
      await connection.runAndReadAll(
        `select sum(file_count)::varchar, sum(file_size_bytes)::varchar from ducklake_table_info('warehouse')`,
      )
    ).getRowsJson(),
  )
  return { files: Number(row?.[0]), bytes: Number(row?.[1]) }
}

const seconds = (ms: number): string => (ms / 1000).toFixed(0)
const millions = (events: number): string => `${(events / 1e6).toLocaleString('en')} million`

function said(what: string, { rows, begunMs, endedMs }: MeasuredWorker): void {
  const ms = endedMs - begunMs
  console.log(`${what}: ${rows} rows in ${seconds(ms)} s, ${Math.round(rows / (ms / 1000))} rows/s`)
}
