/**
 * Views for analysts against queries by hand for the same figures, over rows that SQL makes in the warehouse: so many
 * sends in 300 campaigns, three opens and a click for each ten of them, a bounce for fifty.
 */
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import pg from 'pg'
import { open } from '../src/index.ts'
import { startSandbox } from '../src/sandbox/index.ts'

export interface MartsBench {
  readonly directory: string
  /** Of a Postgres server; without it the warehouse is a DuckDB file. */
  readonly url: string | undefined
  readonly sends: number
  readonly rounds: number
}

export async function benchMarts({ directory, url, sends, rounds }: MartsBench): Promise<void> {
  const path = join(directory, 'marts.duckdb')
  const warehouse = url ? ({ type: 'postgres', url } as const) : ({ type: 'duckdb', path } as const)
  const connect = () => (url ? onPostgres(url) : onDuckdb(path))
  await makeTables(warehouse)
  {
    await using database = await connect()
    for (const statement of rowsOf(sends, warehouse.type)) await database.run(statement)
    console.log(`\nviews, ${sends.toLocaleString('en')} sends, ${url ? 'Postgres' : 'DuckDB with 2 threads'}`)
    await compare(database, rounds)
  }
  const made = await timed(() => keepMessages(warehouse))
  console.log(
    `\nthe same with the views of messages kept as tables, which took ${made.seconds.toFixed(1)} s to fill`,
  )
  await using database = await connect()
  await compare(database, rounds)
}

async function compare(database: Database, rounds: number): Promise<void> {
  for (const [view, { figures, byHand }] of Object.entries(questions)) {
    const times: { view: Times[]; byHand: Times[] } = { view: [], byHand: [] }
    for (let round = 0; round < rounds; round += 1) {
      const ours = await timed(() =>
        database.run(`select ${figures} from iterable_marts.${view} order by 1, 2`),
      )
      const theirs = await timed(() => database.run(`select * from (${byHand}) as figures order by 1, 2`))
      requireSame(view, ours.result, theirs.result)
      times.view.push(ours)
      times.byHand.push(theirs)
    }
    const middle = (all: readonly Times[], of: keyof Times) => median(all.map((one) => one[of]))
    // What else the machine does changes seconds, and hardly the CPU time of an engine that works in this process.
    const measure = database.isHere ? 'cpuSeconds' : 'seconds'
    const inWords = (all: readonly Times[]) => {
      const seconds = `${middle(all, 'seconds').toFixed(2)} s`
      return database.isHere ? `${seconds} (CPU ${middle(all, 'cpuSeconds').toFixed(2)} s)` : seconds
    }
    const ratio = middle(times.view, measure) / middle(times.byHand, measure)
    console.log(
      `  ${view.padEnd(28)} ${inWords(times.view)}, by hand ${inWords(times.byHand)}, ratio ${ratio.toFixed(2)}`,
    )
  }
}

export type Target =
  | { readonly type: 'duckdb'; readonly path: string }
  | { readonly type: 'postgres'; readonly url: string }

async function keepMessages(warehouse: Target): Promise<void> {
  const marts = { materialize: ['sent_messages', 'engagement_events', 'message_facts'] }
  await using elt = await open({ warehouse, marts })
  const notices = await elt.rebuildViews(marts.materialize)
  if (notices.length > 0) throw new Error(notices.join('; '))
}

/** The product's own tables and views, without a row. */
export async function makeTables(warehouse: Target): Promise<void> {
  await using sandbox = await startSandbox({ empty: true, rateLimits: 'off' })
  await using elt = await open({
    warehouse,
    connections: { iterable: { api_key: sandbox.keys.server, base_url: sandbox.url, rate_limits: 'off' } },
    sync: { streams: ['core', 'push', 'purchase'], start_date: '2026-01-01', window_in_days: 366 },
  })
  const { state } = await elt.sync()
  if (state !== 'succeeded') throw new Error(`the empty sync ended as ${state}`)
}

