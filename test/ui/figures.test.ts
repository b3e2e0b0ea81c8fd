import { setTimeout as delay } from 'node:timers/promises'
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { open } from '../../src/index.ts'
import { readMart } from '../../src/report/mart.ts'
import { readPerson } from '../../src/report/person.ts'
import type { ReportSource } from '../../src/report/read.ts'
import { LastStates } from '../../src/ui/last-states.ts'
import { openOn, startProject } from '../support/sync.ts'
import { createTestWarehouse, eachWarehouse, everyWarehouse } from '../support/warehouse.ts'
import { servePage } from './support.ts'

eachWarehouse('a large table is counted only where that costs nothing, and the page says so', async (w) => {
  await using sandbox = await startProject({ empty: true })
  await using elt = await openOn(sandbox, w, { sync: { streams: ['users', 'lists'] } })
  await elt.sync()
  const change = (statement: string) => elt.warehouse.use(({ db }) => sql.raw(statement).execute(db))
  const rowsOn = async (path: string) => {
    await using page = await servePage(elt, { now: () => sandbox.now })
    return (await page.visitor().get(path)).body.replace(/\s+/g, ' ')
  }
  // A server that looks at its tables by itself may do so at any moment.
  if (w.kind === 'postgres') await change('alter table iterable.users set (autovacuum_enabled = false)')
  await change(`insert into iterable.users ("email", "profileUpdatedAt")
    select 'p' || n || '@example.com', now() from generate_series(1, 60123) as g(n)`)
  // Nobody has looked at the table yet, so its rows are counted.
  expect(await rowsOn('/streams/users')).toContain('<dt>rows</dt><dd>60,123</dd>')
  await change('analyze')
  const shown = w.kind === 'postgres' ? 'about 60,100' : '60,123'
  expect(await rowsOn('/streams/users')).toContain(`<dt>rows</dt><dd>${shown}</dd>`)
  const overview = await rowsOn('/')
  expect(overview).toContain(`<dt>Rows</dt><dd>${shown}</dd>`)
  expect(overview).toMatch(new RegExp(`>users</a></td>.*?<td class="number">${shown}</td>`))
  expect(overview).toMatch(/>lists<\/a><\/td>.*?<td class="number">0<\/td>/)
  // The command counts.
  const { streams } = await elt.status()
  expect(streams.find(({ stream }) => stream === 'users')).toMatchObject({ rows: 60_123 })
  expect(JSON.stringify(streams)).not.toContain('is_estimate')
})

everyWarehouse('a person is found by any spelling of an address, and by a userId', async (w) => {
  await using sandbox = await startProject({ empty: true })
  await using elt = await openOn(sandbox, w, { sync: { streams: ['users', 'lists', 'list_users'] } })
  await elt.sync()
  for (const statement of [
    `insert into iterable.users ("email", "userId", "profileUpdatedAt") values
       ('jane@example.com', 'u-1', current_timestamp), ('Joe@Example.com', null, current_timestamp)`,
    `insert into iterable.list_users ("listId", "email", "userId", "updatedAt") values
       (7, 'jane@example.com', null, current_timestamp), (8, null, 'u-1', current_timestamp),
       (9, 'joe@example.com', null, current_timestamp), (9, null, 'u-2', current_timestamp)`,
  ]) {
    await elt.warehouse.use(({ tables }) => sql.raw(statement).execute(tables))
  }
  const found = async (asked: string) => {
    const person = await readPerson({ warehouse: elt.warehouse, config: elt.config }, asked)
    return [person?.profile?.email, person?.user_id, person?.lists.map(({ id }) => id)]
  }
  expect(await found('Jane@example.com')).toEqual(['jane@example.com', 'u-1', ['7', '8']])
  expect(await found('u-1')).toEqual(['jane@example.com', 'u-1', ['7', '8']])
  expect(await found('joe@EXAMPLE.com')).toEqual(['Joe@Example.com', null, ['9']])
  expect(await found('u-2')).toEqual([undefined, 'u-2', ['9']])
  expect(await found('nobody@example.com')).toEqual([undefined, null, []])
})

