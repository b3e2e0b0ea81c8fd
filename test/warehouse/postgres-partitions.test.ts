/** Tables of events in parts, one for each month. */
import pg from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import { open } from '../../src/index.ts'
import { startEmbeddedPostgres } from '../support/embedded-postgres.ts'
import {
  ago,
  configFor,
  contentsOf,
  days,
  expectedEvents,
  outcome,
  quickClock,
  rowsOf,
  startProject,
  syncOnce,
} from '../support/sync.ts'
import { createTestWarehouse, type TestWarehouse } from '../support/warehouse.ts'
import { type Fixture, loadLines, openFixture } from './postgres-fixture.ts'

/** The last days of December, and January. */
const start = ago(days(34))
const sync = {
  streams: ['email_open', 'email_send', 'custom_event', 'users'],
  start_date: start.toISOString(),
  window_in_days: 20,
}
const project = () => startProject({ days: 34, eventsPerDay: 30 })

async function createPartitioned(server?: string): Promise<TestWarehouse> {
  const warehouse = await createTestWarehouse('postgres', server)
  const config: TestWarehouse['config'] & { partition: string } = {
    ...(warehouse.config as { readonly type: 'postgres'; readonly url: string }),
    partition: 'month',
  }
  return { ...warehouse, config }
}

/** The parts of a table, and how many rows each has. */
async function partsOf({ query }: Pick<Fixture, 'query'>, table: string): Promise<Record<string, number>> {
  const rows = await query(
    `select c.oid::regclass::text as part, (select count(*) from iterable."${table}" t where t.tableoid = c.oid) as rows
     from pg_inherits join pg_class c on c.oid = inhrelid where inhparent = 'iterable."${table}"'::regclass order by 1`,
  )
  return Object.fromEntries(
    rows.map(({ part, rows: count }) => [String(part).replace('iterable_partitions.', ''), Number(count)]),
  )
}

const openAt = (at: string, more: object = {}): string => JSON.stringify({ createdAt: at, ...more })

test('a sync into parts gives the same rows, month by month, however often it is done', async () => {
  await using plain = await createTestWarehouse('postgres')
  await using parted = await createPartitioned()
  await using sandbox = await project()
  expect(outcome(await syncOnce(sandbox, plain, { sync }))).toEqual({ state: 'succeeded', wrong: [] })
  expect(outcome(await syncOnce(sandbox, parted, { sync }))).toEqual({ state: 'succeeded', wrong: [] })
  const contents = await contentsOf(plain)
  expect(await contentsOf(parted)).toEqual(contents)
  const months = ['email_open_2025_12', 'email_open_2026_01']
  expect(Object.keys(await partsOf(parted, 'email_open'))).toEqual(months)
  expect(await partsOf(parted, 'users')).toEqual({})
  await syncOnce(sandbox, parted, { sync, request: { fullRefresh: true } })
  expect(await contentsOf(parted)).toEqual(contents)

  // A copy makes the parts that it needs.
  await using copied = await createPartitioned()
  {
    await using from = await open(configFor(sandbox, plain, { sync }))
    await using to = await open(configFor(sandbox, copied, { sync }))
    expect(await from.copyTo(to)).toMatchObject({ is_equal: true })
  }
  expect(Object.keys(await partsOf(copied, 'email_open'))).toEqual(months)
  expect(await contentsOf(copied)).toEqual(contents)

  // A person's rows leave every part.
  const [person] = await plain.query(
    'select email from iterable.email_open group by 1 order by count(*) desc, 1 limit 1',
  )
  const email = String(person?.email)
  const erased: unknown[] = []
  for (const warehouse of [plain, parted]) {
    await using elt = await open(configFor(sandbox, warehouse, { sync }), { clock: quickClock(sandbox) })
    erased.push((await elt.erase({ email })).tables)
    expect((await elt.streams()).find(({ stream }) => stream === 'email_open')?.rows).toBe(
      (await rowsOf(warehouse, 'email_open')).length,
    )
  }
  expect(erased[0]).toEqual(erased[1])
  expect(await contentsOf(parted)).toEqual(await contentsOf(plain))
})

