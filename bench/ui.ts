/**
 * How long each page of the operations page takes with 10,000 runs, two million members of a list, a held plan about half
 * of them and a million sends: each on a server of its own that has read nothing yet, and then as it is once everything on
 * it is there. Run by `npm run bench -- --ui [--warehouse postgres]`.
 */
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { sql } from 'kysely'
import { type Elt, open } from '../src/index.ts'
import { serveUi } from '../src/ui/server.ts'
import { openBrowser } from '../test/ui/browser.ts'
import { makeTables, rowsOf, type Target } from './marts.ts'

const runs = 10_000
const pagesOf = (members: number): readonly string[] => [
  ...['/', '/runs', '/runs?job=export:vip&offset=4000', '/runs?state=failed', '/runs/run1', '/runs/run2'],
  ...[
    '/exports',
    '/exports/vip',
    '/runs/held',
    '/runs/held/plan',
    `/runs/held/plan?person=m${members / 4}@`,
    '/schedules',
    `/person?who=m${members}@example.com`,
    '/actions',
    '/errors',
    '/query',
  ],
  ...['/streams/users', '/streams/email_send', '/streams/list_users'],
  ...['/marts', '/marts/campaign_performance', '/marts/campaign_performance_daily'],
  ...['/marts/deliverability_daily', '/marts/list_growth_daily'],
]
/** What a page may take. */
const mostMs = 200

export async function benchPages({
  directory,
  url,
  members,
  sends,
}: {
  readonly directory: string
  /** Of a Postgres server; a DuckDB file without it. */
  readonly url: string | undefined
  readonly members: number
  readonly sends: number
}): Promise<void> {
  const warehouse: Target =
    url === undefined ? { type: 'duckdb', path: join(directory, 'pages.duckdb') } : { type: 'postgres', url }
  await makeTables(warehouse)
  await using elt = await open({ warehouse, exports: { directory } })
  await elt.exports()
  await fill(elt, members)
  // The pages are about the last days: so are the messages, one a second.
  const since = new Date(Date.now() - Math.min(sends, 7_776_000) * 1_000)
  for (const statement of rowsOf(sends, warehouse.type, since)) await run(elt, statement)
  const pages = pagesOf(members)
  let slow = 0
  {
    // Whoever visits has a browser already: ours is loaded with its first request.
    await using server = await serve(elt)
    await visit(server.url, '/errors')
  }
  for (const page of pages) {
    await using server = await serve(elt)
    const first = await visit(server.url, page)
    let whole = first
    const begunMs = performance.now()
    while (whole.isPending) {
      await delay(100)
      whole = await visit(server.url, page)
    }
    const settledMs = performance.now() - begunMs
    const again = await visit(server.url, page)
    const worst = Math.max(first.ms, again.ms)
    if (worst > mostMs) slow += 1
    const pending = first.isPending ? `, all of it there after ${Math.round(first.ms + settledMs)} ms` : ''
    console.log(
      `${page}: ${Math.round(first.ms)} ms${pending}, again ${Math.round(again.ms)} ms${worst > mostMs ? `, over ${mostMs} ms` : ''}`,
    )
  }
  console.log(`${slow} of ${pages.length} pages took more than ${mostMs} ms`)
  await benchPaint(elt)
}

/** When a browser first paints the overview, of what the server has read by then. */
async function benchPaint(elt: Elt): Promise<void> {
  await using server = await serve(elt)
  await using browser = await openBrowser()
  const page = await browser.context.newPage()
  const paints: number[] = []
  for (let round = 0; round < 5; round += 1) {
    await page.goto(server.url)
    // Asked for from without: the page's own policy forbids text that becomes a script.
    let paint: number | null = null
    while (paint === null) {
      paint = await page.evaluate<number | null>(
        `performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null`,
      )
    }
    paints.push(paint)
  }
  console.log(`first paint of / in a browser: ${paints.map((ms) => `${Math.round(ms)} ms`).join(', ')}`)
}

const serve = (elt: Elt) =>
  serveUi(elt, { port: 0, host: '127.0.0.1', localName: 'bench', secrets: [], now: () => new Date() })

async function visit(
  server: string,
  page: string,
): Promise<{ readonly ms: number; readonly isPending: boolean }> {
  const begin = performance.now()
  const answer = await fetch(new URL(page, server))
  // A page is there when its last byte is.
  const text = await answer.text()
  if (answer.status !== 200) throw new Error(`${page} answered ${answer.status}`)
  return { ms: performance.now() - begin, isPending: text.includes('data-pending') }
}

const run = (elt: Elt, statement: string) => elt.warehouse.use(({ db }) => sql.raw(statement).execute(db))

