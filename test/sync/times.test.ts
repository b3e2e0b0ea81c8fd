/** Times that we read ourselves. */
import { afterEach, expect, test } from 'vitest'
import { timeOf } from '../../src/sync/times.ts'

const zone = process.env.TZ

afterEach(() => {
  if (zone === undefined) delete process.env.TZ
  else process.env.TZ = zone
})

test.each(['UTC', 'America/New_York', 'Asia/Kathmandu'])('are the same on a machine in %s', (machine) => {
  process.env.TZ = machine
  const noon = '2026-03-08T12:00:00.000Z'
  for (const text of [
    '2026-03-08 12:00:00',
    '2026-03-08T12:00:00',
    '2026-03-08 12:00:00 +00:00',
    '2026-03-08 12:00:00 +0000',
    '2026-03-08T08:00:00-04:00',
    '2026-03-08T12:00:00.000000.000Z',
    Date.parse(noon),
  ]) {
    expect(timeOf(text)?.toISOString(), String(text)).toBe(noon)
  }
  expect(timeOf('2026-03-08')?.toISOString()).toBe('2026-03-08T00:00:00.000Z')
  for (const value of ['soon', '', null, undefined, {}]) expect(timeOf(value)).toBeUndefined()
})
