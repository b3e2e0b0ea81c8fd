import { describe, expect, test } from 'vitest'
import { ConfigError } from '../../../src/errors.ts'
import { checkTimezone } from '../../../src/schedule/cron/timezone.ts'

test.each([
  ['UTC', 'UTC'],
  ['utc', 'UTC'],
  ['gmt', 'GMT'],
  ['Europe/Berlin', 'Europe/Berlin'],
  ['asia/tokyo', 'Asia/Tokyo'],
  ['Asia/Kolkata', 'Asia/Kolkata'],
  ['asia/kathmandu', 'Asia/Kathmandu'],
  ['America/Argentina/Buenos_Aires', 'America/Argentina/Buenos_Aires'],
  ['US/Pacific', 'US/Pacific'],
  ['Etc/GMT-9', 'Etc/GMT-9'],
  ['Japan', 'Japan'],
  [' Europe/Paris ', 'Europe/Paris'],
])('%j is the zone %s', (name, zone) => {
  expect(checkTimezone(name)).toBe(zone)
})

describe('refused', () => {
  const abbreviation = (name: string, place: string) =>
    [name, `timezone "${name}" is an abbreviation, only IANA names are taken; write "${place}"`] as const
  test.each<readonly [string, string]>([
    abbreviation('PST', 'America/Los_Angeles'),
    abbreviation('pdt', 'America/Los_Angeles'),
    abbreviation('CST', 'America/Chicago'),
    abbreviation('EST', 'America/New_York'),
    abbreviation('EST5EDT', 'America/New_York'),
    abbreviation('CET', 'Europe/Berlin'),
    abbreviation('JST', 'Asia/Tokyo'),
    abbreviation('IST', 'Asia/Kolkata'),
    abbreviation('Zulu', 'UTC'),
    ['act', 'timezone "act" is not a full IANA name'],
    ['Asia/Tokio', 'timezone "Asia/Tokio" is not a full IANA name; did you mean "Asia/Tokyo"?'],
    ['Europe/Berln', 'did you mean "Europe/Berlin"?'],
    ['tokyo', 'did you mean "Asia/Tokyo"?'],
    ['New York', 'did you mean "America/New_York"?'],
    ['Mars/Olympus', 'is not a full IANA name; names look like "Asia/Tokyo"'],
    ['constructor', 'is not a full IANA name'],
    [
      'utc+9',
      'is an offset and knows no summer time; write a place such as "Asia/Tokyo" ("Etc/GMT-9" is this offset',
    ],
    ['-03:00', '("Etc/GMT+3" is this offset all year)'],
    ['+05:30', 'timezone "+05:30" is an offset and knows no summer time; write a place such as "Asia/Tokyo"'],
    ['', 'timezone "" is empty; write an IANA name such as "Europe/Berlin", or leave it out for UTC'],
  ])('%j', (name, message) => {
    expect(() => checkTimezone(name)).toThrow(ConfigError)
    expect(() => checkTimezone(name)).toThrow(message)
  })
})
