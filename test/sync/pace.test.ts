/** How long a sync takes by what the limits allow at best, and by fixed windows on the direct route alone. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { directLanes } from '../../src/sync/routes.ts'
import { floorSeconds, wholeSeconds } from './pace-bounds.ts'
import { assumed, type SimulatedSync, simulate } from './pace-simulation.ts'

const now = new Date('2026-02-01T00:00:00Z')
const days = (count: number) => count * 86_400_000
const startDate = new Date(now.getTime() - days(1826))

/** Shares of the bytes of events, by stream; the channels that a project uses have rows, the others none. */
const shares = {
  email_send: 0.4,
  email_open: 0.2,
  email_click: 0.04,
  email_send_skip: 0.04,
  email_bounce: 0.01,
  email_subscribe: 0.02,
  email_unsubscribe: 0.01,
  purchase: 0.02,
  custom_event: 0.2,
  push_send: 0.06,
}

/** Bytes a day: an event is 700 bytes, a profile 2,000, and a profile changes four times a year. */
function project(users: number, events: number): ReadonlyMap<string, number> {
  const perDay = (events * 700) / 1826
  const streams = Object.entries(shares).map(([name, share]): [string, number] => [name, perDay * share])
  return new Map([...streams, ['users', (users * 2000 * 4) / 365]])
}

const projects = {
  small: project(10_000, 2e6),
  modest: project(120_000, 25e6),
  middle: project(500_000, 100e6),
  large: project(10_000_000, 2e9),
}

interface Figures {
  readonly calls: number
  readonly minutes: number
  /** The least that limits and assumptions allow. */
  readonly floor: number
  /** The least of whole requests and jobs. */
  readonly whole: number
  readonly fixedCalls: number
  readonly fixedMinutes: number
}

/** A sync as it is recommended beside one by fixed windows of 30 days on the direct route. */
async function measure(common: Pick<SimulatedSync, 'bytesPerDay' | 'streams'> & Partial<SimulatedSync>) {
  const both = { startDate, now, ...common }
  const best = await simulate({ ...both, setting: 'auto', windowInDays: 'auto' })
  const fixed = await simulate({ ...both, volumes: new Map(), setting: 'direct', windowInDays: 30 })
  const figures: Figures = {
    calls: best.calls,
    minutes: best.seconds / 60,
    floor: floorSeconds(best.asked, best.bytes) / 60,
    whole: wholeSeconds(best.asked, best.bytes) / 60,
    fixedCalls: fixed.calls,
    fixedMinutes: fixed.seconds / 60,
  }
  return { figures, volumes: best.volumes }
}

/** A line of the table in docs/export-routes.md. */
function lineOf(what: string, { calls, minutes, floor, whole, fixedCalls, fixedMinutes }: Figures): string {
  const times = (fixedMinutes / minutes).toFixed(1)
  const cells = [
    what,
    calls,
    minutes.toFixed(1),
    floor.toFixed(1),
    whole.toFixed(1),
    fixedCalls,
    fixedMinutes.toFixed(1),
    times,
  ]
  return `| ${cells.join(' | ')} |`
}

/** How far above the floor, and above whole requests, and how many times quicker than fixed windows, each may be at worst. */
const bounds = {
  'small, core': { first: [1.35, 1.35, 100], hourly: [1.25, 1.15, 3.5] },
  'small, all': { first: [1.2, 1.2, 150], hourly: [1.25, 1.16, 11] },
  'modest, core': { first: [1.8, 1.7, 20], hourly: [1.25, 1.15, 3.5] },
  'modest, all': { first: [2.3, 1.6, 65], hourly: [1.25, 1.16, 11] },
  'middle, core': { first: [1.3, 1.26, 9], hourly: [1.25, 1.15, 3.5] },
  'middle, all': { first: [1.5, 1.41, 36], hourly: [1.25, 1.15, 11] },
  // Fixed windows are 5.3 times slower than the floor: what both routes bring at most sets the limit.
  'large, core': { first: [1.1, 1.1, 4.9], hourly: [1.55, 1.5, 2.5] },
  'large, all': { first: [1.1, 1.1, 5.9], hourly: [1.35, 1.3, 10] },
} as const

const documented = readFileSync(new URL('../../docs/export-routes.md', import.meta.url), 'utf8')
const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8').replaceAll(/\s+/g, ' ')
/** What the README says of first syncs of `core`. */
const told: Readonly<Record<string, (figures: Figures) => string>> = {
  'middle, core': ({ minutes }) => `100 million events take ${Math.round(minutes)} minutes`,
  'large, core': ({ minutes }) => `2 billion ${(minutes / 60).toFixed(1)} hours`,
}

test.each(Object.entries(bounds))('the pace of a project: %s', async (name, bound) => {
  const [size, streams] = name.split(', ') as [keyof typeof projects, string]
  const bytesPerDay = projects[size]
  const { figures: first, volumes } = await measure({ bytesPerDay, streams: [streams] })
  expect(readme).toContain(told[name]?.(first) ?? '')
  const bookmark = new Date(now.getTime() - days(1 / 24))
  const { figures: hourly } = await measure({ bytesPerDay, streams: [streams], bookmark, volumes })
  for (const [kind, figures] of Object.entries({ first, hourly })) {
    const [aboveFloor, aboveWhole, timesQuicker] = bound[kind as 'first']
    expect(figures.minutes / figures.floor).toBeGreaterThanOrEqual(1)
    expect(figures.minutes / figures.floor).toBeLessThanOrEqual(aboveFloor)
    expect(figures.minutes / figures.whole).toBeGreaterThanOrEqual(1)
    expect(figures.minutes / figures.whole).toBeLessThanOrEqual(aboveWhole)
    expect(figures.fixedMinutes / figures.minutes).toBeGreaterThanOrEqual(timesQuicker)
    expect(documented).toContain(lineOf(`${name}, ${kind}`, figures))
  }
})

test('by the direct route alone nearly nothing is asked for twice', async () => {
  const bytesPerDay = projects.middle
  const input = { bytesPerDay, streams: ['core'], startDate, now, windowInDays: 'auto' } as const
  const { seconds, bytes, calls } = await simulate({ ...input, setting: 'direct' })
  const atBest = bytes / (directLanes * assumed.directBytesPerSecond)
  expect(seconds / atBest).toBeLessThan(1.2)
  expect(calls).toBeLessThan(60)
})
