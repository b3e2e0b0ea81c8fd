/** A view for each custom event. */
import { sql } from 'kysely'
import { expect } from 'vitest'
import type { SyncEvent } from '../../src/index.ts'
import { openBare } from '../support/open.ts'
import { ago, hours, outcome, startProject, syncOnce } from '../support/sync.ts'
import { eachWarehouse, type TestWarehouse } from '../support/warehouse.ts'

const sync = { streams: ['custom_event'] }
const views = async (warehouse: TestWarehouse): Promise<Record<string, string[]>> => {
  const rows = await warehouse.query(
    `select table_name as view, column_name as name from information_schema.columns
     where table_schema = 'iterable_views' and table_name like 'custom\\_event\\_%' escape '\\' order by 1, ordinal_position`,
  )
  const columns: Record<string, string[]> = {}
  for (const { view, name } of rows) {
    columns[String(view)] = [...(columns[String(view)] ?? []), String(name)]
  }
  return columns
}

eachWarehouse(
  'custom events have a view each, with their own fields, that grows with them',
  async (warehouse) => {
    await using sandbox = await startProject({ empty: true })
    const events = sandbox.data.events('customEvent')
    const event = (eventName: string, fields: object, hoursAgo = 5) => ({
      eventName,
      email: 'a@example.com',
      createdAt: ago(hours(hoursAgo)).toISOString(),
      ...fields,
    })
    events.push(
      event('Cart Updated', { total: 12.5, items: ['x'] }),
      event('cartUpdated', { note: 'n' }),
      event('検索', { query: 'tea' }),
      event("it's; drop", { 'Page Url': 'https://example.com' }),
    )
    expect(outcome(await syncOnce(sandbox, warehouse, { sync }))).toEqual({ state: 'succeeded', wrong: [] })
    const common = ['created_at', 'email', 'user_id', 'itbl_user_id', 'id']
    const ours = ['_run_id', '_loaded_at']
    const first = await views(warehouse)
    expect(Object.keys(first).sort()).toEqual(
      [
        'custom_event_cart_updated',
        'custom_event_cart_updated_2',
        'custom_event_it_s_drop',
        'custom_event_検索',
      ].sort(),
    )
    const columnsOf = (view: string) => (first[view] ?? []).filter((name) => !common.includes(name)).sort()
    const carts = ['custom_event_cart_updated', 'custom_event_cart_updated_2'].map(columnsOf)
    expect(carts.sort((a, b) => b.length - a.length)).toEqual([
      [...ours, 'items', 'total'].sort(),
      [...ours, 'note'].sort(),
    ])
    expect(columnsOf('custom_event_検索')).toEqual([...ours, 'query'].sort())
    expect(await warehouse.query('select page_url from iterable_views.custom_event_it_s_drop')).toEqual([
      { page_url: 'https://example.com' },
    ])

    // A field appears, another becomes wider; the views follow, and a name stays with its event.
    sandbox.advance(hours(2))
    events.push(event('検索', { hits: 3, query: 7 }, 0), event('quiz', { query: { a: 1 } }, 0))
    expect(outcome(await syncOnce(sandbox, warehouse, { sync }))).toEqual({ state: 'succeeded', wrong: [] })
    const later = await views(warehouse)
    expect(later.custom_event_検索).toEqual(expect.arrayContaining(['query', 'hits']))
    expect(later.custom_event_quiz).toEqual(expect.arrayContaining(['query']))
    expect(later.custom_event_cart_updated).toEqual(first.custom_event_cart_updated)
    const found = await warehouse.query(
      'select hits from iterable_views."custom_event_検索" order by created_at',
    )
    expect(found.map(({ hits }) => hits)).toEqual([null, 3])

    // Views that somebody has dropped come back, that of the stream's table, too.
    sandbox.advance(hours(1))
    {
      await using bare = await openBare(warehouse.config)
      await bare.use(async ({ tables }) => {
        for (const view of ['custom_event_quiz', 'custom_event'])
          await sql`drop view ${sql.id('iterable_views', view)}`.execute(tables)
      })
    }
    expect(outcome(await syncOnce(sandbox, warehouse, { sync }))).toEqual({ state: 'succeeded', wrong: [] })
    expect(await views(warehouse)).toEqual(later)
    const [all] = await warehouse.query('select count(*) as events from iterable_views.custom_event')
    expect(all).toEqual({ events: 6 })
  },
)

eachWarehouse('an event whose name is no text has no view, and takes none from others', async (warehouse) => {
  await using sandbox = await startProject({ empty: true })
  const events = sandbox.data.events('customEvent')
  const event = (eventName: unknown, fields: object) => ({
    eventName,
    email: 'a@example.com',
    createdAt: ago(hours(5)).toISOString(),
    ...fields,
  })
  events.push(event('Cart Updated', { total: 1 }))
  expect(outcome(await syncOnce(sandbox, warehouse, { sync }))).toEqual({ state: 'succeeded', wrong: [] })
  events.push(event({ of: 'cart' }, { total: 2 }), event('Cart Updated', { total: 3 }))
  sandbox.advance(hours(1))
  expect(outcome(await syncOnce(sandbox, warehouse, { sync }))).toEqual({ state: 'succeeded', wrong: [] })
  expect(Object.keys(await views(warehouse))).toEqual(['custom_event_cart_updated'])
  expect(
    await warehouse.query('select total from iterable_views.custom_event_cart_updated order by 1'),
  ).toEqual([{ total: 1 }, { total: 3 }])
})

eachWarehouse('events of a sync that broke off have their views after the next one', async (warehouse) => {
  await using sandbox = await startProject({ empty: true })
  const events = sandbox.data.events('customEvent')
  const event = (eventName: string, at: Date) => ({
    eventName,
    email: 'a@example.com',
    createdAt: at.toISOString(),
  })
  events.push(event('usual', ago(hours(30))))
  await syncOnce(sandbox, warehouse, { sync })
  const from = sandbox.now
  sandbox.advance(hours(24 * 6))
  events.push(event('rare', new Date(from.getTime() + 1)), event('usual', ago(hours(-24 * 5))))

  const stop = new AbortController()
  const request = {
    signal: stop.signal,
    onProgress: (told: SyncEvent) => {
      if (told.type === 'progress' && told.phase === 'done' && told.done === 3) stop.abort()
    },
  }
  expect((await syncOnce(sandbox, warehouse, { sync, request })).state).toBe('cancelled')
  expect(Object.keys(await views(warehouse))).toEqual(['custom_event_usual'])
  expect(outcome(await syncOnce(sandbox, warehouse, { sync }))).toEqual({ state: 'succeeded', wrong: [] })
  expect(Object.keys(await views(warehouse))).toEqual(['custom_event_rare', 'custom_event_usual'])
})

eachWarehouse('an event whose name holds U+0000 keeps no others from their views', async (warehouse) => {
  await using sandbox = await startProject({ empty: true })
  const row = { email: 'a@example.com', createdAt: ago(hours(5)).toISOString() }
  sandbox.data
    .events('customEvent')
    .push({ ...row, eventName: 'a\0' }, { ...row, eventName: 'a\0' }, { ...row, eventName: 'later' })
  await syncOnce(sandbox, warehouse, { sync })
  expect(Object.keys(await views(warehouse))).toEqual(['custom_event_a', 'custom_event_later'])
  expect(await warehouse.query('select count(*) as rows from iterable_views.custom_event_a')).toEqual([
    { rows: 2 },
  ])
})
