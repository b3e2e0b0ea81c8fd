/** What is known of one person. */
import { expect } from 'vitest'
import { openOn, startProject } from '../support/sync.ts'
import { everyWarehouse } from '../support/warehouse.ts'

const sync = {
  streams: ['core', 'custom_event', 'forgotten_users'],
  start_date: '2024-01-01',
  window_in_days: 366,
}

everyWarehouse('is found by any of their names, in every table and in Iterable', async (warehouse) => {
  await using sandbox = await startProject({ projectType: 'hybrid', region: 'eu' })
  const person = sandbox.data.users.all().find(({ email, userId }) => email && userId)
  if (!person) throw new Error('the sandbox has people with two names')
  const email = String(person.email)
  const event = { eventName: "O'Neil", createdAt: new Date(sandbox.now.getTime() - 3_600_000).toISOString() }
  sandbox.data.events('customEvent').push({ ...event, email, score: 1 })
  await using elt = await openOn(sandbox, warehouse, { sync, connection: { region: 'eu' } })
  expect(await elt.person({ email, asksApi: false })).toMatchObject({
    warehouse: { tables: [] },
    iterable: null,
  })
  await elt.sync()

  const found = await elt.person({ email: ` ${email.toUpperCase()} ` })
  expect(found.warehouse).toMatchObject({
    identifiers: { email: [email.toLowerCase()], userId: [person.userId] },
    forgotten: false,
  })
  const rowsIn = new Map(found.warehouse.tables.map(({ table, rows }) => [table, rows]))
  expect(rowsIn.get('iterable.users')).toBe(1)
  const sends = sandbox.truth
    .events('emailSend')
    .filter((row) => row.email === email || row.userId === person.userId)
  expect(rowsIn.get('iterable.email_send') ?? 0).toBe(sends.length)
  const custom = found.warehouse.tables.find(({ table }) => table === 'iterable.custom_event')
  expect(custom?.records.find(({ eventName }) => eventName === "O'Neil")).toMatchObject({ score: 1 })
  expect(found.iterable?.events.length).toBeGreaterThan(0)
  // More of them than one answer has.
  const [send, wasSent] = [{ email, campaignId: 7, templateId: 8 }, sandbox.now.getTime() - 3_600_000]
  for (let n = 0; n < 1_200; n += 1) {
    const createdAt = new Date(wasSent - Math.floor(n / 3) * 1_000).toISOString()
    sandbox.data.events('pushSend').push({ ...send, messageId: `m-${n}`, createdAt })
  }
  sandbox.data.events('inAppSend').push({ ...send, messageId: 'in', createdAt: event.createdAt })
  sandbox.data.events('embeddedSend').push({ ...send, messageId: 'e', placementId: 4, ...event })
  const { iterable } = await elt.person({ email })
  const ids = iterable?.sent_messages.map(({ messageId }) => messageId) ?? []
  expect(new Set(ids).size).toBe(ids.length)
  expect(ids.filter((id) => String(id).startsWith('m-'))).toHaveLength(1_200)
  expect(iterable?.in_app_messages.map(({ messageId }) => messageId)).toContain('in')
  expect(iterable?.embedded_messages).toMatchObject([
    { placementId: 4, embeddedMessages: [{ metadata: { messageId: 'e' } }] },
  ])
  // A channel that the key may not read is told, and takes nothing from the rest.
  sandbox.faults.next({
    path: '/api/inApp/getMessages',
    fault: { status: 403, body: { msg: 'no', code: 'Forbidden' } },
  })
  const partly = await elt.person({ email })
  expect(partly.iterable).toMatchObject({ in_app_messages: [], unread: [{ what: 'in_app_messages' }] })
  expect(partly.iterable?.sent_messages.length).toBe(ids.length)

  // By the other name the same rows are found; one row of each table where no more are wanted.
  const byId = await elt.person({ userId: String(person.userId), most: 1 })
  expect(byId.warehouse.identifiers).toEqual(found.warehouse.identifiers)
  expect(byId.warehouse.tables.map(({ table, rows }) => [table, rows])).toEqual(
    found.warehouse.tables.map(({ table, rows }) => [table, rows]),
  )
  expect(byId.warehouse.tables.every(({ records }) => records.length === 1)).toBe(true)
  expect(byId.iterable?.profile).toMatchObject({ userId: person.userId })

  const nobody = await elt.person({ email: `x'); drop table users; --@example.com` })
  expect(nobody.warehouse.tables).toEqual([])
  expect(nobody.iterable).toEqual({
    profile: null,
    events: [],
    unread: [],
    sent_messages: [],
    in_app_messages: [],
    embedded_messages: [],
  })
  sandbox.data.forgotten.add(email.toLowerCase())
  await elt.sync({ streams: ['forgotten_users'] })
  expect((await elt.person({ email, asksApi: false })).warehouse.forgotten).toBe(true)
})
