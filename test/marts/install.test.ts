/** The views for analysts: made by the sync, kept by the sync, never in its way. */
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import type { Elt } from '../../src/index.ts'
import { readViewFiles } from '../../src/marts/files.ts'
import { ago, days, openOn, outcome, startProject } from '../support/sync.ts'
import { createTestWarehouse, eachWarehouse, type TestWarehouse } from '../support/warehouse.ts'

const viewsOf = async (warehouse: TestWarehouse) => {
  const rows = await warehouse.query(
    `select table_name as name from information_schema.tables
     where table_schema = 'iterable_marts' and table_type = 'VIEW' order by 1`,
  )
  return rows.map(({ name }) => String(name))
}

/** Syncs; resolves to the notices. */
async function sync(elt: Elt): Promise<string[]> {
  const notices: string[] = []
  const report = await elt.sync({
    onProgress: (event) => {
      if (event.type === 'notice') notices.push(event.message)
    },
  })
  expect(outcome(report)).toEqual({ state: 'succeeded', wrong: [] })
  return notices
}

/** Runs statements in the warehouse, as its user would. */
const change = (elt: Elt, ...statements: string[]) =>
  elt.warehouse.use(async ({ db }) => {
    for (const statement of statements) await sql.raw(statement).execute(db)
  })

const changedAt = (warehouse: TestWarehouse) =>
  warehouse.query('select view_name, changed_at, problem from iterable_sync.marts order by view_name')

eachWarehouse('a sync of every stream makes every view, and each can be read', async (warehouse) => {
  await using sandbox = await startProject({ eventsPerDay: 600 })
  await using elt = await openOn(sandbox, warehouse, { sync: { streams: ['all'] } })
  expect(await sync(elt)).toEqual([])
  const files = await readViewFiles()
  expect(await viewsOf(warehouse)).toEqual(files.map(({ name }) => name).sort())
  for (const { name, columns } of files) {
    await warehouse.query(`select * from iterable_marts.${name}`)
    const made = await warehouse.query(
      `select column_name from information_schema.columns
       where table_schema = 'iterable_marts' and table_name = '${name}' order by ordinal_position`,
    )
    expect(
      made.map(({ column_name }) => column_name),
      name,
    ).toEqual(columns.map((column) => column.name))
  }
  const views = await elt.views()
  expect(views.map(({ view }) => view)).toEqual(files.map(({ name }) => name).sort())
  expect(views.filter(({ state, absent_streams }) => state !== 'made' || absent_streams.length > 0)).toEqual(
    [],
  )
  expect((await elt.status()).views).toEqual([])
})

eachWarehouse('comments say what views and columns are', async (warehouse) => {
  await using sandbox = await startProject()
  await using elt = await openOn(sandbox, warehouse, { sync: { streams: ['email_send'] } })
  await sync(elt)
  const [comments] = await warehouse.query(
    warehouse.kind === 'duckdb'
      ? `select v.comment as view, c.comment as column from duckdb_views() v
         join duckdb_columns() c on c.schema_name = v.schema_name and c.table_name = v.view_name
         where v.schema_name = 'iterable_marts' and v.view_name = 'sent_messages' and c.column_name = 'copies'`
      : `select obj_description(oid) as view, col_description(oid, 10) as column from pg_class
         where oid = 'iterable_marts.sent_messages'::regclass`,
  )
  expect(comments).toMatchObject({
    view: expect.stringMatching(/^Every message that was sent.* One row: one message/),
    column: 'sends of the message to the person: 1, or the devices it went to',
  })
})

eachWarehouse(
  'a view whose streams are not replicated is not made, and status says why',
  async (warehouse) => {
    await using sandbox = await startProject()
    await using elt = await openOn(sandbox, warehouse, { sync: { streams: ['email_send', 'campaigns'] } })
    expect(await elt.status()).toMatchObject({ views: [] })
    expect((await elt.views()).every(({ state }) => state !== 'made')).toBe(true)
    expect(await sync(elt)).toEqual([])
    const { views } = await elt.status()
    const unmade = views.filter(({ state }) => state !== 'made')
    expect(unmade.map(({ view, state, missing_streams }) => [view, state, missing_streams])).toEqual([
      ['cohort_retention', 'missing_streams', ['users']],
      ['subscription_state', 'missing_streams', ['users', 'message_types']],
      ...[
        ...['user_channel_optouts', 'user_devices', 'user_engagement', 'user_lists'],
        ...['user_message_type_optins', 'user_message_type_optouts'],
      ].map((view) => [view, 'missing_streams', ['users']]),
    ])
    const made = await viewsOf(warehouse)
    expect(made).toContain('campaign_performance')
    expect(made).not.toContain('user_engagement')
    // What is not there counts as nothing, and revenue is unknown.
    const [row] = await warehouse.query(
      `select cast(sum(sent) as bigint) as sent, cast(sum(opened) as bigint) as opened, count(revenue) as revenues
     from iterable_marts.campaign_performance`,
    )
    expect(row).toEqual({ sent: sandbox.truth.events('emailSend').length, opened: 0, revenues: 0 })
    expect(await elt.viewSql('message_facts')).toContain('cast(null as')
    await expect(elt.viewSql('mesage_facts')).rejects.toThrow(
      'no view is called "mesage_facts"; did you mean',
    )
  },
)

