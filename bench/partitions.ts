/**
 * What parts by month cost and save: a table of events of three years as one, and the same converted, in two databases of
 * one server. A window is replaced, what is old is dropped, rows are counted: in turn on either.
 */
import pg from 'pg'
import { catalogue, type Stream } from '../src/catalog/index.ts'
import { openPostgres } from '../src/warehouse/postgres/warehouse.ts'
import { change, deleteBefore } from '../src/warehouse/sql.ts'
import { ensureTables } from '../src/warehouse/tables.ts'

export interface PartitionsBench {
  readonly url: string
  readonly rows: number
  readonly rounds: number
}

const table = '"iterable"."email_open"'
const first = '2023-01-01'
const months = 36

export async function benchPartitions({ url, rows, rounds }: PartitionsBench): Promise<void> {
  await using plain = await makeTable(url, 'plain', rows)
  await using parted = await makeTable(url, 'parted', rows)
  console.log(`\n${rows.toLocaleString('en')} opens of ${months} months, Postgres`)
  const converting = await seconds(async () => {
    await parted.warehouse.upkeep.partition?.({ streams: [parted.stream], isDryRun: false })
  })
  console.log(`  migrate --partition took ${shown(converting)}`)
  for (const { run } of [plain, parted]) await run(`vacuum analyze ${table}`)
  for (const [what, { work, isOnce }] of Object.entries(works)) {
    const took: readonly number[][] = [[], []]
    for (let round = 0; round < (isOnce ? 1 : rounds); round += 1)
      for (const [index, one] of [plain, parted].entries()) took[index]?.push(await work(one))
    const [asOne = 0, byMonth = 0] = took.map(median)
    console.log(`  ${what.padEnd(36)} ${shown(asOne)} as one table, ${shown(byMonth)} by month`)
  }
}

type Table = Awaited<ReturnType<typeof makeTable>>

async function makeTable(server: string, name: string, rows: number) {
  const url = new URL(server)
  url.pathname = `/${name}`
  await withClient(server, (client) => client.query(`create database ${name}`))
  const warehouse = await openPostgres({ source: { url: url.href }, schema: 'iterable' })
  const stream = catalogue('email').find((one) => one.name === 'email_open') as Stream
  await warehouse.transaction((tx) => ensureTables(tx, [stream], new Date()))
  const client = new pg.Client({ connectionString: url.href })
  await client.connect()
  await client.query(fill(rows))
  return {
    warehouse,
    stream,
    run: (statement: string) => client.query(statement),
    async [Symbol.asyncDispose]() {
      await client.end()
      await warehouse[Symbol.asyncDispose]()
    },
  }
}

/** Rows like those of a sync, in the order of their time. */
const fill = (rows: number): string => `
  insert into ${table} ("createdAt", email, "messageId", "campaignId", "templateId", "userAgent", ip, "_run_id", "_loaded_at")
  select timestamptz '${first} 00:00+00' + n / ${rows}::float8 * (timestamptz '2026-01-01 00:00+00' - timestamptz '${first} 00:00+00'),
    'person' || n % 200000 || '@example.com', md5(n::text), n % 300, n % 300,
    'Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15', '192.0.2.' || n % 255, 'run', now()
  from generate_series(0, ${rows - 1}) as n`

interface Work {
  readonly work: (table: Table) => Promise<number>
  /** It cannot be done again. */
  readonly isOnce?: boolean
}

/** The statements of a load alone: what it brings is there. */
const replaced = (from: string, to: string): Work => ({
  async work({ run }) {
    const isWithin = `"createdAt" >= '${from} 00:00+00' and "createdAt" < '${to} 00:00+00'`
    await run(`create temp table rows_of_window as select * from ${table} where ${isWithin}`)
    const took = await seconds(() =>
      run(
        `begin; delete from ${table} where ${isWithin}; insert into ${table} select * from rows_of_window; commit`,
      ),
    )
    await run('drop table rows_of_window')
    return took
  },
})

const ran = (statement: string): Work => ({ work: ({ run }) => seconds(() => run(statement)) })

const dropped: Work = {
  isOnce: true,
  work: ({ warehouse }) =>
    seconds(() =>
      warehouse.transaction(async (tx) => {
        const before = new Date('2024-01-01')
        await warehouse.upkeep.dropParts?.(tx, table, before)
        await change(tx.tables, deleteBefore(table, 'createdAt', before))
      }),
    ),
}

const counted = `select "campaignId", count(*) from ${table}`
const works: Readonly<Record<string, Work>> = {
  'a window of a day is replaced': replaced('2025-12-30', '2025-12-31'),
  'a window of 30 days is replaced': replaced('2025-11-15', '2025-12-15'),
  'vacuum after them': { ...ran(`vacuum ${table}`), isOnce: true },
  'a month is counted by campaign': ran(
    `${counted} where "createdAt" >= '2025-11-01' and "createdAt" < '2025-12-01' group by 1`,
  ),
  'all months are counted by campaign': ran(`${counted} group by 1`),
  'a message is looked up': ran(`select * from ${table} where "messageId" = md5('77')`),
  'the oldest year is dropped': dropped,
  'vacuum after it': { ...ran(`vacuum ${table}`), isOnce: true },
  'all of the rest is counted': ran(`select count(*) from ${table}`),
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now()
  await work()
  return (performance.now() - began) / 1000
}

const shown = (took: number): string => `${took.toFixed(took < 10 ? 3 : 1)} s`.padStart(8)

async function withClient(url: string, work: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await work(client)
  } finally {
    await client.end()
  }
}
