/** The history of lists: kept from read to read, in both warehouses, and shown by its two views. */
import { sql } from 'kysely'
import { expect } from 'vitest'
import type { Elt } from '../../src/index.ts'
import type { Sandbox } from '../../src/sandbox/index.ts'
import { days, openOn, present, startProject } from '../support/sync.ts'
import { eachWarehouse, everyWarehouse, type TestWarehouse } from '../support/warehouse.ts'
import { rate } from './oracle.ts'
import { sorted } from './support.ts'

const streams = ['lists', 'list_users', 'email_subscribe', 'email_unsubscribe']
const person = (index: number): string => `person.${index}@example.com`
const people = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, index) => person(from + index))

/** What a read of a list found, in the words of the test. */
interface Stay {
  readonly list: number
  readonly member: string
  readonly joined: readonly [after: number, at: number] | null
  left: readonly [after: number, at: number] | null
}

/** The history as a notebook would have it: set after set of members, day by day. */
class Notebook {
  readonly stays: Stay[] = []
  readonly #reads = new Map<number, number[]>()
  readonly #members = new Map<number, ReadonlySet<string>>()

  read(list: number, at: number, members: Iterable<string>): void {
    const now = new Set(members)
    const before = this.#members.get(list)
    const last = this.#reads.get(list)?.at(-1)
    for (const member of now) {
      if (!before?.has(member)) {
        this.stays.push({ list, member, joined: last === undefined ? null : [last, at], left: null })
      }
    }
    for (const stay of this.stays.filter((one) => one.list === list && one.left === null)) {
      if (!now.has(stay.member)) stay.left = [last as number, at]
    }
    this.#reads.set(list, [...(this.#reads.get(list) ?? []), at])
    this.#members.set(list, now)
  }

