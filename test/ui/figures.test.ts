import { sql } from 'kysely'
import { expect } from 'vitest'
import { readMart } from '../../src/report/mart.ts'
import { readPerson } from '../../src/report/person.ts'
import { openOn, startProject } from '../support/sync.ts'
import { eachWarehouse, everyWarehouse } from '../support/warehouse.ts'
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
    const person = await readPerson({ warehouse: elt.warehouse, config: elt.config }, asked, {
      now: sandbox.now,
    })
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
  await using elt = await openOn(sandbox, w, { sync: { streams: ['email_send', 'email_open'] } })
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