eachWarehouse('rows of a view and their sums by day come from one look at it', async (w) => {
  await using sandbox = await startProject()
  await using elt = await openOn(sandbox, w, { sync: { streams: ['email_send', 'email_open'] }, marts: {} })
  await elt.sync()
  const source = { warehouse: elt.warehouse, config: elt.config }
  const query = { order: 'events', limit: 3 }
  const trend = { by: 'day', sums: ['events'] }
  const { rows, trend: days } = await readMart(source, 'daily_events', { ...query, trend })
  const all = await elt.warehouse.use(({ tables }) =>
    sql<{ day: string; events: number }>`
      select cast(day as varchar) as day, sum(events) as events
      from iterable_marts.daily_events group by 1 order by 1`.execute(tables),
  )
  expect(days.length).toBeGreaterThan(1)
  expect(days).toEqual(all.rows.map(({ day, events }) => ({ day, sums: [Number(events)] })))
  expect(rows).toHaveLength(3)
  const events = rows.map((row) => Number(row.events))
  expect(events).toEqual([...events].sort((a, b) => b - a))
  const alone = await readMart(source, 'daily_events', query)
  expect(alone.rows.map((row) => Number(row.events))).toEqual(events)
})

eachWarehouse(
  'the rows of each day are counted beside a page, which shows itself when they are',
  async (w) => {
    await using sandbox = await startProject()
    await using elt = await openOn(sandbox, w, { sync: { streams: ['email_send'] } })
    await elt.sync()
    await using page = await servePage(elt, { now: () => sandbox.now, patience: { besideMs: 0 } })
    const visitor = page.visitor()
    for (const [path, title, chart] of [
      ['/', 'Overview', '<svg class="spark"'],
      ['/streams/email_send', 'Stream email_send', 'data-chart='],
    ] as const) {
      const seen: string[] = []
      const look = async () => {
        const { body } = await visitor.get(path)
        if (body.includes(`<h1>${title}</h1>`)) seen.push(body)
        return body
      }
      await expect.poll(look).toContain(chart)
      expect(seen[0]).toContain('are being counted')
      expect(seen[0]).toContain('data-pending')
      expect(seen.at(-1)).not.toContain('are being counted')
    }
  },
)

test('what took long is not read anew for a while, and what was quick always is', async () => {
  await using warehouse = await createTestWarehouse('duckdb')
  await using elt = await open({ warehouse: warehouse.config })
  const states = new LastStates(elt, new AbortController().signal, { besideMs: 30_000 })
  const now = Date.parse('2026-01-01T00:00:00Z')
  let times = 0
  const wish = { goodMs: 300_000 }
  const look = (restFactor: number, atMs: number) =>
    states.read(
      String(restFactor),
      new Date(atMs),
      async () => {
        times += 1
        await delay(20)
      },
      { ...wish, restFactor },
    )
  for (const later of [0, 10_000, 300_001]) await look(1_000, now + later)
  expect(times).toBe(2)
  for (const later of [0, 61_000, 122_000]) await look(0, now + later)
  expect(times).toBe(5)
})

test('a page waits for another page that reads for long, and does not call that busy', async () => {
  await using warehouse = await createTestWarehouse('duckdb')
  await using elt = await open({ warehouse: warehouse.config })
  const states = new LastStates(elt, new AbortController().signal, { readMs: 20, besideMs: 30_000 })
  let begin = () => {}
  const begun = new Promise<void>((resolve) => {
    begin = resolve
  })
  let isDone = false
  const use = (work: () => Promise<string>) => (source: ReportSource) => source.warehouse.use(work)
  const long = states.read(
    'long',
    new Date(),
    use(async () => {
      begin()
      await delay(300)
      isDone = true
      return 'long'
    }),
  )
  await begun
  const short = await states.read(
    'short',
    new Date(),
    use(async () => (isDone ? 'after it' : 'before it')),
  )
  expect(short).toMatchObject({ isKnown: true, value: 'after it' })
  expect(await long).toMatchObject({ isKnown: true, value: 'long' })
})
