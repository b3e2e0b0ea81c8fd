/** Experiments, journeys, snippets, catalogues, webhooks, and what is copied once a day. */
import { createHash } from 'node:crypto'
import { expect } from 'vitest'
import { days, hours, of, outcome, startProject, syncOnce } from '../support/sync.ts'
import { eachWarehouse, type TestWarehouse } from '../support/warehouse.ts'

const sync = { streams: ['resources'], complete_dimensions: true }

async function count(warehouse: TestWarehouse, table: string): Promise<number> {
  const [row] = await warehouse.query(`select count(*) as rows from iterable.${table}`)
  return Number(row?.rows)
}

for (const catalogForm of ['wrapped', 'flat'] as const) {
  eachWarehouse(`are read whole, with catalogues that are ${catalogForm}`, async (warehouse) => {
    await using sandbox = await startProject({ catalogForm })
    const { data } = sandbox
    expect(outcome(await syncOnce(sandbox, warehouse, { sync }))).toEqual({ state: 'succeeded', wrong: [] })
    const expected = {
      catalogs: 3,
      catalog_fields: 4,
      catalog_items: 131,
      experiments: data.experiments.length,
      experiment_variants: 2 * data.experiments.length,
      forgotten_users: 0,
      journeys: data.journeys.length,
      list_sizes: data.lists.length,
      snippets: 3,
      user_fields: Object.keys(data.fields).length,
      webhooks: 2,
    }
    for (const [table, rows] of Object.entries(expected))
      expect([table, await count(warehouse, table)]).toEqual([table, rows])
    const fields = await warehouse.query(
      `select "fieldName" as name, "fieldType" as type from iterable.catalog_fields where "catalogName" = 'shops' order by 1`,
    )
    expect(fields).toEqual([
      { name: 'city', type: 'string' },
      { name: 'location', type: 'geo_location' },
      { name: 'note', type: null },
      { name: 'staff', type: 'long' },
    ])
    const [experiment] = await warehouse.query(
      `select id, author, status, "finishDate" is not null as "isOver" from iterable.experiments where status = 'winner_found' limit 1`,
    )
    expect(experiment).toMatchObject({ author: 'marketing@example.com', isOver: true })
  })
}

eachWarehouse('that count or copy do so once a day', async (warehouse) => {
  await using sandbox = await startProject()
  const daily = { sync: { ...sync, streams: ['list_sizes', 'user_fields'] } }
  await syncOnce(sandbox, warehouse, daily)
  sandbox.advance(hours(6))
  const before = sandbox.requests.length
  await syncOnce(sandbox, warehouse, daily)
  expect(sandbox.requests).toHaveLength(before)

  sandbox.advance(days(1))
  sandbox.data.fields.shoeSize = 'long'
  const [list] = sandbox.data.lists
  sandbox.data.members(list?.id ?? 0).add('new@example.com')
  await syncOnce(sandbox, warehouse, daily)
  const sizes = await warehouse.query(
    `select day, size from iterable.list_sizes where "listId" = ${list?.id} order by day`,
  )
  expect(sizes.map(({ day }) => day)).toEqual(['2026-02-01', '2026-02-02'])
  expect(Number(sizes[1]?.size) - Number(sizes[0]?.size)).toBe(1)
  expect(
    await warehouse.query(`select min(day) as first from iterable.user_fields where name = 'shoeSize'`),
  ).toEqual([{ first: '2026-02-02' }])
})

eachWarehouse(
  'of experiments are read again while these are under way, and for a week after: a winner may be named',
  async (warehouse) => {
    await using sandbox = await startProject()
    const { data, now: begun } = sandbox
    const experiments = { sync: { ...sync, streams: ['experiments', 'experiment_variants'] } }
    await syncOnce(sandbox, warehouse, experiments)
    const lately = data.experiments.filter(({ finishDate }) => Number(finishDate) > begun.getTime() - days(7))
    const named = lately.find(({ status }) => status === 'finished')
    Object.assign(named ?? {}, { status: 'winner_found' })
    sandbox.advance(days(1))
    const before = sandbox.requests.length
    await syncOnce(sandbox, warehouse, experiments)
    const asked = sandbox.requests.slice(before).filter(({ path }) => path.endsWith('/variants'))
    const open = data.experiments.filter(({ finishDate }) => finishDate === undefined)
    expect(asked).toHaveLength(open.length + lately.length)
    expect(await count(warehouse, 'experiment_variants')).toBe(2 * data.experiments.length)
    const [row] = await warehouse.query(`select status from iterable.experiments where id = ${named?.id}`)
    expect(row).toEqual({ status: 'winner_found' })
  },
)

eachWarehouse('that the key may not read fail nothing', async (warehouse) => {
  await using sandbox = await startProject()
  const fault = { status: 403, body: { msg: 'Forbidden', code: 'Forbidden' } }
  sandbox.faults.next({ fault, path: '/api/snippets', times: Number.POSITIVE_INFINITY })
  const report = await syncOnce(sandbox, warehouse, { sync: { ...sync, streams: ['snippets', 'webhooks'] } })
  expect(outcome(report)).toEqual({ state: 'succeeded', wrong: [] })
  expect(of(report, 'snippets').notes.join()).toMatch(/lacks this resource/)
})