eachWarehouse('an idle sync leaves the views alone; one that was dropped comes back', async (warehouse) => {
  await using sandbox = await startProject()
  await using elt = await openOn(sandbox, warehouse)
  await sync(elt)
  const before = await changedAt(warehouse)
  expect(before.length).toBeGreaterThan(10)
  sandbox.now = new Date(sandbox.now.getTime() + days(1))
  await sync(elt)
  expect(await changedAt(warehouse)).toEqual(before)
  await change(elt, 'drop view iterable_marts.send_time_heatmap')
  await sync(elt)
  expect(await viewsOf(warehouse)).toContain('send_time_heatmap')
})

eachWarehouse(
  'a text that changed is made anew below the views that people have upon it',
  async (warehouse) => {
    await using sandbox = await startProject()
    await using elt = await openOn(sandbox, warehouse)
    await sync(elt)
    // As an older version of the product would have left it: other columns, in another order.
    await change(
      elt,
      ...(warehouse.kind === 'postgres' ? ['drop view iterable_marts.deliverability_daily cascade'] : []),
      `create or replace view iterable_marts.deliverability_daily as select cast(1 as bigint) as sent, 'x' as gone`,
      'create schema mine',
      'create view mine.upon as select sent from iterable_marts.deliverability_daily',
      `update iterable_sync.marts set hash = 'older' where view_name = 'deliverability_daily'`,
    )
    if (warehouse.kind === 'postgres') {
      await change(elt, 'grant select on iterable_marts.deliverability_daily to public')
    }
    expect(await sync(elt)).toEqual([])
    const [sum] = await warehouse.query('select cast(sum(sent) as bigint) as sent from mine.upon')
    expect(sum).toEqual({ sent: sandbox.truth.events('emailSend').length })
    if (warehouse.kind === 'postgres') {
      const [rights] = await warehouse.query(
        `select relacl::text as rights from pg_class where oid = 'iterable_marts.deliverability_daily'::regclass`,
      )
      expect(rights?.rights).toContain('=r/')
    }
  },
)

// DuckDB looks at the views upon a view when they are read, and keeps none in place.
test('a view in the way is a notice, and neither it nor the sync suffers [postgres]', async () => {
  await using warehouse = await createTestWarehouse('postgres')
  await using sandbox = await startProject()
  await using elt = await openOn(sandbox, warehouse)
  await sync(elt)
  await change(
    elt,
    'drop view iterable_marts.deliverability_daily',
    `create view iterable_marts.deliverability_daily as select 1 as sent, 'x'::text as gone`,
    'create schema mine',
    'create view mine.upon as select gone from iterable_marts.deliverability_daily',
    `update iterable_sync.marts set hash = 'older' where view_name = 'deliverability_daily'`,
  )
  const [notice, ...others] = await sync(elt)
  expect(notice).toMatch(/iterable_marts\.deliverability_daily could not be made: .*view mine\.upon/)
  expect(others).toEqual([])
  expect(await warehouse.query('select * from mine.upon')).toEqual([{ gone: 'x' }])
  expect((await elt.status()).views).toContainEqual(
    expect.objectContaining({ view: 'deliverability_daily', state: 'failed' }),
  )
})

eachWarehouse('columns that become wider change no type of a view', async (warehouse) => {
  await using sandbox = await startProject()
  await using elt = await openOn(sandbox, warehouse)
  await sync(elt)
  await change(
    elt,
    'create schema mine',
    'create view mine.upon as select campaign_id, sent from iterable_marts.campaign_performance where campaign_id > 0',
  )
  const types = () =>
    warehouse.query(
      `select table_name, column_name, data_type from information_schema.columns
       where table_schema in ('iterable_marts', 'mine') order by 1, 2`,
    )
  const before = await types()
  const row = {
    email: 'a@example.com',
    messageId: 'odd',
    messageTypeId: 'no number',
    createdAt: ago(0).toISOString(),
  }
  sandbox.now = new Date(sandbox.now.getTime() + days(1))
  sandbox.data.events('emailSend').push({ ...row, campaignId: 0.5 }, { ...row, campaignId: 77 })
  expect(await sync(elt)).toEqual([])
  expect(await types()).toEqual(before)
  const [odd] = await warehouse.query(
    `select campaign_id, message_type_id, copies from iterable_marts.message_facts where message_id = 'odd'`,
  )
  expect(odd).toEqual({ campaign_id: 77, message_type_id: null, copies: 2 })
  const upon = await warehouse.query('select count(*) as rows from mine.upon where campaign_id = 77')
  expect(upon).toEqual([{ rows: 1 }])
})

test('a role that may not make the schema is told what to run, and its sync succeeds [postgres]', async () => {
  await using warehouse = await createTestWarehouse('postgres')
  await using sandbox = await startProject()
  const role = `narrow_${process.pid}`
  const url = new URL(warehouse.config.type === 'postgres' ? warehouse.config.url : '')
  const made = ['iterable', 'iterable_sync', 'iterable_views'].map(
    (name) => `create schema ${name} authorization ${role};`,
  )
  await warehouse.query(`create role ${role} login password 'x'; ${made.join(' ')}`)
  const config = {
    type: 'postgres',
    url: Object.assign(url, { username: role, password: 'x' }).href,
  } as const
  {
    await using elt = await openOn(sandbox, { ...warehouse, config })
    expect(await sync(elt)).toEqual([
      expect.stringMatching(
        /views of iterable_marts are as they were: .*create schema "iterable_marts" authorization/,
      ),
    ])
    await warehouse.query(`create schema iterable_marts authorization ${role}`)
    expect(await sync(elt)).toEqual([])
    expect((await viewsOf(warehouse)).length).toBeGreaterThan(10)
  }
  await warehouse.query(`drop owned by ${role} cascade; drop role ${role}`)
})
