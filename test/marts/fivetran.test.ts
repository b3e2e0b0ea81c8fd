/** The views in the shape of Fivetran's tables: all their columns, all rows, and gone when nobody wants them. */
import { sql } from 'kysely'
import { expect } from 'vitest'
import { readViewFiles } from '../../src/marts/files.ts'
import { openOn, outcome, startProject } from '../support/sync.ts'
import { eachWarehouse, type Row, type TestWarehouse } from '../support/warehouse.ts'

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

/** As Fivetran's reference of the tables lists them; of campaign_metrics also what the headings of Iterable have become there. */
const moreColumns: Readonly<Record<string, string>> = {
  campaign_metrics: `_fivetran_deleted _fivetran_synced average_order_value date id purchases purchases_m_email_ revenue revenue_m
    revenue_m_email_ total_app_uninstalls total_complaints total_email_bounced total_email_clicked
    total_email_delivered total_email_holdout total_email_opens total_email_send_skips total_email_sends
    total_hosted_unsubscribe_clicks total_in_app_clicks total_in_app_closes total_in_app_deletes
    total_in_app_holdout total_in_app_opens total_in_app_send_skips total_in_app_sent total_in_apps_delivered
    total_inbox_impressions total_purchases total_push_holdout total_push_send_skips total_pushes_bounced
    total_pushes_delivered total_pushes_opened total_pushes_sent total_unsubscribes unique_email_bounced
    unique_email_clicks unique_email_opens_or_clicks unique_email_sends unique_emails_delivered unique_emails_opens
    unique_hosted_unsubscribe_clicks unique_in_app_clicks unique_in_app_opens unique_in_app_sends
    unique_in_apps_delivered unique_purchases unique_pushes_bounced unique_pushes_delivered unique_pushes_opened
    unique_pushes_sent unique_unsubscribes`,
  journey: `_fivetran_deleted _fivetran_synced created_at creator_user_id description enabled id is_archived journey_type
    lifetime_limit name simultaneous_limit start_tile_id trigger_event_names updated_at`,
  email_template_history: `_fivetran_synced updated_at id campaign_id cache_data_feed data_feed_id data_feed_ids
    from_email from_name google_analytics_campaign_name html is_default_locale locale merge_data_feed_context
    plain_text preheader_text reply_to_email subject`,
  in_app_template_history: `_fivetran_synced id updated_at campaign_id expiration_date_time expiration_duration html
    in_app_display_settings inbox_metadata is_default_locale locale payload web_in_app_display_settings`,
  push_template_history: `_fivetran_synced updated_at id campaign_id badge buttons cache_data_feed data_feed_ids
    deeplink_android deeplink_ios interruption_level is_default_locale is_silent_push locale merge_data_feed_context
    message payload relevance_score rich_media_android rich_media_ios sound title wake`,
  sms_template_history: `_fivetran_synced updated_at id campaign_id google_analytics_campaign_name image_url
    is_default_locale locale message tracking_domain`,
}