async function fill(elt: Elt, members: number): Promise<void> {
  const statements = [
    `insert into iterable_sync.exports (name, query, settings, defined_in, created_at, updated_at)
     values ('vip', 'select 1', '{"action": "mirror", "list_id": 1}', 'sql', now(), now())`,
    `insert into iterable_sync.runs (run_id, job, kind, trigger, state, started_at, finished_at, details)
     select 'run' || n, case when n % 2 = 0 then 'sync' else 'export:vip' end,
       case when n % 2 = 0 then 'sync' else 'export' end, 'schedule',
       case when n % 50 = 0 then 'failed' else 'succeeded' end,
       now() - n * interval '1 hour', now() - n * interval '1 hour',
       cast('{"streams": [{"stream": "users", "state": "succeeded", "windows": 3}]}' as json)
     from generate_series(1, ${runs}) as g(n)`,
    `insert into iterable_sync.run_steps
     select 'run' || (2 * (n / 100) + 2), case when n % 3 = 0 then 'users' else 'email_send' end, 'window ' || n, null, null,
       now() - n * interval '1 minute', now() - n * interval '1 minute' + interval '40 seconds', 100, 100, 0, 1000, 1,
       n % 7, 10, n % 100, 100, 0
     from generate_series(1, 99999) as g(n)`,
    `insert into iterable_sync.run_log
     select 'run' || (2 * (n / 100) + 2), n, now() - n * interval '1 minute', 'info', 'users', 'something was told, no. ' || n
     from generate_series(1, 99999) as g(n)`,
    `insert into iterable_sync.export_runs (run_id, export, action, list_id, phase, definition_hash, mapping_hash,
       envelope, started_at)
     select 'run' || n, 'vip', 'mirror', 1, 'done', '', '', cast('{}' as json), now() - n * interval '1 hour'
     from generate_series(1, ${runs}, 2) as g(n)`,
    `insert into iterable_sync.batches (run_id, batch_no, op, first_seq, last_seq, row_count, bytes, state, attempts, sent_at,
       acked_at)
     select 'run' || (2 * (n / 2000) + 1), n % 2000, 'add', n, n, 1000, 100000, 'acked', 1, now(), now()
     from generate_series(0, 99999) as g(n)`,
    `insert into iterable_sync.runs (run_id, job, kind, trigger, state, started_at)
     values ('held', 'export:vip', 'export', 'schedule', 'held', now())`,
    `insert into iterable_sync.export_runs (run_id, export, action, list_id, phase, definition_hash, mapping_hash,
       envelope, started_at, planned_at)
     values ('held', 'vip', 'mirror', 1, 'held', '', '', cast('{}' as json), now(), now())`,
    `insert into iterable_sync.plan (run_id, seq, op, member_key, payload, hash, bytes)
     select 'held', n, case when n <= ${members / 4} then 'add' else 'remove' end, 'e:m' || n || '@example.com',
       '{"email":"m' || n || '@example.com","dataFields":{"score":' || n || '}}', 'h', 60
     from generate_series(1, ${members / 2}) as g(n)`,
    `insert into iterable_sync.batches (run_id, batch_no, op, first_seq, last_seq, row_count, bytes, state)
     select 'held', n, case when n <= ${members / 4000} then 'add' else 'remove' end, (n - 1) * 1000 + 1, n * 1000, 1000, 60000, 'pending'
     from generate_series(1, ${members / 2000}) as g(n)`,
    `insert into iterable_sync.members (export, list_id, member_key, status, payload, hash, run_id, confirmed_at)
     select 'vip', 1, 'e:m' || n || '@example.com', 'member', '{"email":"m' || n || '@example.com"}', 'h', 'run1', now()
     from generate_series(1, ${members}) as g(n)`,
    `insert into iterable.list_users ("listId", "email", "updatedAt")
     select 1, 'm' || n || '@example.com', now() from generate_series(1, ${members}) as g(n)`,
    `insert into iterable.users ("email", "profileUpdatedAt")
     select 'm' || n || '@example.com', now() from generate_series(1, ${members}) as g(n)`,
    `insert into iterable_sync.list_reads (list_id, first_read_at, last_read_at)
     values (1, now() - interval '90 days', now())`,
    `insert into iterable_sync.list_changes (list_id, email, change, since, found_at, run_id)
     select 1, 'm' || n || '@example.com', 'joined', now() - (n % 89 + 1) * interval '1 day', now() - (n % 89) * interval '1 day', 'run2'
     from generate_series(1, ${Math.ceil(members / 10)}) as g(n)`,
    'analyze',
  ]
  for (const statement of statements) await run(elt, statement)
}
