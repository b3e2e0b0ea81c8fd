/** The views for analysts: made by the sync, kept by the sync, never in its way. */
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import type { Elt } from '../../src/index.ts'
import { readViewFiles } from '../../src/marts/files.ts'
import { ago, days, openOn, outcome, startProject } from '../support/sync.ts'
import {
  createTestWarehouse,
  eachWarehouse,
  everyWarehouse,
  type TestWarehouse,
} from '../support/warehouse.ts'

const viewsOf = async (warehouse: TestWarehouse) => {
  const rows = await warehouse.query(
    `select table_name as name from information_schema.tables
     where table_schema = 'iterable_marts' and table_type = 'VIEW' order by 1`,
  )
  return rows.map(({ name }) => String(name))
}

/** All days of the project in one window a stream: what is looked at is what comes after. */
const atOnce = { sync: { window_in_days: 30 }, marts: {} }

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
  elt.warehouse.use(async ({ tables }) => {
    for (const statement of statements) await sql.raw(statement).execute(tables)
  })

const changedAt = (warehouse: TestWarehouse) =>
  warehouse.query('select view_name, changed_at, problem from iterable_sync.marts order by view_name')

eachWarehouse(
  'a sync of what they read makes every view, and each can be read',
  async (warehouse) => {
    await using sandbox = await startProject({ eventsPerDay: 600 })
    await using elt = await openOn(sandbox, warehouse, {
      sync: {
        ...atOnce.sync,
        streams: [
          ...['core', 'events', 'campaign_metrics', 'experiment_metrics', 'email_templates'],
          ...['journeys', 'forgotten_users'],
        ],
      },
      marts: {},
    })
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
    expect(
      views.filter(({ state, absent_streams }) => state !== 'made' || absent_streams.length > 0),
    ).toEqual([])
    expect((await elt.status()).views).toEqual([])
  },
  300_000,
)

eachWarehouse('comments say what views, tables and columns are', async (warehouse) => {
  await using sandbox = await startProject()
  await using elt = await openOn(sandbox, warehouse, {
    sync: { streams: ['email_send', 'lists'] },
    marts: {},
  })
  await sync(elt)
  const commentsOn = async (schema: string, relation: string) => {
    const rows = await warehouse.query(
      warehouse.kind === 'duckdb'
        ? `select null as name, comment as about from (
             select schema_name, view_name as name, comment from duckdb_views()
             union all select schema_name, table_name, comment from duckdb_tables()
           ) where schema_name = '${schema}' and name = '${relation}'
           union all
           select column_name, comment from duckdb_columns()
           where schema_name = '${schema}' and table_name = '${relation}'`
        : `select a.attname as name, d.description as about
           from pg_description d left join pg_attribute a on d.objsubid > 0 and a.attrelid = d.objoid and a.attnum = d.objsubid
           where d.objoid = '${schema}.${relation}'::regclass`,
    )
    return new Map(rows.map(({ name, about }) => [name, about]))
  }
  const view = await commentsOn('iterable_marts', 'sent_messages')
  expect(view.get(null)).toMatch(/^Every message that was sent.* One row: one message/)
  expect(view.get('copies')).toBe('sends of the message to the person: 1, or the devices it went to')
  const sends = await commentsOn('iterable', 'email_send')
  expect(sends.get(null)).toMatch(
    /^Events of the type emailSend; replication: incremental, append-only; bookmark: createdAt/,
  )
  expect(sends.get('campaignId')).toBe('Campaign: campaigns.id')
  expect(sends.get('_loaded_at')).toMatch(/^When the sync began/)
  const shown = await commentsOn('iterable_views', 'email_send')
  expect(shown.get(null)).toBe(sends.get(null))
  expect(shown.get('campaign_id')).toBe('Campaign: campaigns.id')

  // Another's words stay; a column that comes gets its own.
  await change(
    elt,
    `comment on column iterable.email_send."campaignId" is 'mine'`,
    `update iterable_sync.table_comments set hash = 'older'`,
  )
  sandbox.data.lists.push({ id: 99, name: 'x', createdAt: 0, listType: 'Standard', reason: 'new' } as never)
  await sync(elt)
  expect((await commentsOn('iterable', 'email_send')).get('campaignId')).toBe('mine')
  expect((await commentsOn('iterable', 'lists')).get('reason')).toBe('Why the message was not sent')
  expect((await commentsOn('iterable_views', 'lists')).get('reason')).toBe('Why the message was not sent')
  // A view that is made again has them, too.
  await change(elt, 'drop view iterable_views.email_send')
  await sync(elt)
  expect(await commentsOn('iterable_views', 'email_send')).toEqual(shown)
})