/** Statements that fill the tables with 90 days of messages; every number is made from the number of the row. */
export function rowsOf(
  sends: number,
  kind: Target['type'],
  since = new Date('2026-01-01'),
): readonly string[] {
  const series = (count: number) =>
    kind === 'duckdb' ? `range(${count}) as numbers(n)` : `generate_series(0, ${count - 1}) as numbers(n)`
  const hash = (salt: number) => `mod(n * 2654435761 + ${salt}, 4294967296)`
  // The message of a row: the k-th of each ten, so that no message is met twice by one table.
  const message = (step: string) => `(${step})`
  const at = (number: string, later: string) =>
    `timestamptz '${since.toISOString()}' + (mod(${number}, 7776000) + ${later}) * interval '1 second'`
  const domain = (number: string) =>
    `case mod(mod(${number}, ${Math.ceil(sends / 20)}), 4) when 0 then 'gmail.com' when 1 then 'outlook.com' when 2 then 'web.de' else 'example.com' end`
  const rows = (number: string, later: string, more: string) =>
    `select ${at(number, later)}, 'person.' || mod(${number}, ${Math.ceil(sends / 20)}) || '@' || ${domain(number)},
       1 + mod(${number}, 300), 1001 + mod(${number}, 300), 'message-' || ${number}${more}`
  const into = (table: string, more: string) =>
    `insert into iterable.${table} ("createdAt", "email", "campaignId", "templateId", "messageId"${more}) `
  const agent = `case mod(n, 1000) when 0 then 'Barracuda Sentinel (EE)' else 'Mozilla/5.0 ' || mod(n, 1000) end`
  const one = message('n')
  // Cast, as DuckDB divides whole numbers into fractions.
  const opened = message('cast((n - mod(n, 3)) / 3 as bigint) * 10 + mod(n, 3)')
  return [
    `${into('email_send', '')} ${rows(one, '0', '')} from ${series(sends)}`,
    `${into('email_open', ', "proxySource", "isBot", "userAgent"')} ${rows(
      opened,
      `mod(${hash(1)}, 100000)`,
      `, case when mod(n, 4) = 0 then 'Gmail' end, mod(n, 9) = 0, ${agent}`,
    )} from ${series(Math.floor(sends * 0.3))}`,
    `${into('email_click', ', "url", "isBot", "userAgent"')} ${rows(
      'n * 10',
      `mod(${hash(2)}, 200000)`,
      `, 'https://example.com/' || mod(n, 50), mod(n, 11) = 0, ${agent}`,
    )} from ${series(Math.floor(sends * 0.1))}`,
    `${into('email_bounce', ', "recipientState", "status"')} ${rows(
      'n * 50 + 7',
      '3',
      `, case when mod(n, 3) = 0 then 'HardBounce' else 'SoftBounce' end, case when mod(n, 7) = 0 then '5.7.1' else '5.1.1' end`,
    )} from ${series(Math.floor(sends * 0.02))}`,
    ...(kind === 'postgres' ? ['vacuum analyze'] : ['checkpoint']),
  ]
}

/** The rules of bot_rules for programs, as people would write them who know them. */
const isNoScanner = (agent: string): string =>
  `coalesce(${['%barracuda%', '%proofpoint%', '%mimecast%', '%headlesschrome%', 'python-%', 'curl/%']
    .map((pattern) => `lower(${agent}) not like '${pattern}'`)
    .join(' and ')}, true)`

/** Messages that were opened and clicked, and whether by a person, where messages are known to have one send. */
const opened = `opened as (
        select o."messageId" as id,
          bool_or(not coalesce(o."isBot", false)
            and not (o."proxySource" is not null and o."createdAt" <= s."createdAt" + interval '60 seconds')
            and not (o."createdAt" <= s."createdAt" + interval '1 second')
            and ${isNoScanner('o."userAgent"')}) as is_human
        from iterable.email_open o join iterable.email_send s on s."messageId" = o."messageId"
        group by 1
      )`
const clicked = `clicked as (
        select "messageId" as id, bool_or(not coalesce("isBot", false) and ${isNoScanner('"userAgent"')}) as is_human
        from iterable.email_click group by 1
      )`

