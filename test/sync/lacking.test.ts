/** Types of events that a project lacks, and types with two names. */
import { expect } from 'vitest'
import type { Sandbox } from '../../src/sandbox/index.ts'
import { days, hours, of, openOn, outcome, planOnce, startProject, syncOnce } from '../support/sync.ts'
import { eachWarehouse } from '../support/warehouse.ts'

function lack(sandbox: Sandbox, dataTypeName: string, status: number): void {
  const fault = { status, body: { msg: `no ${dataTypeName} here`, code: 'BadParams' } }
  sandbox.faults.next({ fault, times: 1_000, query: { dataTypeName } })
}

/** The types that were asked for, from the request of this number on. */
const asked = (sandbox: Sandbox, from = 0): string[] =>
  sandbox.requests
    .slice(from)
    .flatMap(({ path, query }) => (path === '/api/export/data.json' ? [String(query.dataTypeName)] : []))

eachWarehouse('are told once, asked for once a day, and fail nothing', async (warehouse) => {
  await using sandbox = await startProject()
  const sync = { streams: ['email_send', 'sms_*'] }
  lack(sandbox, 'smsSend', 400)
  lack(sandbox, 'smsClick', 403)
  const first = await syncOnce(sandbox, warehouse, { sync })
  expect(outcome(first)).toEqual({ state: 'succeeded', wrong: [] })
  for (const [stream, status] of [
    ['sms_send', 400],
    ['sms_click', 403],
  ] as const) {
    expect(of(first, stream)).toMatchObject({ state: 'succeeded', bookmark: null, api_calls: 1 })
    expect(of(first, stream).notes.join()).toMatch(
      new RegExp(`lacks this type of event.*${status}.*asked for again in a day`),
    )
  }
  expect(of(first, 'sms_received').rows_written).toBeGreaterThan(0)

  {
    await using elt = await openOn(sandbox, warehouse, { sync })
    const { lacking } = await elt.status()
    expect(lacking.map(({ stream, asked_at }) => [stream, asked_at])).toEqual([
      ['sms_click', sandbox.now.toISOString()],
      ['sms_send', sandbox.now.toISOString()],
    ])
    expect(lacking[1]?.answer).toMatch(/no smsSend here/)
  }

  sandbox.advance(hours(5))
  const planned = await planOnce(sandbox, warehouse, { sync })
  expect(planned.get('sms_send')).toMatchObject({ left_out: 'lacking', api_calls: 0 })
  expect(planned.get('sms_received')).toMatchObject({ left_out: null })
  const before = sandbox.requests.length
  const second = await syncOnce(sandbox, warehouse, { sync })
  expect(outcome(second)).toEqual({ state: 'succeeded', wrong: [] })
  expect(asked(sandbox, before)).not.toContain('smsSend')
  expect(asked(sandbox, before)).not.toContain('smsClick')
  expect(asked(sandbox, before)).toContain('smsReceived')

  // Whoever names it means it; a day later it is asked for, and nobody hears the same again.
  const named = await syncOnce(sandbox, warehouse, { sync, request: { streams: ['sms_click'] } })
  expect(of(named, 'sms_click')).toMatchObject({ api_calls: 1, state: 'succeeded' })
  sandbox.advance(days(1) + hours(1))
  const until = sandbox.requests.length
  const later = await syncOnce(sandbox, warehouse, { sync })
  expect(asked(sandbox, until)).toContain('smsClick')
  expect(of(later, 'sms_click')).toMatchObject({ state: 'succeeded', notes: [] })

  // The project begins to use the channel.
  sandbox.faults.clear()
  sandbox.advance(days(1) + hours(1))
  const used = await syncOnce(sandbox, warehouse, { sync })
  expect(of(used, 'sms_send').rows_written).toBeGreaterThan(0)
  expect(await warehouse.query('select * from iterable_sync.lacking_streams')).toEqual([])
})

eachWarehouse(
  'are none where the key may export nothing, or where a stream was read before',
  async (warehouse) => {
    await using sandbox = await startProject()
    const sync = { streams: ['sms_send', 'sms_click', 'channels'] }
    for (const type of ['smsSend', 'smsClick']) lack(sandbox, type, 403)
    const refused = await syncOnce(sandbox, warehouse, { sync })
    expect(refused.state).toBe('failed')
    expect(of(refused, 'sms_send')).toMatchObject({ state: 'failed', error_code: 'forbidden' })

    sandbox.faults.clear()
    expect(outcome(await syncOnce(sandbox, warehouse, { sync }))).toEqual({ state: 'succeeded', wrong: [] })
    lack(sandbox, 'smsSend', 400)
    sandbox.advance(hours(1))
    const gone = await syncOnce(sandbox, warehouse, { sync })
    expect(of(gone, 'sms_send')).toMatchObject({ state: 'failed', error_code: 'bad_request' })
  },
)

eachWarehouse('a type that is refused by one of its names is asked for by the other', async (warehouse) => {
  await using sandbox = await startProject()
  lack(sandbox, 'unknownSession', 400)
  const sync = { streams: ['unknown_session'] }
  const report = await syncOnce(sandbox, warehouse, { sync })
  expect(outcome(report)).toEqual({ state: 'succeeded', wrong: [] })
  expect(of(report, 'unknown_session').rows_written).toBeGreaterThan(0)
  // Once refused, it is not asked for again in the same sync.
  expect(asked(sandbox).filter((name) => name === 'unknownSession')).toHaveLength(1)
  expect(new Set(asked(sandbox))).toEqual(new Set(['unknownSession', 'anonSession']))
})

eachWarehouse('complete_dimensions keeps what is older than the first bookmark', async (warehouse) => {
  await using sandbox = await startProject()
  const idsOf = async () => (await warehouse.query('select id from iterable.campaigns')).length
  const sync = { streams: ['campaigns'], start_date: '2026-01-31' }
  expect(of(await syncOnce(sandbox, warehouse, { sync }), 'campaigns').state).toBe('succeeded')
  const all = sandbox.data.campaigns.length
  expect(await idsOf()).toBeLessThan(all)
  sandbox.advance(hours(1))
  await syncOnce(sandbox, warehouse, { sync: { ...sync, complete_dimensions: true } })
  expect(await idsOf()).toBe(all)
})
