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
  const pacers = [fixture.warehouse, other].map((warehouse) =>
    createPacer({ export: '4/s' }, systemClock, warehouse.paceBook),
  )
  const began = performance.now()
  const sentAt = (await Promise.all(pacers.map((pacer) => sendThrough(pacer, 6)))).flat()
  sentAt.sort((a, b) => a - b)
  expect(sentAt).toHaveLength(12)
  // Four at once, then four a second; the times are taken a moment after the slot was given.
  for (const [at, first] of sentAt.entries()) {
    const fifth = sentAt[at + 4]
    if (fifth !== undefined) expect(fifth - first).toBeGreaterThan(950)
  }
  expect((sentAt[3] as number) - began).toBeLessThan(900)
  expect(await fixture.query('select cardinality(sent_at) as slots from iterable_sync.paces')).toEqual([
    { slots: 4 },
  ])
})

test('a book that cannot be had stops nobody: each keeps its own pace then', async () => {
  await using fixture = await openFixture()
  const pacer = createPacer({ export: '2/s' }, systemClock, fixture.warehouse.paceBook)
  const sentAt = await sendThrough(pacer, 3)
  expect((sentAt[2] as number) - (sentAt[0] as number)).toBeGreaterThan(950)
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
  await expect.poll(() => other.paceBook?.heldMs('export')).toBeGreaterThan(0)
  await unaware.reserve('export')
  expect(performance.now() - began).toBeGreaterThan(1_400)
})