test('a window of years makes the months that have rows, and rows that come late theirs', async () => {
  await using fixture = await openFixture({ isPartitioned: true })
  const { warehouse } = fixture
  const lines = [
    openAt('2024-02-29T23:59:59.999Z'),
    openAt('2024-03-01T00:00:00Z'),
    openAt('2026-01-31T12:00:00Z'),
  ]
  await loadLines(warehouse, 'email_open', lines, { chunkLines: 2 })
  const first = { email_open_2024_02: 1, email_open_2024_03: 1, email_open_2026_01: 1 }
  expect(await partsOf(fixture, 'email_open')).toEqual(first)
  const window = (from: string, to: string) =>
    ({ kind: 'window', from: new Date(from), to: new Date(to) }) as const
  // Across the end of a month, with another type and another field.
  await loadLines(
    warehouse,
    'email_open',
    [openAt('2026-01-31T23:00:00Z', { n: 1 }), openAt('2026-02-01T01:00:00Z', { n: 'text', new: true })],
    { scope: window('2026-01-31', '2026-02-02') },
  )
  expect(await partsOf(fixture, 'email_open')).toEqual({ ...first, email_open_2026_02: 1 })
  await loadLines(warehouse, 'email_open', [openAt('2025-07-04T00:00:00Z')], {
    scope: window('2025-07-01', '2025-07-31'),
  })
  await loadLines(warehouse, 'email_open', [], { scope: window('2026-01-01', '2026-02-01') })
  expect(await partsOf(fixture, 'email_open')).toEqual({
    ...first,
    email_open_2025_07: 1,
    email_open_2026_01: 0,
    email_open_2026_02: 1,
  })
  expect(await fixture.query('select n, new from iterable.email_open where n is not null')).toEqual([
    { n: 'text', new: true },
  ])
  // Somebody keeps a whole year in one part.
  await fixture.query(`create table iterable_partitions.opens_of_2023 partition of iterable.email_open
    for values from ('2023-01-01 00:00+00') to ('2024-01-01 00:00+00')`)
  await loadLines(warehouse, 'email_open', [openAt('2023-05-01T00:00:00Z')], {
    scope: window('2023-01-01', '2023-12-31'),
  })
  expect(await partsOf(fixture, 'email_open')).toMatchObject({ opens_of_2023: 1 })
})

test('whoever reads a table is not waited for when it gets a month', async () => {
  await using fixture = await openFixture({ isPartitioned: true })
  await loadLines(fixture.warehouse, 'email_open', [openAt('2026-01-01T00:00:00Z')])
  const reader = new pg.Client({ connectionString: fixture.url })
  await reader.connect()
  try {
    await reader.query('begin; select * from iterable.email_open')
    await loadLines(fixture.warehouse, 'email_open', [openAt('2026-02-01T00:00:00Z')], {
      beforeCommit: async () => {
        expect((await fixture.query('select * from iterable.email_open')).length).toBe(1)
      },
    })
    expect((await reader.query('select * from iterable.email_open')).rows).toHaveLength(1)
  } finally {
    await reader.end()
  }
})

test('a month that nothing is kept of is dropped; where somebody reads on, its rows go alone', async () => {
  await using warehouse = await createPartitioned()
  await using sandbox = await project()
  const streams = { ...sync, streams: ['email_open', 'email_send'] }
  await syncOnce(sandbox, warehouse, { sync: streams })
  const { email_open_2025_12: inDecember } = await partsOf(warehouse, 'email_open')
  expect(inDecember).toBeGreaterThan(0)
  const since = (kept: Date) => expectedEvents(sandbox, warehouse, 'email_open', kept)
  const kept = new Date('2026-01-08T00:00:00Z')
  const dropped = sandbox.truth.events('emailOpen', start, kept).length
  const limited = (age: string) => ({ sync: { ...streams, retention: { email_open: age } } })
  const notes = async (age: string) => {
    const report = await syncOnce(sandbox, warehouse, limited(age))
    return report.streams.find(({ stream }) => stream === 'email_open')?.notes
  }
  expect(await notes('24 days')).toEqual([`${dropped} rows from before 2026-01-08 dropped (sync.retention)`])
  expect(Object.keys(await partsOf(warehouse, 'email_open'))).toEqual(['email_open_2026_01'])
  expect(Object.keys(await partsOf(warehouse, 'email_send'))).toHaveLength(2)
  expect(await rowsOf(warehouse, 'email_open')).toEqual(await since(kept))

  sandbox.advance(days(30))
  const reader = new pg.Client({ connectionString: (warehouse.config as { url: string }).url })
  await reader.connect()
  try {
    await reader.query('begin; select * from iterable.email_open')
    const left = (await rowsOf(warehouse, 'email_open')).length
    expect(await notes('1 day')).toEqual([`${left} rows from before 2026-03-02 dropped (sync.retention)`])
    expect(await partsOf(warehouse, 'email_open')).toMatchObject({ email_open_2026_01: 0 })
  } finally {
    await reader.end()
  }
  sandbox.advance(days(1))
  await syncOnce(sandbox, warehouse, limited('1 day'))
  expect(Object.keys(await partsOf(warehouse, 'email_open'))).toEqual(['email_open_2026_03'])
})

