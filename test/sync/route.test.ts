/** By which route a window goes. */
import { describe, expect, test } from 'vitest'
import { type RouteCase, routeOf } from '../../src/sync/route.ts'
import { type RoutePlace, Routes, type RoutesOptions, type Taker } from '../../src/sync/routes.ts'

const usual: RouteCase = {
  setting: 'auto',
  days: 30,
  volume: { bytesPerDay: 1000 },
  hasJob: false,
  missed: undefined,
  refusesJobs: false,
  directSeconds: 0,
  jobSeconds: 60,
}
const large = { bytesPerDay: 50e6 }

describe('a window goes', () => {
  test.each<[string, Partial<RouteCase>, string]>([
    ['directly when nothing is known', { volume: undefined }, 'direct: nothing known yet'],
    ['directly when it is small', {}, 'direct: small'],
    ['by a job when it is large', { volume: large }, 'jobs: large'],
    ['directly when a day of the same stream is not', { volume: large, days: 1 }, 'direct: small'],
    ['as it was cut', { volume: large, cutFor: 'direct' }, 'direct: part of a large window'],
    ['by a job when it was cut for one', { cutFor: 'jobs' }, 'jobs: part of a large window'],
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
  const window = { days: 1, hasJob: false, missed: undefined, isUrgent: false }
  const volume = { rowsPerDay: 1, bytesPerDay: 100, emptySince: undefined }
  const settled = () => new Promise((resolve) => setImmediate(resolve))

  /** Four direct requests go at once, then one every 15 seconds. */
  function routesOf(options: Partial<RoutesOptions> = {}): Routes {
    return new Routes({
      setting: 'auto',
      volumes: new Map(),
      directSecondsFor: (requests) => Math.max(0, requests - 4) * 15,
      roomBytes: () => 8e9,
      ...options,
    })
  }

  test('windows take the places of the rate limit, then those of jobs, then whichever is free first', async () => {
    const routes = routesOf({ volumes: new Map([['known', { ...volume, jobSeconds: 60 }]]) })
    const taken: RoutePlace[] = []
    for (let count = 0; count < 20; count += 1) {
      void routes.place('other', window).then((place) => {
        if (place.route === 'jobs') place.begin()
        taken.push(place)
      })
    }
    await settled()
    const letters = () => taken.map(({ route }) => (route === 'jobs' ? 'J' : 'd')).join('')
    expect(letters()).toBe('ddddJJJJJJ')
    taken.find(({ route }) => route === 'jobs')?.[Symbol.dispose]()
    await settled()
    taken.find(({ route }) => route === 'direct')?.[Symbol.dispose]()
    await settled()
    expect(letters()).toBe('ddddJJJJJJJd')
    // Whose job stands in line with others of ours learns nothing of the queue of others.
    expect(taken.filter(({ route }) => route === 'jobs').map(({ isBehindOurs }) => isBehindOurs)).toEqual([
      false,
      false,
      false,
      false,
      true,
      true,
      true,
    ])
  })

  test('nobody takes the place of a job who is through sooner without', async () => {
    const routes = routesOf({ volumes: new Map([['known', { ...volume, jobSeconds: 600 }]]) })
    const waiting = Array.from({ length: 12 }, () => routes.place('other', window))
    for (const one of waiting) {
      const place = await one
      expect(place.route).toBe('direct')
      place[Symbol.dispose]()
    }
  })

  test('what is urgent goes to the front of the line', async () => {
    const routes = routesOf({ volumes: new Map([['known', { ...volume, jobSeconds: 600 }]]) })
    const busy = await Promise.all(Array.from({ length: 4 }, () => routes.place('other', window)))
    const order: string[] = []
    for (const name of ['one', 'two', 'urgent']) {
      void routes.place(name, { ...window, isUrgent: name === 'urgent' }).then(() => order.push(name))
    }
    for (const place of busy.slice(0, 2)) {
      place[Symbol.dispose]()
      await settled()
    }
    expect(order).toEqual(['urgent', 'one'])
  })

  /** Takes what it is offered while it has anything left. */
  const taker = (routes: Routes, bytesLeft: number, taken: string[]): Taker => ({
    bytesLeft,
    fill() {},
    take(route) {
      taken.push(`${bytesLeft / 1e9} GB ${route}`)
      routes.join(route)
      return true
    },
  })

  test('large streams have the places that nobody waits for: the most by jobs, the least directly', () => {
    const routes = routesOf()
    const taken: string[] = []
    for (const bytes of [10e9, 900e9, 100e9]) routes.admit(taker(routes, bytes, taken))
    routes.offer()
    expect(taken.filter((one) => one.endsWith('direct'))).toEqual(['10 GB direct', '10 GB direct'])
    expect(taken.filter((one) => one.endsWith('jobs'))).toEqual(Array(6).fill('900 GB jobs'))
    // A small window waits for the rate limit rather than behind 1,010 GB.
    expect(routes.choose('other', { ...window, days: 30 }, 40).route).toBe('direct')
  })

  test.each([
    ['what the disk has room for', 900e9, 8e9],
    ['less when little is left, so that all end together', 12e9, 2.4e9],
    ['what is worth a job', 1e9, 600e6],
  ])('the window of a job brings %s', (_, bytesLeft, expected) => {
    const routes = routesOf()
    routes.admit(taker(routes, bytesLeft, []))
    expect(routes.windowBytes('jobs')).toBe(expected)
  })

  test('what is known to be large has the places of jobs before many small windows', async () => {
    const routes = routesOf({
      volumes: new Map([['known', { ...volume, jobSeconds: 60 }]]),
      directSecondsFor: () => 600,
    })
    const taken: string[] = []
    routes.admit(taker(routes, 1e9, taken))
    const routesTaken: string[] = []
    for (let count = 0; count < 5; count += 1) {
      void routes.place('other', window).then(({ route }) => routesTaken.push(route))
    }
    await settled()
    expect(taken).toEqual(Array(6).fill('1 GB jobs'))
    expect(routesTaken).toEqual(Array(4).fill('direct'))
  })

  test('by the direct route alone an answer brings more, and never more than the disk has room for', () => {
    const bytesOf = (options: Partial<RoutesOptions>) => {
      const routes = routesOf({ setting: 'direct', ...options })
      return [routes.answerBytes, routes.windowBytes(undefined)]
    }
    expect(bytesOf({})).toEqual([2e9, 2e9])
    expect(bytesOf({ roomBytes: () => 300e6 })).toEqual([300e6, 300e6])
  })

  test.each([
    [8e9, 16, 500e6],
    [100e6, 1, 100e6],
  ])('with room for windows of %s bytes, as much waits directly behind a job', (roomBytes, parts, bytes) => {
    const routes = routesOf({ roomBytes: () => roomBytes })
    expect([routes.mostAhead('direct'), routes.windowBytes('direct')]).toEqual([parts, bytes])
  })

  test('what a window has brought decides on the next', () => {
    const routes = routesOf()
    expect(routes.choose('one', { ...window, days: 30 }).route).toBe('direct')
    routes.learn('one', { ...volume, bytesPerDay: 1e7, jobSeconds: undefined })
    expect(routes.choose('one', { ...window, days: 30 }).route).toBe('jobs')
  })

  test('who waits for the place of a job goes on without when jobs are refused', () => {
    const routes = routesOf()
    let filled = 0
    routes.admit({
      bytesLeft: 1e9,
      take: () => false,
      fill: () => {
        filled += 1
      },
    })
    routes.refuseJobs()
    expect([routes.hasJobs, filled]).toEqual([false, 1])
  })
})