/** What people would write who know that every message is an e-mail, has one send, and is that of one person. */
const questions: Readonly<Record<string, { readonly figures: string; readonly byHand: string }>> = {
  campaign_performance: {
    figures:
      'campaign_id, sent, delivered, bounced, hard_bounced, opened, human_opened, clicked, human_clicked',
    byHand: `
      with bounced as (
        select "messageId" as id, bool_or("recipientState" = 'HardBounce') as is_hard from iterable.email_bounce group by 1
      ),
      ${opened},
      ${clicked}
      select s."campaignId", count(*) as sent, count(*) filter (where b.id is null) as delivered, count(b.id) as bounced,
        count(*) filter (where b.is_hard) as hard, count(*) filter (where b.id is null and o.id is not null) as opened,
        count(*) filter (where b.id is null and (o.is_human or k.is_human)) as human_opened,
        count(*) filter (where b.id is null and k.id is not null) as clicked,
        count(*) filter (where b.id is null and k.is_human) as human_clicked
      from iterable.email_send s
        left join bounced b on b.id = s."messageId"
        left join opened o on o.id = s."messageId"
        left join clicked k on k.id = s."messageId"
      group by 1`,
  },
  deliverability_daily: {
    figures: `cast(day as varchar) as day, mailbox_provider, sent, delivered, hard_bounced, policy_bounced, human_opened`,
    byHand: `
      with bounced as (
        select "messageId" as id, bool_or("recipientState" = 'HardBounce') as is_hard, min("status") as status
        from iterable.email_bounce group by 1
      ),
      ${opened},
      ${clicked}
      select cast(cast(s."createdAt" at time zone 'UTC' as date) as varchar) as day,
        case
          when s."email" like '%@gmail.com' or s."email" like '%@googlemail.com' then 'Gmail'
          when s."email" like '%@outlook.%' or s."email" like '%@hotmail.%' then 'Microsoft'
          when s."email" like '%@gmx.%' or s."email" like '%@web.de' then 'GMX/Web.de'
          else 'other'
        end as mailbox_provider,
        count(*) as sent, count(*) filter (where b.id is null) as delivered, count(*) filter (where b.is_hard) as hard_bounced,
        count(*) filter (where b.status like '_.7.%') as policy_bounced,
        count(*) filter (where b.id is null and (o.is_human or k.is_human)) as human_opened
      from iterable.email_send s
        left join bounced b on b.id = s."messageId"
        left join opened o on o.id = s."messageId"
        left join clicked k on k.id = s."messageId"
      group by 1, 2`,
  },
  daily_events: {
    figures: `cast(day as varchar) as day, stream, events`,
    byHand: `with counts as (${['email_send', 'email_open', 'email_click', 'email_bounce']
      .map(
        (table) =>
          `select cast(cast("createdAt" at time zone 'UTC' as date) as varchar) as day, '${table}' as stream, count(*) as events
           from iterable.${table} group by 1`,
      )
      .join(' union all ')})
      select days.day, streams.stream, coalesce(counts.events, 0) as events
      from (select distinct day from counts) as days
        cross join (select distinct stream from counts) as streams
        left join counts on counts.day = days.day and counts.stream = streams.stream`,
  },
}

interface Database extends AsyncDisposable {
  /** The engine works in this process. */
  readonly isHere: boolean
  run(statement: string): Promise<readonly unknown[]>
}

async function onDuckdb(path: string): Promise<Database> {
  const instance = await DuckDBInstance.create(path, { threads: '2' })
  const connection = await instance.connect()
  return {
    isHere: true,
    run: async (statement) => (await connection.runAndReadAll(statement)).getRowsJson(),
    async [Symbol.asyncDispose]() {
      connection.closeSync()
      instance.closeSync()
    },
  }
}

async function onPostgres(url: string): Promise<Database> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  return {
    isHere: false,
    run: async (statement) => (await client.query({ text: statement, rowMode: 'array' })).rows,
    [Symbol.asyncDispose]: () => client.end(),
  }
}

interface Times {
  readonly seconds: number
  readonly cpuSeconds: number
}

async function timed<T>(work: () => Promise<T>): Promise<Times & { result: T }> {
  const startedMs = performance.now()
  const before = process.cpuUsage()
  const result = await work()
  const { user, system } = process.cpuUsage(before)
  return { seconds: (performance.now() - startedMs) / 1000, cpuSeconds: (user + system) / 1e6, result }
}

function requireSame(view: string, ours: readonly unknown[], theirs: readonly unknown[]): void {
  const text = (rows: readonly unknown[]) => rows.map((row) => JSON.stringify(row)).join('\n')
  if (text(ours) !== text(theirs)) throw new Error(`${view} and the query by hand give different figures`)
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}