test('what the server does not count by itself is counted after a sync, and check tells of the parts', async () => {
  const server = await startEmbeddedPostgres({ max_connections: '30' })
  onTestFinished(() => server.stop())
  await using warehouse = await createPartitioned(server.url)
  await using sandbox = await project()
  const streams = { ...sync, streams: ['email_open', 'email_send'] }
  await syncOnce(sandbox, warehouse, { sync: streams })
  const counted = async () =>
    (
      await warehouse.query(
        `select reltuples::int as n from pg_class where oid = 'iterable.email_open'::regclass`,
      )
    )[0]?.n
  expect(await counted()).toBe(-1)
  await warehouse.query('analyze iterable_partitions.email_open_2026_01')
  await syncOnce(sandbox, warehouse, { sync: streams })
  expect(await counted()).toBe((await rowsOf(warehouse, 'email_open')).length)

  const itemOf = async () => {
    await using elt = await open(configFor(sandbox, warehouse, { sync: streams }), {
      clock: quickClock(sandbox),
    })
    return (await elt.check()).items.find(({ item }) => item === 'partitions')
  }
  const message = '2 of 2 tables of events are kept by month, in 4 parts'
  expect(await itemOf()).toMatchObject({ state: 'ok', message })
  // As many as a server of so few connections has no room for.
  await warehouse.query(`do $$ begin for n in 1..120 loop
    execute format('create table iterable_partitions.old_%s partition of iterable.email_open for values from (%L) to (%L)',
      n, timestamptz '1970-01-01' - n * interval '1 day', timestamptz '1970-01-01' - (n - 1) * interval '1 day');
  end loop; end $$`)
  expect(await itemOf()).toMatchObject({
    state: 'warning',
    cure: expect.stringMatching(/^raise max_locks_per_transaction .* \(to \d+ or more/),
  })
})

test('indexes are built on every part, also on those that come later', async () => {
  await using warehouse = await createPartitioned()
  await using sandbox = await project()
  const streams = { ...sync, streams: ['email_send'] }
  const config = configFor(sandbox, warehouse, { sync: streams })
  const syncWith = async (indexes: boolean) => {
    const input = { ...config, warehouse: { ...config.warehouse, indexes } } as typeof config
    await using elt = await open(input, { clock: quickClock(sandbox) })
    expect(outcome(await elt.sync())).toEqual({ state: 'succeeded', wrong: [] })
  }
  const indexes = async () =>
    (
      await warehouse.query(
        `select i.relname as name, x.indisvalid as valid from pg_index x join pg_class i on i.oid = x.indexrelid
         where i.relname like '%email_send%campaignId%' order by 1`,
      )
    ).map(({ name, valid }) => `${name} ${valid}`)
  await syncWith(false)
  expect(await indexes()).toEqual([])
  await syncWith(true)
  const expected = [
    'elt_email_send_2025_12_campaignId true',
    'elt_email_send_2026_01_campaignId true',
    'elt_email_send_campaignId true',
  ]
  expect(await indexes()).toEqual(expected)
  // One that was interrupted.
  await warehouse.query(`drop index iterable."elt_email_send_campaignId"`)
  await warehouse.query(`create index "elt_email_send_campaignId" on only iterable.email_send ("campaignId")`)
  await warehouse.query(
    `create index "elt_email_send_2026_01_campaignId" on iterable_partitions.email_send_2026_01 ("campaignId")`,
  )
  await warehouse.query(
    `update pg_index set indisvalid = false where indexrelid = 'iterable_partitions."elt_email_send_2026_01_campaignId"'::regclass`,
  )
  sandbox.data.events('emailSend').push({ email: 'a@example.org', createdAt: '2026-02-03 00:00:00 +00:00' })
  sandbox.advance(days(4))
  await syncWith(true)
  expect(await indexes()).toEqual([
    ...expected.slice(0, 2),
    'elt_email_send_campaignId true',
    'email_send_2026_02_campaignId_idx true',
  ])
})
