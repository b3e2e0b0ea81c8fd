/** Views that are kept as tables say what they would say as views, whatever comes late. */
import { sql } from 'kysely'
import { expect } from 'vitest'
import { type Row, startSandbox } from '../../src/sandbox/index.ts'
import { days, hours, openOn, present } from '../support/sync.ts'
import { everyWarehouse, type TestWarehouse } from '../support/warehouse.ts'
import { sorted } from './support.ts'

const streams = ['email', 'push_send', 'push_open', 'campaigns', 'whatsapp_send', 'whatsapp_seen']
const sync = {
  streams,
  quiet_streams: 'off' as const,
  start_date: new Date(present.getTime() - days(40)).toISOString(),
  window_in_days: 366,
}
const kept = ['sent_messages', 'engagement_events', 'message_facts', 'campaign_performance']

const factsOf = async (warehouse: TestWarehouse) => ({
  messages: sorted(await warehouse.query('select * from iterable_marts.message_facts')),
  touches: sorted(await warehouse.query('select * from iterable_marts.engagement_events')),
  // They read the table of message_facts, where there is one.
  outcomes: sorted(await warehouse.query('select * from iterable_marts.message_outcomes')),
  times: sorted(await warehouse.query('select * from iterable_marts.message_times')),
  campaigns: sorted(await warehouse.query('select * from iterable_marts.campaign_performance')),
})

const tablesOf = async (warehouse: TestWarehouse) => {
  const rows = await warehouse.query(
    `select table_name as name from information_schema.tables
     where table_schema = 'iterable_marts' and table_name like '%\\_table\\_%' escape '\\' order by 1`,
  )
  return rows.map(({ name }) => String(name).replace(/_table_\w{8}$/, ''))
}

/** Ids of the messages that the last refresh was about; a lake tells by the rows that are younger than their table. */
const refreshed = async (warehouse: TestWarehouse) => {
  const younger = async () => {
    const [{ name } = {}] = await warehouse.query(
      `select table_name as name from information_schema.tables
       where table_schema = 'iterable_marts' and table_name like 'sent\\_messages\\_table\\_%' escape '\\'`,
    )
    const table = `iterable_marts.${name}`
    return warehouse.query(
      `select message_id from ${table} where snapshot_id > (select min(snapshot_id) from ${table}) order by 1`,
    )
  }
  const rows =
    warehouse.kind === 'ducklake'
      ? await younger()
      : await warehouse.query('select message_id from iterable_sync.mart_messages order by 1')
  return rows.map(({ message_id }) => message_id)
}

everyWarehouse(
  'a view kept as a table follows late events, rules and the configuration, and says what the view says',
  async (warehouse) => {
    await using sandbox = await startSandbox({ empty: true, rateLimits: 'off', now: present })
    const { data } = sandbox
    const push = (type: string, ago: number, row: Row) =>
      data.events(type).push({ createdAt: new Date(sandbox.now.getTime() - ago).toISOString(), ...row })
    const message = (id: number, more: Row = {}): Row => ({
      email: `p${id % 9}@example.com`,
      campaignId: 100 + (id % 4),
      messageId: `m${id}`,
      ...more,
    })
    data.campaigns.push({
      id: 100,
      name: 'One',
      createdAt: 0,
      updatedAt: present.getTime(),
      campaignState: 'Finished',
    })
    for (let id = 0; id < 60; id += 1) push('emailSend', days(30) - hours(id), message(id))
    for (let id = 0; id < 60; id += 4) push('emailOpen', days(20), message(id, { userAgent: 'Odd/1.0' }))
    push('pushSend', days(3), message(100))
    push('whatsAppSend', days(3), message(200))

    const syncAs = async (materialize: readonly string[], portionRows = '40') => {
      sandbox.now = new Date(sandbox.now.getTime() + hours(1))
      await using elt = await openOn(sandbox, warehouse, { sync, marts: { materialize: [...materialize] } })
      // Who fills tables in portions does so here, too, where a warehouse as small as this would do without.
      const { dialect } = elt.warehouse
      if (dialect.portionRows !== undefined) Object.assign(dialect, { portionRows })
      const notices: string[] = []
      const { state } = await elt.sync({
        onProgress: (event) => {
          if (event.type === 'notice') notices.push(event.message)
        },
      })
      expect({ state, notices }).toEqual({ state: 'succeeded', notices: [] })
    }
    const run = async (statement: string) => {
      await using elt = await openOn(sandbox, warehouse, { sync, marts: {} })
      await elt.warehouse.use(({ tables }) => sql.raw(statement).execute(tables))
    }

    await syncAs(kept)
    expect(await tablesOf(warehouse)).toEqual([...kept].sort())
    const first = await factsOf(warehouse)
    expect(first.messages).toHaveLength(62)
    expect(await refreshed(warehouse)).toEqual([])

    // What is known of messages sent long ago changes today; one opens at once, one was sent while nobody looked.
    push('emailOpen', hours(2), message(7))
    push('emailBounce', hours(1), message(8, { recipientState: 'HardBounce', status: '5.1.1' }))
    push('emailSend', hours(5), message(60))
    push('emailClick', hours(4), message(60, { url: 'https://example.com/a' }))
    push('emailOpen', hours(3), message(0, { messageId: null }))
    push('pushOpen', hours(1), message(100))
    push('whatsAppSeen', hours(1), message(200, { messageId: 'other', seenMessageId: 'm200' }))
    await syncAs(kept, '2')
    expect(await refreshed(warehouse)).toEqual(['m100', 'm200', 'm60', 'm7', 'm8'])
    const second = await factsOf(warehouse)
    expect(second.messages).toHaveLength(63)
    expect(second.messages).not.toEqual(first.messages)

    // A rule of the user changes what is known of every message.
    await run(`insert into iterable_marts.my_bot_rules values ('odd', 'user_agent', 'odd/%', null, true)`)
    await syncAs(kept)
    const third = await factsOf(warehouse)
    expect(third.messages.filter((row) => row.includes('"human_opens":1'))).toHaveLength(3)

    // Views again, the tables gone: they say the same.
    await syncAs([])
    expect(await tablesOf(warehouse)).toEqual([])
    expect(await factsOf(warehouse)).toEqual(third)
    expect(await warehouse.query('select * from iterable_sync.mart_tables')).toEqual([])
    await run('delete from iterable_marts.my_bot_rules')
    expect(await factsOf(warehouse)).toEqual(second)
  },
)