  /** From the first read of a list to its last, whether there was a read that day or not. */
  growth(list: number, explained: ReadonlyMap<string, readonly [joined: number, left: number]>): unknown[] {
    const reads = (this.#reads.get(list) ?? []).map((at) => Math.floor(at / days(1)))
    const own = this.stays.filter((stay) => stay.list === list)
    const dayOf = (end: Stay['left']) => end && Math.floor(end[1] / days(1))
    const rows: { members: number; [column: string]: unknown }[] = []
    for (let day = reads[0] as number; day <= (reads.at(-1) as number); day += 1) {
      const name = new Date(day * days(1)).toISOString().slice(0, 10)
      const joined = own.filter((stay) => dayOf(stay.joined) === day).length
      const left = own.filter((stay) => dayOf(stay.left) === day).length
      const isThere = ({ joined: from, left: to }: Stay) =>
        (from === null || (dayOf(from) as number) <= day) && (to === null || (dayOf(to) as number) > day)
      const members = own.filter(isThere).length
      const [subscribed, unsubscribed] = explained.get(`${list} ${name}`) ?? [0, 0]
      const before = rows.length >= 30 ? rows[rows.length - 30]?.members : undefined
      rows.push({
        list_id: list,
        day: name,
        members,
        joined,
        left_list: left,
        net: joined - left,
        joined_by_subscribe: subscribed,
        joined_otherwise: joined - subscribed,
        left_by_unsubscribe: unsubscribed,
        left_otherwise: left - unsubscribed,
        churn_rate: rate(left, members - joined + left),
        growth_30_days: before ? members / before - 1 : null,
      })
    }
    return rows
  }
}

async function viewRows(warehouse: TestWarehouse, select: string) {
  const rows = await warehouse.query(select)
  return rows.map((row) =>
    Object.fromEntries(
      Object.entries(row).map(([name, value]) => [name, value instanceof Date ? value.getTime() : value]),
    ),
  )
}

/** Lets time pass and syncs. */
async function syncAfter(elt: Elt, sandbox: Sandbox, passed: number): Promise<number> {
  sandbox.now = new Date(sandbox.now.getTime() + passed)
  const { state } = await elt.sync()
  expect(state).not.toBe('failed')
  return sandbox.now.getTime()
}

/** Runs a statement in the warehouse, as another program would. */
const run = (elt: Elt, statement: string) => elt.warehouse.use(({ db }) => sql.raw(statement).execute(db))

const changes = async (warehouse: TestWarehouse) => {
  const [row] = await warehouse.query('select count(*) as rows from iterable_sync.list_changes')
  return row?.rows
}

everyWarehouse(
  'the history of lists is what its reads have found, and grows by changes only',
  async (warehouse) => {
    await using sandbox = await startProject({ empty: true })
    const { data } = sandbox
    for (const id of [1, 2, 3])
      data.lists.push({ id, name: `List ${id}`, createdAt: 0, listType: 'Standard' })
    data.members(1).add(...people(0, 60))
    data.members(2).add(...people(20, 50))
    await using elt = await openOn(sandbox, warehouse, {
      sync: { streams },
      connection: { max_retries: 0 },
      marts: {},
    })
    const notebook = new Notebook()
    const readAll = (at: number) => {
      for (const { id } of data.lists) notebook.read(Number(id), at, data.members(Number(id)).all())
    }

    // Two came before the first read: of one it is known when they came last.
    const before = [3, 2].map((ago) => present.getTime() - days(ago))
    for (const at of before)
      data
        .events('emailSubscribe')
        .push({ email: person(7), emailListId: 1, createdAt: new Date(at).toISOString() })
    readAll(await syncAfter(elt, sandbox, 0))
    expect(await changes(warehouse)).toBe(0)
    readAll(await syncAfter(elt, sandbox, days(1)))
    expect(await changes(warehouse)).toBe(0)

    // Some come by a form, some go by a link; the event of another list explains nothing.
    data.members(1).add(...people(60, 70))
    for (const one of people(0, 5)) data.members(1).delete(one)
    data.members(3).add(person(99))
    const eventAt = new Date(sandbox.now.getTime() + days(0.5)).toISOString()
    data
      .events('emailSubscribe')
      .push(
        { email: person(60).toUpperCase(), emailListIds: [1, 7], createdAt: eventAt },
        { email: person(61), emailListIds: [1], createdAt: eventAt },
        { email: person(62), emailListIds: [2], createdAt: eventAt },
      )
    data.events('emailUnSubscribe').push({ email: person(0), emailListIds: [1], createdAt: eventAt })
    const explained = new Map([['1 2026-02-03', [2, 1] as const]])
    readAll(await syncAfter(elt, sandbox, days(1)))

    // Back again, and a list that nobody can read for a while.
    data.members(1).add(person(0))
    data.members(2).delete(person(20))
    data.members(3).delete(person(99))
    const path = '/api/lists/getUsers'
    const fault = {
      fault: { status: 400, body: { code: 'x' } },
      times: 9,
      path,
      query: { listId: '2' },
    } as const
    sandbox.faults.next(fault)
    const late = await syncAfter(elt, sandbox, days(31))
    for (const id of [1, 3]) notebook.read(id, late, data.members(id).all())

    // A list goes, and one comes.
    data.lists.splice(0, 1)
    data.lists.push({ id: 4, name: 'New', createdAt: 0, listType: 'Standard' })
    data.members(4).add(...people(0, 3))
    sandbox.faults.clear()
    const gone = await syncAfter(elt, sandbox, days(1))
    notebook.read(1, gone, [])
    readAll(gone)
    readAll(await syncAfter(elt, sandbox, 3_600_000))

    const history = await viewRows(warehouse, 'select * from iterable_marts.list_membership_history')
    const at = Date.parse(eventAt)
    const subscribed = new Map<string, number>([
      [`1 ${person(60)}`, at],
      [`1 ${person(61)}`, at],
    ])
    const expected = notebook.stays.map(({ list, member, joined, left }) => {
      const isFirst = joined === null && list === 1 && member === person(7)
      const subscribedAt = isFirst ? before[1] : joined ? subscribed.get(`${list} ${member}`) : undefined
      const hasLeft = left !== null && list === 1 && member === person(0) && left[0] < at && at <= left[1]
      return {
        list_id: list,
        list_name: list === 1 ? null : list === 4 ? 'New' : `List ${list}`,
        email: member,
        user_id: null,
        joined_after: joined?.[0] ?? null,
        joined_at: joined?.[1] ?? null,
        left_after: left?.[0] ?? null,
        left_at: left?.[1] ?? null,
        is_member: left === null,
        subscribed_at: subscribedAt ?? null,
        unsubscribed_at: hasLeft ? at : null,
        joined_known_by: subscribedAt ? 'subscribe event' : joined ? 'read' : 'first read',
        left_known_by:
          left && (hasLeft ? 'unsubscribe event' : left[1] === gone && list === 1 ? 'list gone' : 'read'),
      }
    })
    expect(new Set(expected.map((stay) => stay.joined_known_by)).size).toBe(3)
    expect(new Set(expected.map((stay) => stay.left_known_by)).size).toBe(4)
    expect(expected.filter(({ joined_at, left_at }) => joined_at && left_at).length).toBeGreaterThan(0)
    expect(sorted(history)).toEqual(sorted(expected))

    const growth = await viewRows(
      warehouse,
      `select list_id, cast(day as varchar) as day, members, joined, left_list, net, joined_by_subscribe, joined_otherwise,
       left_by_unsubscribe, left_otherwise, churn_rate, growth_30_days from iterable_marts.list_growth_daily`,
    )
    const rows = [1, 2, 3, 4].flatMap((list) => notebook.growth(list, explained))
    expect(sorted(growth)).toEqual(sorted(rows as Record<string, unknown>[]))
  },
)

eachWarehouse(
  'people with userIds have a history, and one person never two stays at once',
  async (warehouse) => {
    await using sandbox = await startProject({ empty: true, projectType: 'hybrid' })
    sandbox.data.lists.push({ id: 1, name: 'One', createdAt: 0, listType: 'Standard' })
    sandbox.data.members(1).add('user-1', 'b@example.com')
    await using elt = await openOn(sandbox, warehouse, { sync: { streams }, marts: {} })
    await syncAfter(elt, sandbox, 0)
    sandbox.data.members(1).delete('user-1')
    sandbox.data.members(1).add('user-2')
    // The event names the person by the address and the userId, the list by the userId alone.
    const at = new Date(present.getTime() + days(0.5))
    sandbox.data.events('emailSubscribe').push({
      email: 'c@example.com',
      userId: 'user-2',
      itblUserId: 'itbl-2',
      emailListIds: [1],
      createdAt: at.toISOString(),
    })
    await syncAfter(elt, sandbox, days(1))
    const rows = await warehouse.query(
      'select email, user_id, joined_at, subscribed_at, left_at from iterable_marts.list_membership_history order by 1, 2',
    )
    const day = new Date(present.getTime() + days(1))
    expect(sorted(rows)).toEqual(
      sorted([
        { email: 'b@example.com', user_id: null, joined_at: null, subscribed_at: null, left_at: null },
        { email: null, user_id: 'user-1', joined_at: null, subscribed_at: null, left_at: day },
        { email: null, user_id: 'user-2', joined_at: day, subscribed_at: at, left_at: null },
      ]),
    )
  },
)

eachWarehouse('members that were read before there was a history are its beginning', async (warehouse) => {
  await using sandbox = await startProject({ empty: true })
  sandbox.data.lists.push({ id: 1, name: 'One', createdAt: 0, listType: 'Standard' })
  sandbox.data.members(1).add(...people(0, 30))
  await using elt = await openOn(sandbox, warehouse, { sync: { streams }, marts: {} })
  await syncAfter(elt, sandbox, 0)
  await run(elt, 'delete from iterable_sync.list_reads')
  sandbox.data.members(1).add(person(30))
  await syncAfter(elt, sandbox, days(1))
  expect(
    await warehouse.query('select email, change, since, found_at from iterable_sync.list_changes'),
  ).toEqual([
    {
      email: person(30),
      change: 'joined',
      since: present,
      found_at: new Date(present.getTime() + days(1)),
    },
  ])
  // Members that somebody has deleted from the table have not left the list, and do not join it when they are back.
  await run(elt, 'delete from iterable.list_users')
  await syncAfter(elt, sandbox, days(1))
  expect(await changes(warehouse)).toBe(1)
})