eachWarehouse('Fivetran has the same columns, and Iterable the same rows', async (warehouse) => {
  await using sandbox = await startProject({ eventsPerDay: 150 })
  // Two that are equal in everything are two.
  const twin = { email: 'twin@example.com', createdAt: '2026-01-31 10:00:00 +00:00', eventName: 'say "hi"' }
  sandbox.data.events('customEvent').push(twin, twin)
  const lister = { email: 'lister@example.com', emailListIds: [30, 100, 4] }
  sandbox.data.users.put(lister)
  for (const campaign of sandbox.data.campaigns) campaign.labels = ['b', 'ü', '"a"']
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
    expect(await madeColumns(warehouse)).toEqual(sortedColumns(columns))
    // In an order of their own, whatever that of the profile and the campaign.
    const { data, truth } = sandbox
    const listed = (await read('user_history')).filter(({ email_list_ids }) => email_list_ids !== null)
    for (const user of listed) {
      const { emailListIds } = truth.users().find(({ email }) => email === user.email) as {
        emailListIds: number[]
      }
      expect(user.email_list_ids).toBe(`[${emailListIds.toSorted((a, b) => a - b).join(',')}]`)
    }
    expect(listed.find(({ email }) => email === lister.email)?.email_list_ids).toBe('[4,30,100]')
    const labels = new Set((await read('event_extension')).map((row) => row.labels))
    expect(labels).toContain('["\\"a\\"","b","ü"]')
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
    expect(hashes).toHaveLength((await readViewFiles('fivetran')).length - Object.keys(moreColumns).length)
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

const sortedColumns = (tables: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(tables).map(([view, text]) => [view, text.split(/\s+/).sort()]))

async function madeColumns(warehouse: TestWarehouse) {
  const made = await warehouse.query(
    `select table_name as view, string_agg(column_name, ' ' order by column_name) as columns
     from information_schema.columns where table_schema = 'iterable_fivetran' group by 1`,
  )
  return Object.fromEntries(made.map((row) => [row.view, String(row.columns).split(' ').sort()]))
}

eachWarehouse(
  'Fivetran has the figures of campaigns, journeys and contents of templates',
  async (warehouse) => {
    await using sandbox = await startProject({ eventsPerDay: 2 })
    const contents = ['email_templates', 'sms_templates', 'push_templates', 'in_app_templates']
    const streams = ['campaign_metrics_daily', 'journeys', ...contents]
    const sync = { streams, start_date: '2025-10-01' }
    await using elt = await openOn(sandbox, warehouse, { sync, marts: { compatibility: ['fivetran'] } })
    expect(outcome(await elt.sync())).toEqual({ state: 'succeeded', wrong: [] })
    // Those of events need no stream.
    const { event, event_extension } = columns as Record<'event' | 'event_extension', string>
    expect(await madeColumns(warehouse)).toEqual(sortedColumns({ ...moreColumns, event, event_extension }))
    const read = (view: string) => warehouse.query(`select * from iterable_fivetran."${view}"`)

    const days = await warehouse.query('select * from iterable.campaign_metrics_daily')
    const figures = await warehouse.query(
      'select *, cast("date" as varchar) as day from iterable_fivetran.campaign_metrics',
    )
    const keyOf = (row: Row) => `${row.id} ${row.day}`
    const ofDay = new Map(figures.map((row) => [keyOf(row), row]))
    expect(ofDay.size).toBe(days.length)
    expect(days.length).toBeGreaterThan(20)
    const names = {
      'Total Email Sends': 'total_email_sends',
      'Total Emails Delivered': 'total_email_delivered',
      'Unique Email Opens': 'unique_emails_opens',
      'Unique Email Clicks': 'unique_email_clicks',
      'Total Pushes Sent': 'total_pushes_sent',
      'Total In-App Opens': 'total_in_app_opens',
      'Revenue / M (Email)': 'revenue_m_email_',
      Revenue: 'revenue',
      'Total Purchases': 'total_purchases',
    }
    for (const [heading, column] of Object.entries(names)) {
      const told = days.filter((row) => row[heading] !== null && Number(row[heading]) > 0)
      expect(told.length, heading).toBeGreaterThan(0)
      const values = days.map((row) => ofDay.get(keyOf(row))?.[column])
      expect(values, heading).toEqual(days.map((row) => row[heading] ?? null))
    }

    expect((await read('journey')).map(({ id, name }) => `${id} ${name}`).sort()).toEqual(
      sandbox.data.journeys.map(({ id, name }) => `${id} ${name}`).sort(),
    )
    for (const stream of contents) {
      const rows = await warehouse.query(`select "templateId" as id, locale from iterable.${stream}`)
      const view = stream.replace('templates', 'template_history')
      const found = (await read(view)).map(({ id, locale }) => `${id} ${locale}`)
      expect(found.sort(), view).toEqual(rows.map(({ id, locale }) => `${id} ${locale}`).sort())
      expect(found.length, view).toBeGreaterThan(0)
    }
    const flags = (await read('email_template_history')).map((row) => row.cache_data_feed)
    expect(new Set(flags)).toEqual(new Set([false]))
  },
)
