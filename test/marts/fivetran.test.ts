/** The views in the shape of Fivetran's tables: all their columns, all rows, and gone when nobody wants them. */
import { sql } from 'kysely'
import { expect } from 'vitest'
import { readViewFiles } from '../../src/marts/files.ts'
import { openOn, outcome, startProject } from '../support/sync.ts'
import { eachWarehouse, type Row } from '../support/warehouse.ts'

/** As the public macros get_*_columns of dbt_iterable and dbt_iterable_source list them. */
const columns: Readonly<Record<string, string>> = {
  campaign_history: `_fivetran_synced campaign_state created_at created_by_user_id ended_at id message_medium name
    recurring_campaign_id send_size start_at template_id type updated_at updated_by_user_id workflow_id`,
  campaign_label_history: '_fivetran_synced campaign_id label updated_at',
  campaign_list_history: '_fivetran_synced campaign_id list_id updated_at',
  campaign_suppression_list_history: '_fivetran_synced campaign_id suppressed_list_id updated_at',
  channel: '_fivetran_deleted _fivetran_synced channel_type id message_medium name',
  event: `_fivetran_id _fivetran_synced _fivetran_user_id additional_properties campaign_id content_id created_at email
    event_name message_bus_id message_id message_type_id recipient_state status transactional_data unsub_source
    user_agent user_agent_device`,
  event_extension: `_fivetran_id _fivetran_synced _fivetran_user_id app_already_running badge canonical_url_id
    catalog_collection_count catalog_lookup_count city clicked_url content_available content_id country device email_id
    email_subject error_code experiment_id expires_at from_phone_number from_phone_number_id from_smssender_id
    in_app_body is_sms_estimation labels link_id link_url locale message_status mms_send_count payload
    platform_endpoint push_message reason region sms_message sms_send_count to_phone_number url workflow_id
    workflow_name`,
  list: '_fivetran_deleted _fivetran_synced created_at description id list_type name',
  list_user: '_fivetran_id _fivetran_synced index list_id',
  message_type: `_fivetran_deleted _fivetran_synced channel_id created_at frequency_cap id name rate_limit_per_minute
    subscription_policy updated_at`,
  template_history: `_fivetran_synced client_template_id created_at creator_user_id id message_type_id name template_type
    updated_at`,
  user_device_history: `_fivetran_synced application_name email endpoint_enabled index platform platform_endpoint
    updated_at`,
  user_history: `_fivetran_id _fivetran_synced email email_list_ids first_name iterable_user_id last_name phone_number
    signup_date signup_source updated_at user_id`,
  user_unsubscribed_channel: '_fivetran_id _fivetran_synced channel_id email updated_at',
  user_unsubscribed_channel_history: '_fivetran_synced channel_id email updated_at',
  user_unsubscribed_message_type: '_fivetran_id _fivetran_synced email message_type_id updated_at',
  user_unsubscribed_message_type_history: '_fivetran_synced email message_type_id updated_at',
}

eachWarehouse('Fivetran has the same columns, and Iterable the same rows', async (warehouse) => {
  await using sandbox = await startProject({ eventsPerDay: 150 })
  // Two that are equal in everything are two.
  const twin = { email: 'twin@example.com', createdAt: '2026-01-31 10:00:00 +00:00', eventName: 'say "hi"' }
  sandbox.data.events('customEvent').push(twin, twin)
  const sync = {
    streams: ['core', 'custom_event', 'purchase'],
    start_date: '2024-03-01',
    window_in_days: 366,
  }
  const options = { sync }
  const read = (view: string) => warehouse.query(`select * from iterable_fivetran."${view}"`)
  const ids = async () => (await read('event')).map((row) => row._fivetran_id).sort()
  {
    await using elt = await openOn(sandbox, warehouse, { ...options, marts: { compatibility: ['fivetran'] } })
    const notices: string[] = []
    const report = await elt.sync({
      onProgress: (event) => {
        if (event.type === 'notice') notices.push(event.message)
      },
    })
    expect({ ...(outcome(report) as object), notices }).toEqual({
      state: 'succeeded',
      wrong: [],
      notices: [],
    })
    const made = await warehouse.query(
      `select table_name as view, string_agg(column_name, ' ' order by column_name) as columns
       from information_schema.columns where table_schema = 'iterable_fivetran' group by 1`,
    )
    const expected = Object.entries(columns).map(([view, text]) => [view, text.split(/\s+/).sort()])
    expect(Object.fromEntries(made.map((row) => [row.view, String(row.columns).split(' ').sort()]))).toEqual(
      Object.fromEntries(expected),
    )
    const { data, truth } = sandbox
    const events = await read('event')
    for (const type of ['emailSend', 'emailOpen', 'emailClick', 'emailBounce', 'customEvent', 'purchase'])
      expect(
        events.filter((row) => row.event_name === type),
        type,
      ).toHaveLength(truth.events(type).length)
    expect(new Set(await ids()).size).toBe(events.length)
    const twins = events.filter(({ email }) => email === twin.email)
    expect(twins.map((row) => JSON.parse(String(row.additional_properties)))).toEqual([
      ...[{ eventName: twin.eventName }, { eventName: twin.eventName }],
    ])
    expect((await read('event_extension')).map((row) => row._fivetran_id).sort()).toEqual(await ids())
    const users = await read('user_history')
    expect(users).toHaveLength(truth.users().length)
    const known = new Set(users.map((row) => row._fivetran_id))
    const ofUsers = events.filter(({ email }) => users.some((user) => user.email === email))
    expect(ofUsers.length).toBeGreaterThan(0)
    expect(ofUsers.filter((row) => !known.has(row._fivetran_user_id))).toEqual([])
    const lists = (user: Row) => (user.emailListIds as unknown[] | undefined)?.length ?? 0
    expect(await read('list_user')).toHaveLength(truth.users().reduce((sum, user) => sum + lists(user), 0))
    expect(await read('campaign_history')).toHaveLength(
      (await warehouse.query('select id from iterable.campaigns')).length,
    )
    expect(await read('list')).toHaveLength(data.lists.length)
    expect(await read('channel')).toHaveLength(data.channels.length)

    // Read again, they have the ids that they had; and nothing is made anew.
    const before = await ids()
    const recorded = () =>
      warehouse.query(`select * from iterable_sync.marts where view_name like 'fivetran.%' order by 1`)
    const hashes = await recorded()
    expect(hashes).toHaveLength((await readViewFiles('fivetran')).length)
    await elt.sync({ fullRefresh: true, streams: ['email_open', 'custom_event'] })
    expect(await ids()).toEqual(before)
    expect(await recorded()).toEqual(hashes)
    await elt.warehouse.use(async ({ tables }) => {
      await sql.raw('create schema own').execute(tables)
      await sql.raw('create view own.mine as select id from iterable_fivetran.list').execute(tables)
    })
  }
  await using without = await openOn(sandbox, warehouse, { ...options, marts: {} })
  await without.sync({ streams: ['channels'] })
  const left = await warehouse.query(
    `select table_schema || '.' || table_name as name from information_schema.tables where table_schema in ('iterable_fivetran', 'own') order by 1`,
  )
  // Postgres knows who reads a view, and keeps that one.
  expect(left.map(({ name }) => name)).toEqual(
    warehouse.kind === 'postgres' ? ['iterable_fivetran.list', 'own.mine'] : ['own.mine'],
  )
})
