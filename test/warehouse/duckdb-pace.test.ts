/** One pace for all processes of a DuckDB file. */
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { open } from '../../src/index.ts'
import { startSandbox } from '../../src/sandbox/index.ts'
import { paceFiles } from '../../src/warehouse/duckdb/pace.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'elt-pace-'))
})
afterAll(() => rm(folder, { recursive: true }))

const minute = { requests: 4, perMs: 60_000 }

test('several books of one folder give out the slots of one', async () => {
  let now = Date.parse('2026-02-01T10:59:50Z')
  const books = [1, 2].map(() => paceFiles(join(folder, 'shared'), () => new Date(now)))
  const takeAll = (lane: string) =>
    Promise.all(books.flatMap((book) => [1, 2, 3].map(() => book.takeSlot(lane, minute))))
  // Whoever comes first: four go at once, two a minute later.
  const waits = (await takeAll('a')).sort((a, b) => a - b)
  expect(waits).toEqual([0, 0, 0, 0, 60_000, 60_000])
  expect(await books[0]?.takeSlot('b', minute)).toBe(0)
  const [a, b, ...others] = (await books[1]?.lanes()) ?? []
  expect(others).toEqual([])
  expect(a?.slots.map((at) => at.getTime() - now)).toEqual([0, 0, 0, 0, 60_000, 60_000])
  expect(b).toEqual({ lane: 'b', slots: [new Date(now)], closedUntil: undefined })
  // Through the change of the hour nothing is forgotten.
  now += 20_000
  expect(await books[1]?.takeSlot('a', minute)).toBe(40_000)
  now += 600_000
  expect(await books[1]?.takeSlot('a', minute)).toBe(0)
})

test('a lane that the server has closed is closed for all', async () => {
  const now = new Date('2026-02-01T10:00:00Z')
  const [one, other] = [1, 2].map(() => paceFiles(join(folder, 'closed'), () => now))
  await one?.hold('a', 30_000)
  expect(await other?.heldMs('a')).toBe(30_000)
  expect(await other?.heldMs('b')).toBe(0)
  expect(await other?.takeSlot('a', minute)).toBe(30_000)
  const open = new Date('2026-02-01T10:00:30Z')
  expect(await one?.lanes()).toEqual([{ lane: 'a', slots: [open], closedUntil: open }])
})

test('a log with a line that was cut is read, and old logs go', async () => {
  let now = new Date('2026-02-01T10:00:00Z')
  const directory = join(folder, 'cut')
  const book = paceFiles(directory, () => now)
  expect(await book.takeSlot('a', minute)).toBe(0)
  const [name] = await readdir(directory)
  await writeFile(join(directory, name as string), '{"lane":"a","un\n{"lane":"a"\nnull\n', { flag: 'a' })
  for (const wait of [0, 0, 0, 60_000]) expect(await book.takeSlot('a', minute)).toBe(wait)
  now = new Date('2026-02-01T13:00:00Z')
  await book.takeSlot('a', minute)
  expect(await readdir(directory)).toHaveLength(1)
})

test('a check straight before a sync costs no request that is refused', async () => {
  const began = Date.parse('2026-02-01T10:59:00Z')
  let nowMs = began
  const project = { users: 5, lists: 1, eventsPerDay: 5, days: 2, now: new Date(began) }
  await using sandbox = await startSandbox({ ...project, clock: () => nowMs })
  const clock = {
    now: () => new Date(nowMs),
    async sleep(delayMs: number) {
      const until = nowMs + delayMs
      await setImmediate()
      nowMs = Math.max(nowMs, until)
    },
  }
  const config = {
    warehouse: { type: 'duckdb' as const, path: join(folder, 'w.duckdb') },
    connections: { iterable: { api_key: sandbox.keys.server, base_url: sandbox.url } },
    exports: { directory: join(folder, 'exports') },
    sync: { start_date: new Date(began - 86_400_000).toISOString() },
  }
  for (const work of ['check', 'sync', 'check'] as const) {
    // As processes: nothing is shared but the file.
    await using elt = await open(config, { clock })
    if (work === 'check') expect((await elt.check()).ok).toBe(true)
    else await elt.sync({ streams: ['email_send', 'email_open', 'email_click', 'email_bounce'] })
  }
  expect(sandbox.requests.map(({ status }) => status)).not.toContain(429)
})
