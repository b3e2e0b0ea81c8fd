/** A commit of a lake spans two databases: a sync is killed at each of its steps, and the next one leaves every row once. */
import { sql } from 'kysely'
import { expect } from 'vitest'
import type { Sandbox } from '../../src/sandbox/index.ts'
import { type Death, type LakeStep, lakeSteps } from '../support/death.ts'
import { often } from '../support/often.ts'
import { type SyncProcess, startSync } from '../support/processes.ts'
import {
  ago,
  type Changes,
  configFor,
  days,
  expectedEvents,
  expectedRows,
  openOn,
  outcome,
  rowsOf,
  startProject,
  syncOnce,
} from '../support/sync.ts'
import { onLake, type TestWarehouse } from '../support/warehouse.ts'

const changes: Changes = { sync: { streams: ['email_open', 'users'] } }
/** Each has three windows: there are six commits, three of them of profiles. */
const commits = 6

/** Between the two commits, and within each: where the two could come apart. */
const likeliest: readonly Death[] = [
  { step: 'lake commit', when: 'during', nth: 2, afterMs: 5 },
  { step: 'lake commit', when: 'after', nth: 3, afterMs: 0 },
  { step: 'postgres commit', when: 'during', nth: 1, afterMs: 1 },
]

/** Every step, before, during and after it, again and again; numbers of a fixed seed, so that a failure can be repeated. */
function deaths(count: number): readonly Death[] {
  let state = 20_260_201
  const upTo = (limit: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * limit)
  }
  const moments = ['before', 'during', 'after'] as const
  return Array.from({ length: count }, (_, index) => ({
    step: lakeSteps[index % lakeSteps.length] as LakeStep,
    when: moments[Math.floor(index / lakeSteps.length) % moments.length] as Death['when'],
    nth: 1 + upTo(commits),
    // A commit of a lake takes some dozens of milliseconds, one of Postgres a few.
    afterMs: upTo(index % lakeSteps.length === 3 ? 60 : 8),
  }))
}

/** Bookmarks gone, tables empty: the next sync is a first one. */
async function empty(sandbox: Sandbox, warehouse: TestWarehouse): Promise<void> {
  await using elt = await openOn(sandbox, warehouse, changes)
  await elt.warehouse.transaction(async ({ db, tables }) => {
    await sql`delete from iterable.email_open`.execute(tables)
    await sql`delete from iterable.users`.execute(tables)
    await db.deleteFrom('bookmarks').execute()
  })
}

async function bookmarksOf(warehouse: TestWarehouse): Promise<ReadonlyMap<string, Date>> {
  const rows = await warehouse.query('select stream, bookmark from iterable_sync.bookmarks')
  return new Map(rows.map(({ stream, bookmark }) => [String(stream), bookmark as Date]))
}

/** What a bookmark speaks of is there, each row once; true where there are rows that none speaks of. */
async function expectNoGap(sandbox: Sandbox, warehouse: TestWarehouse): Promise<boolean> {
  const bookmarks = await bookmarksOf(warehouse)
  const opens = bookmarks.get('email_open') ?? ago(days(3))
  const expectedOpens = await expectedEvents(sandbox, warehouse, 'email_open', ago(days(3)), opens)
  const people = bookmarks.get('users') ?? ago(days(3))
  const expectedPeople = await expectedRows(warehouse, 'users', sandbox.truth.users(ago(days(3)), people))
  const earlyOpens = await expectUpTo(warehouse, 'email_open', 'createdAt', opens, expectedOpens)
  const earlyPeople = await expectUpTo(warehouse, 'users', 'profileUpdatedAt', people, expectedPeople)
  return earlyOpens || earlyPeople
}

/** The table holds exactly `expected` up to its bookmark; true where it holds more after it. */
async function expectUpTo(
  warehouse: TestWarehouse,
  table: string,
  time: string,
  bookmark: Date,
  expected: readonly string[],
): Promise<boolean> {
  const rows = await rowsOf(warehouse, table)
  const before = rows.filter((row) => JSON.parse(row)[time] < bookmark.toISOString())
  expect(before).toEqual(expected)
  return rows.length > before.length
}

async function expectRecovery(sandbox: Sandbox, warehouse: TestWarehouse): Promise<void> {
  const report = await syncOnce(sandbox, warehouse, changes)
  expect(outcome(report)).toEqual({ state: 'succeeded', wrong: [] })
  expect(await rowsOf(warehouse, 'email_open')).toEqual(
    await expectedEvents(sandbox, warehouse, 'email_open'),
  )
  const users = sandbox.truth.users(ago(days(3)), sandbox.now)
  expect(await rowsOf(warehouse, 'users')).toEqual(await expectedRows(warehouse, 'users', users))
  expect(await bookmarksOf(warehouse)).toEqual(
    new Map([
      ['email_open', sandbox.now],
      ['users', sandbox.now],
    ]),
  )
}

onLake(
  'kill -9 at any step of a commit leaves each row once, and a bookmark that speaks of what is there',
  async (warehouse) => {
    await using sandbox = await startProject()
    await syncOnce(sandbox, warehouse, changes)
    const planned = often(likeliest, deaths(300))
    const begin = (death: Death | undefined): Promise<SyncProcess> =>
      startSync({ config: configFor(sandbox, warehouse, changes), now: sandbox.now.toISOString(), death })
    let early = 0
    let next = begin(planned[0])
    for (const [index, death] of planned.entries()) {
      await empty(sandbox, warehouse)
      await using sync = await next
      // The next one loads its modules while this one works.
      if (index < planned.length - 1) next = begin(planned[index + 1])
      sync.go()
      const end = sync.until(({ type }) => type === 'report' || type === 'error')
      await expect(end, JSON.stringify(death)).rejects.toThrow('ended without that')
      if (await expectNoGap(sandbox, warehouse)) early += 1
      await expectRecovery(sandbox, warehouse)
    }
    // The lake had a window, and Postgres did not know of it.
    expect(early).toBeGreaterThan(0)
  },
  often(300_000, 3_600_000),
)
