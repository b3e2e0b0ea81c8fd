/**
 * Names of time zones: IANA names only, because abbreviations are ambiguous (CST, IST) and know no summer
 * time.
 */

import { closest, distance } from 'fastest-levenshtein'
import { ConfigError } from '../../errors.ts'

/** What people who write an abbreviation usually mean. */
const placesOfAbbreviations = new Map<string, string>(
  Object.entries({
    PST: 'America/Los_Angeles',
    PDT: 'America/Los_Angeles',
    PT: 'America/Los_Angeles',
    PST8PDT: 'America/Los_Angeles',
    MST: 'America/Denver',
    MDT: 'America/Denver',
    MT: 'America/Denver',
    MST7MDT: 'America/Denver',
    CST: 'America/Chicago',
    CDT: 'America/Chicago',
    CT: 'America/Chicago',
    CST6CDT: 'America/Chicago',
    EST: 'America/New_York',
    EDT: 'America/New_York',
    ET: 'America/New_York',
    EST5EDT: 'America/New_York',
    AST: 'America/Halifax',
    ADT: 'America/Halifax',
    AKST: 'America/Anchorage',
    HST: 'Pacific/Honolulu',
    ART: 'America/Argentina/Buenos_Aires',
    BRT: 'America/Sao_Paulo',
    BST: 'Europe/London',
    GB: 'Europe/London',
    WET: 'Europe/Lisbon',
    WEST: 'Europe/Lisbon',
    CET: 'Europe/Berlin',
    CEST: 'Europe/Berlin',
    MET: 'Europe/Berlin',
    MEZ: 'Europe/Berlin',
    EET: 'Europe/Athens',
    EEST: 'Europe/Athens',
    MSK: 'Europe/Moscow',
    CAT: 'Africa/Maputo',
    EAT: 'Africa/Nairobi',
    IST: 'Asia/Kolkata',
    SGT: 'Asia/Singapore',
    HKT: 'Asia/Hong_Kong',
    PRC: 'Asia/Shanghai',
    ROC: 'Asia/Taipei',
    JST: 'Asia/Tokyo',
    KST: 'Asia/Seoul',
    ROK: 'Asia/Seoul',
    AWST: 'Australia/Perth',
    ACST: 'Australia/Adelaide',
    AEST: 'Australia/Sydney',
    AEDT: 'Australia/Sydney',
    NZ: 'Pacific/Auckland',
    NZST: 'Pacific/Auckland',
    NZDT: 'Pacific/Auckland',
    UCT: 'UTC',
    Z: 'UTC',
    ZULU: 'UTC',
  }),
)

/** IANA names that the engine knows but lists under their former spelling. */
const newerNames = ['UTC', 'Asia/Kolkata', 'Asia/Kathmandu', 'Asia/Ho_Chi_Minh', 'Asia/Yangon', 'Europe/Kyiv']

/**
 * Returns the name as the IANA database spells it (`asia/tokyo` -> `Asia/Tokyo`). Throws `ConfigError` with a
 * suggestion for abbreviations (`PST`), offsets (`UTC+9`) and names that do not exist.
 */
export function checkTimezone(name: string): string {
  const trimmed = name.trim()
  if (isPlace(trimmed)) return spellingOf(trimmed)
  throw new ConfigError(`timezone ${JSON.stringify(name)} ${complaintAbout(trimmed)}`)
}

/**
 * A full name (`Area/City`, a country such as `Japan`) or UTC; the engine alone would take `PST` and
 * `act`, too.
 */
function isPlace(name: string): boolean {
  if (/^(utc|gmt)$/i.test(name)) return true
  const isWord = /^[a-z-]{4,}$/i.test(name) && !placesOfAbbreviations.has(name.toUpperCase())
  const isPath = /^[a-z]+\//i.test(name) && !/^systemv/i.test(name)
  return (isWord || isPath) && canonicalName(name) !== null
}

function canonicalName(name: string): string | null {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone
  } catch {
    return null
  }
}

function spellingOf(name: string): string {
  const same = (known: string) => known.toLowerCase() === name.toLowerCase()
  return knownNames().find(same) ?? (same('GMT') ? 'GMT' : name)
}

const knownNames = () => [...newerNames, ...Intl.supportedValuesOf('timeZone')]

function complaintAbout(name: string): string {
  if (name === '') return 'is empty; write an IANA name such as "Europe/Berlin", or leave it out for UTC'
  const place = placesOfAbbreviations.get(name.toUpperCase())
  if (place) return `is an abbreviation, only IANA names are taken; write "${place}" if that is what you mean`
  const offset = /^(?:utc|gmt)?\s*([+-])0?(\d{1,2})(?::?\d\d)?$/i.exec(name)
  if (offset) {
    const fixed = /[1-9]\d?:?[1-9]\d$/.test(name) ? '' : `Etc/GMT${offset[1] === '+' ? '-' : '+'}${offset[2]}`
    const example = canonicalName(fixed) === null ? '' : ` ("${fixed}" is this offset all year)`
    return `is an offset and knows no summer time; write a place such as "Asia/Tokyo"${example}`
  }
  const nearest = nearestName(name)
  const question = nearest === null ? 'names look like "Asia/Tokyo"' : `did you mean "${nearest}"?`
  return `is not a full IANA name; ${question}`
}

/**
 * Nearest by the whole name, or by the city when only a city was written (`berlin`, `New York`); null if
 * none is near.
 */
function nearestName(name: string): string | null {
  const wanted = name.toLowerCase().replaceAll(' ', '_')
  const part = (known: string) =>
    known.toLowerCase().slice(wanted.includes('/') ? 0 : known.lastIndexOf('/') + 1)
  const names = knownNames()
  const nearest = closest(wanted, names.map(part))
  if (distance(wanted, nearest) > wanted.length / 3) return null
  return names.find((known) => part(known) === nearest) ?? null
}