eachWarehouse('marts.enabled: false makes none, and leaves those that are there', async (warehouse) => {
  await using sandbox = await startProject()
  const streams = ['email_send', 'campaigns']
  const off = { sync: { streams }, marts: { enabled: false } }
  {
    await using elt = await openOn(sandbox, warehouse, off)
    expect(await sync(elt)).toEqual([])
    expect(await viewsOf(warehouse)).toEqual([])
    expect((await elt.status()).views).toEqual([])
    expect(new Set((await elt.views()).map(({ state }) => state))).toEqual(new Set(['off']))
    await expect(elt.report()).rejects.toThrow('set marts.enabled to true')
  }
  {
    await using elt = await openOn(sandbox, warehouse, { sync: { streams }, marts: {} })
    expect(await sync(elt)).toEqual([])
  }
  const made = await viewsOf(warehouse)
  expect(made.length).toBeGreaterThan(3)
  await using elt = await openOn(sandbox, warehouse, off)
  expect(await sync(elt)).toEqual([])
  expect(await viewsOf(warehouse)).toEqual(made)
})

eachWarehouse(
  'a view whose streams are not replicated is not made, and status says why',
  async (warehouse) => {
    await using sandbox = await startProject()
    await using elt = await openOn(sandbox, warehouse, {
      sync: { streams: ['email_send', 'campaigns'] },
      marts: {},
    })
    expect(await elt.status()).toMatchObject({ views: [] })
    expect((await elt.views()).every(({ state }) => state !== 'made')).toBe(true)
    expect(await sync(elt)).toEqual([])
    const { views } = await elt.status()
    const unmade = views.filter(({ state }) => state !== 'made')
    expect(unmade.map(({ view, state, missing_streams }) => [view, state, missing_streams])).toEqual([
      ['bounce_reasons', 'missing_streams', ['email_bounce']],
      ['campaign_revenue', 'missing_streams', ['purchase']],
      ['cohort_retention', 'missing_streams', ['users']],
      ['list_growth_daily', 'missing_streams', ['list_users']],
      ['list_membership_history', 'missing_streams', ['list_users']],
      ['metrics_reconciliation', 'missing_streams', ['campaign_metrics']],
      ['subscription_state', 'missing_streams', ['users', 'message_types']],
      ...[
        ...['user_360', 'user_channel_optouts', 'user_devices', 'user_engagement', 'user_lists'],
        ...['user_message_type_optins', 'user_message_type_optouts', 'user_reachability'],
      ].map((view) => [view, 'missing_streams', ['users']]),
    ])
    const made = await viewsOf(warehouse)
    expect(made).toContain('campaign_performance')
    expect(made).not.toContain('user_engagement')
    // What nobody tells is unknown.
    const [row] = await warehouse.query(
      `select cast(sum(sent) as bigint) as sent, cast(sum(opened) as bigint) as opened, count(revenue) as revenues
     from iterable_marts.campaign_performance where sent > 0`,
    )
    expect(row).toEqual({ sent: sandbox.truth.events('emailSend').length, opened: null, revenues: 0 })
    expect(await elt.viewSql('message_facts')).toContain('cast(null as')
    await expect(elt.viewSql('mesage_facts')).rejects.toThrow(
      'no view is called "mesage_facts"; did you mean',
    )
  },
)

eachWarehouse('an idle sync leaves the views alone; one that was dropped comes back', async (warehouse) => {
  await using sandbox = await startProject()
  await using elt = await openOn(sandbox, warehouse, atOnce)
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
    await using elt = await openOn(sandbox, warehouse, atOnce)
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
  await using elt = await openOn(sandbox, warehouse, atOnce)
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

everyWarehouse('columns that become wider change no type of a view', async (warehouse) => {
  await using sandbox = await startProject()
  await using elt = await openOn(sandbox, warehouse, atOnce)
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
    await using elt = await openOn(sandbox, { ...warehouse, config }, { marts: {} })
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
