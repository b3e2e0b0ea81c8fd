/** One pace for all processes of a Postgres warehouse. */
import { expect, test } from 'vitest'
import { clientsOf } from '../../src/iterable/clients.ts'
import { systemClock } from '../../src/iterable/clock.ts'
import { createPacer, type Pacer } from '../../src/iterable/pace.ts'
import { startSandbox } from '../../src/sandbox/index.ts'
import { migrate } from '../../src/warehouse/migrations.ts'
import { openPostgres } from '../../src/warehouse/postgres/warehouse.ts'
import { openFixture } from './postgres-fixture.ts'

/** Times in milliseconds at which each of `count` requests was let through. */
async function sendThrough(pacer: Pacer, count: number): Promise<number[]> {
  const sentAt: number[] = []
  for (let turn = 0; turn < count; turn += 1) {
    await pacer.reserve('export')
    sentAt.push(performance.now())
  }
  return sentAt
}

test('processes that share a warehouse never send more than the limit together', async () => {
  await using fixture = await openFixture()
  await fixture.warehouse.use(migrate)
  const source = { url: fixture.url }
  await using other = await openPostgres({ source, schema: 'iterable' })
  // The slots as the server gives them, and how long each has to be waited for.
  await fixture.query(`
    create table slots (at timestamptz, wait interval);
    create function note() returns trigger language plpgsql as
      $$ begin insert into slots select last, last - clock_timestamp() from unnest(new.sent_at[cardinality(new.sent_at):]) as t(last); return new; end $$;
    create trigger notes after insert or update on iterable_sync.paces for each row execute function note()`)
  const pacers = [fixture.warehouse, other].map((warehouse) =>
    createPacer({ export: '4/s' }, systemClock, warehouse.paceBook),
  )
  const began = performance.now()
  const sentAt = (await Promise.all(pacers.map((pacer) => sendThrough(pacer, 6)))).flat()
  const slots = (
    await fixture.query(
      `select extract(epoch from at)::float8 * 1000 as at, wait <= interval '0' as is_free from slots order by at`,
    )
  ).map(({ at, is_free }) => ({ at: Number(at), isFree: is_free }))
  expect([sentAt.length, slots.length]).toEqual([12, 12])
  // Four at once, then four a second.
  for (const [index, { at }] of slots.entries()) {
    const fifth = slots[index + 4]
    if (fifth) expect(fifth.at - at).toBeGreaterThanOrEqual(999.9)
  }
  expect(slots.slice(0, 4).map(({ isFree }) => isFree)).toEqual(Array(4).fill(true))
  // Nobody goes before its slot, but for what a timer rounds.
  expect(Math.max(...sentAt) - began).toBeGreaterThan((slots[11]?.at ?? 0) - (slots[0]?.at ?? 0) - 50)
  expect(await fixture.query('select cardinality(sent_at) as slots from iterable_sync.paces')).toEqual([
    { slots: 4 },
  ])
})

test('a book that cannot be had stops nobody: each keeps its own pace then', async () => {
  await using fixture = await openFixture()
  let nowMs = 0
  const clock = {
    now: () => new Date(nowMs),
    async sleep(delayMs: number) {
      nowMs += delayMs
    },
  }
  const pacer = createPacer({ export: '2/s' }, clock, fixture.warehouse.paceBook)
  await sendThrough(pacer, 3)
  expect(nowMs).toBeGreaterThanOrEqual(1_000)
})

test('the clients of one connection keep one pace, and no answer is a 429', async () => {
  await using sandbox = await startSandbox({ empty: true })
  const taken: string[] = []
  const waits: number[] = []
  const clock = {
    now: () => new Date(),
    sleep: (delayMs: number) => {
      waits.push(delayMs)
      return systemClock.sleep(delayMs)
    },
  }
  const clientFor = clientsOf(
    { clock },
    {
      async takeSlot(lane) {
        taken.push(lane)
        return 0
      },
      hold: async () => {},
      heldMs: async () => 0,
    },
  )
  const connection = {
    name: 'main',
    region: 'us',
    base_url: sandbox.url,
    api_key: sandbox.keys.server,
  } as const
  for (let turn = 0; turn < 4; turn += 1) {
    await using client = clientFor({ ...connection, rate_limits: { user_fields: '3/s' } })
    await client.json('user_fields')
  }
  expect(waits.length).toBe(1)
  expect(taken).toEqual(Array(4).fill('main/user_fields'))
})

test('who is told to wait holds back the other processes, too', async () => {
  await using fixture = await openFixture()
  await fixture.warehouse.use(migrate)
  await using other = await openPostgres({ source: { url: fixture.url }, schema: 'iterable' })
  const [told, unaware] = [fixture.warehouse, other].map(({ paceBook }) =>
    createPacer({ export: '100/s', lists: '100/s' }, systemClock, paceBook),
  ) as [Pacer, Pacer]
  await told.reserve('export')
  const began = performance.now()
  told.hold('export', 1_500)
  await expect
    .poll(() => fixture.query('select lane from iterable_sync.paces where closed_until is not null'))
    .toEqual([{ lane: 'export' }])
  await unaware.reserve('export')
  expect(performance.now() - began).toBeGreaterThan(1_400)
})