for (const projectType of ['email', 'userId', 'hybrid'] as const) {
  eachWarehouse(`of forgotten people are hashes, in a project of type ${projectType}`, async (warehouse) => {
    await using sandbox = await startProject({ projectType })
    sandbox.data.forgotten.add('gone@example.com')
    sandbox.data.forgotten.add('u-gone')
    await syncOnce(sandbox, warehouse, { sync: { ...sync, streams: ['forgotten_users'] } })
    const rows = await warehouse.query('select kind, hash from iterable.forgotten_users order by kind')
    const hash = (text: string) => createHash('sha256').update(text).digest('hex')
    const all = [
      { kind: 'email', hash: hash('gone@example.com') },
      { kind: 'userId', hash: hash('u-gone') },
    ]
    expect(rows).toEqual(all.filter(({ kind }) => projectType === 'hybrid' || kind === projectType))
  })
}

eachWarehouse('of experiments keep every digit of what is written', async (warehouse) => {
  await using sandbox = await startProject()
  const id = '9007199254740993'
  const answer = (path: string, body: string) =>
    sandbox.faults.next({
      fault: { status: 200, body, headers: { 'content-type': 'application/json' } },
      path,
      times: Number.POSITIVE_INFINITY,
    })
  answer(`/api/experiments/${id}/variants`, `{"variants":[{"variantId":${id},"value":{"templateId":${id}}}]}`)
  answer(`/api/experiments/${id}`, `{"id":${id},"status":"running","meta":{"seed":${id},"share":0.10}}`)
  answer('/api/experiments', `{"experiments":[{"id":${id},"name":"Large","status":"ready"}]}`)
  const streams = ['experiments', 'experiment_variants']
  expect(outcome(await syncOnce(sandbox, warehouse, { sync: { ...sync, streams } }))).toEqual({
    state: 'succeeded',
    wrong: [],
  })
  const experiments = await warehouse.query(
    `select cast(id as varchar) as id, name, status, cast(meta as varchar) as meta from iterable.experiments`,
  )
  expect(experiments).toHaveLength(1)
  expect(experiments[0]).toMatchObject({ id, name: 'Large', status: 'running' })
  expect(experiments[0]?.meta).toMatch(new RegExp(`"seed": ?${id}\\b`))
  const variants = await warehouse.query(
    `select cast("experimentId" as varchar) as experiment, cast("variantId" as varchar) as variant,
       cast("templateId" as varchar) as template from iterable.experiment_variants`,
  )
  expect(variants).toEqual([{ experiment: id, variant: id, template: id }])
})

eachWarehouse(
  'of a long walk are asked for page by page: only a page that broke off is asked for again',
  async (warehouse) => {
    await using sandbox = await startProject()
    const path = '/api/catalogs/shops/items'
    const shop = sandbox.data.catalogs.find(({ name }) => name === 'shops')
    shop?.items.push(
      ...Array.from({ length: 3000 }, (_, number) => ({
        catalogName: 'shops',
        itemId: `further-${number}`,
        lastModified: 1_760_000_000_000,
        size: 9,
        value: { number },
      })),
    )
    for (const page of ['2', '3']) sandbox.faults.next({ fault: 'cut', path, query: { page } })
    sandbox.faults.next({ fault: 'cut', path: '/api/journeys' })
    const changes = { sync: { ...sync, streams: ['catalog_items', 'journeys'] } }
    expect(outcome(await syncOnce(sandbox, warehouse, changes))).toEqual({ state: 'succeeded', wrong: [] })
    const pages = sandbox.requests.filter((request) => request.path === path).map(({ query }) => query.page)
    expect(pages.length).toBe(new Set(pages).size + 2)
    expect(pages).toEqual([...pages].sort())
    expect(await count(warehouse, 'catalog_items')).toBe(131 + 3000)
    expect(await count(warehouse, 'journeys')).toBe(sandbox.data.journeys.length)
  },
)

eachWarehouse('that are deleted while pages are read take no others along', async (warehouse) => {
  await using sandbox = await startProject()
  const headers = { 'content-type': 'application/json' }
  const page = (from: number, to: number, total: number, next?: number) =>
    sandbox.faults.next({
      fault: {
        status: 200,
        headers,
        body: {
          catalogItemsWithProperties: Array.from({ length: to - from }, (_, at) => ({
            itemId: `i${from + at}`,
            value: {},
          })),
          totalItemsCount: total,
          ...(next && { nextPageUrl: `/items?page=${next}` }),
        },
      },
      path: '/api/catalogs/shops/items',
    })
  // The first item goes once the first page is read: what was the first of the second page is on the first one now.
  page(0, 10, 20, 2)
  page(11, 20, 19)
  page(1, 11, 19, 2)
  page(11, 20, 19)
  await syncOnce(sandbox, warehouse, { sync: { ...sync, streams: ['catalog_items'] } })
  const [found] = await warehouse.query(
    `select count(*) as rows from iterable.catalog_items where "catalogName" = 'shops' and "itemId" = 'i10'`,
  )
  expect(Number(found?.rows)).toBe(1)
})

eachWarehouse('that count lists leave out one that was deleted meanwhile', async (warehouse) => {
  await using sandbox = await startProject()
  const [gone] = sandbox.data.lists
  const body = { msg: `error.lists.invalidListId(${gone?.id})`, code: 'Success', params: null }
  const path = `/api/lists/${gone?.id}/size`
  sandbox.faults.next({ fault: { status: 400, body }, path, times: Number.POSITIVE_INFINITY })
  const changes = { sync: { ...sync, streams: ['list_sizes'] } }
  expect(outcome(await syncOnce(sandbox, warehouse, changes))).toEqual({ state: 'succeeded', wrong: [] })
  expect(await count(warehouse, 'list_sizes')).toBe(sandbox.data.lists.length - 1)
})
