/** By which route a window goes. */
import { describe, expect, test } from 'vitest'
import { type RouteCase, routeOf } from '../../src/sync/route.ts'
import { type Place, Routes } from '../../src/sync/routes.ts'

const usual: RouteCase = {
  ...{ setting: 'auto', days: 30, volume: { bytesPerDay: 1000 }, hasJob: false, missed: undefined },
  ...{ refusesJobs: false, directSeconds: 0, jobSeconds: 60 },
}
const large = { bytesPerDay: 50e6 }

describe('a window goes', () => {
  test.each<[string, Partial<RouteCase>, string]>([
    ['directly when nothing is known', { volume: undefined }, 'direct: nothing known yet'],
    ['directly when it is small', {}, 'direct: small'],
    ['by a job when it is large', { volume: large }, 'jobs: large'],
    ['directly when a day of the same stream is not', { volume: large, days: 1 }, 'direct: small'],
    ['by a job when the rate limit takes longer', { directSeconds: 61 }, 'jobs: sooner than the rate limit'],
    ['directly when the rate limit is as quick', { directSeconds: 60 }, 'direct: small'],
    ['by a job when it did not arrive', { missed: 'direct' }, 'jobs: it did not arrive whole'],
    [
      'in halves when a short one did not arrive',
      { missed: 'direct', days: 1 },
      'direct: a short window, in halves',
    ],
    ['directly when no job brought it', { missed: 'jobs', volume: large }, 'direct: no job brought it'],
    ['by the job that is at work on it', { hasJob: true }, 'jobs: a job is at work on it'],
    [
      'directly when jobs are refused',
      { refusesJobs: true, volume: large },
      'direct: Iterable starts no jobs for this key',
    ],
    ['directly as configured', { setting: 'direct', volume: large, hasJob: true }, 'direct: as configured'],
    ['by a job as configured', { setting: 'jobs' }, 'jobs: as configured'],
    [
      'directly although configured by jobs',
      { setting: 'jobs', missed: 'jobs' },
      'direct: no job brought it',
    ],
  ])('%s', (_, one, expected) => {
    const { route, reason } = routeOf({ ...usual, ...one })
    expect(`${route}: ${reason}`).toBe(expected)
  })
})

describe('while a sync goes on', () => {
  const window = { days: 1, hasJob: false, missed: undefined }
  /** Four at once, then one every 15 seconds. */
  const directSecondsFor = (requests: number) => Math.max(0, requests - 4) * 15
  const volume = { rowsPerDay: 1, bytesPerDay: 100, emptySince: undefined }

  test('windows take the places of the rate limit, then those of jobs, then whichever is free first', async () => {
    const volumes = new Map([['known', { ...volume, jobSeconds: 60 }]])
    const routes = new Routes({ setting: 'auto', volumes, directSecondsFor })
    const taken: Place[] = []
    for (let count = 0; count < 20; count += 1) {
      void routes.place('other', window).then((place) => taken.push(place))
    }
    const settled = () => new Promise((resolve) => setImmediate(resolve))
    await settled()
    const letters = () => taken.map(({ route }) => (route === 'jobs' ? 'J' : 'd')).join('')
    expect(letters()).toBe('ddddJJJJJJ')
    taken.find(({ route }) => route === 'jobs')?.[Symbol.dispose]()
    await settled()
    taken.find(({ route }) => route === 'direct')?.[Symbol.dispose]()
    await settled()
    expect(letters()).toBe('ddddJJJJJJJd')
  })

  test('nobody takes the place of a job who is through sooner without', async () => {
    const routes = new Routes({ setting: 'auto', volumes: new Map(), directSecondsFor })
    const waiting = Array.from({ length: 12 }, () => routes.place('other', window))
    for (const one of waiting) {
      const place = await one
      expect(place.route).toBe('direct')
      place[Symbol.dispose]()
    }
  })

  test('what a window has brought decides on the next', () => {
    const routes = new Routes({ setting: 'auto', volumes: new Map(), directSecondsFor })
    expect(routes.choose('one', { ...window, days: 30 }).route).toBe('direct')
    routes.learn('one', { ...volume, bytesPerDay: 1e7, jobSeconds: undefined })
    expect(routes.choose('one', { ...window, days: 30 }).route).toBe('jobs')
  })
})
