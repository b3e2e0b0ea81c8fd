/** Profiles: about 70 fields, most of them sparse, of every type that Iterable knows. */
import type { Row, SandboxProjectType } from '../options.ts'
import { dayText, systemTime } from '../times.ts'
import { identity, type SandboxPerson } from './people.ts'
import { type Random, randomFor } from './random.ts'

const dayMs = 86_400_000

/** Declared types, as users/getFields tells them. Some fields of the rows are missing here on purpose. */
export const declaredFields: Readonly<Record<string, string>> = {
  email: 'string',
  userId: 'string',
  itblUserId: 'string',
  signupDate: 'date',
  signupSource: 'string',
  profileUpdatedAt: 'date',
  emailListIds: 'long',
  userListIds: 'long',
  unsubscribedChannelIds: 'long',
  unsubscribedMessageTypeIds: 'long',
  subscribedMessageTypeIds: 'long',
  phoneNumber: 'string',
  phoneNumberDetails: 'object',
  'phoneNumberDetails.carrier': 'string',
  'phoneNumberDetails.updatedAt': 'date',
  devices: 'object',
  'devices.token': 'string',
  'devices.platform': 'string',
  browserTokens: 'object',
  itblInternal: 'object',
  'itblInternal.emailDomain': 'string',
  'itblInternal.documentCreatedAt': 'date',
  'itblInternal.documentUpdatedAt': 'date',
  firstName: 'string',
  lastName: 'string',
  locale: 'string',
  timeZone: 'string',
  country: 'string',
  city: 'string',
  Industry: 'string',
  industry: 'string',
  offers: 'object',
  'offers.Intro APR': 'string',
  'Lifetime Value': 'double',
  LTV: 'double',
  lifetimeValue: 'double',
  orderCount: 'long',
  points: 'long',
  externalRef: 'long',
  isVip: 'boolean',
  isFoobar: 'boolean',
  birthday: 'date',
  lastPurchaseAt: 'date',
  renewalDate: 'date',
  trialEndsAt: 'date',
  interests: 'string',
  scores: 'double',
  address: 'object',
  home_geo_location: 'geo_location',
  purchases: 'nested',
  preferences: 'object',
  'house Districts': 'string',
  shoppingCartItems: 'object',
  segment: 'string',
  exportedAt: 'date',
  tier: 'string',
}

/** One flat profile without its lists (the store knows those). */
export function profileOf(
  person: SandboxPerson,
  seed: number,
  until: number,
  projectType: SandboxProjectType,
): Row {
  const random = randomFor(seed, 'profile', person.index)
  const signup = until - Math.floor((30 + random.below(900)) * dayMs * random.next()) - dayMs
  const updated = Math.min(until - 1000, signup + Math.floor((until - signup) * (1 - random.next() ** 2)))
  const row: Row = identity(person)
  row.signupDate = systemTime(signup)
  row.signupSource = random.pick(['API', 'Import', 'ListAPI', 'WebForm'])
  if (person.index % 33 !== 32) row.profileUpdatedAt = systemTime(updated)
  row.unsubscribedChannelIds = random.chance(0.05) ? [12011] : []
  row.unsubscribedMessageTypeIds = random.chance(0.1) ? [51002] : []
  row.subscribedMessageTypeIds = random.chance(0.1) ? [51004] : []
  Object.assign(row, internals(person, random, signup, updated, projectType), commonFields(person, random))
  addSparse(row, person, random, updated)
  return Object.assign(row, awkwardFields(person, random))
}

function internals(
  person: SandboxPerson,
  random: Random,
  signup: number,
  updated: number,
  type: SandboxProjectType,
): Row {
  const emailDomain = person.email?.split('@')[1]
  if (type === 'email' && random.chance(0.5)) {
    return emailDomain ? { 'itblInternal.emailDomain': emailDomain } : {}
  }
  return {
    itblInternal: {
      ...(emailDomain ? { emailDomain } : {}),
      documentCreatedAt: systemTime(signup),
      documentUpdatedAt: systemTime(updated + 2000),
    },
  }
}

function commonFields({ home, index }: SandboxPerson, random: Random): Row {
  return {
    firstName: home.first,
    lastName: home.last,
    locale: home.locale,
    timeZone: home.zone,
    country: home.country,
    city: home.city,
    isVip: random.chance(0.08),
    orderCount: random.below(40),
    'Lifetime Value': Math.round(random.next() ** 3 * 500_000) / 100,
    interests: ['running', 'kochen', '茶', 'música', 'chess', 'قهوة'].filter(() => random.chance(0.3)),
    tier: ['free', 'silver', 'gold', '白金'][index % 4],
  }
}

/** Share of the profiles that have the field, its name, its value. */
const sparse: readonly [
  number,
  string,
  (random: Random, person: SandboxPerson, updated: number) => unknown,
][] = [
  [0.3, 'phoneNumber', (_random, { home, index }) => `${home.dial}${String(1000 + (index % 9000))}`],
  [
    0.2,
    'phoneNumberDetails',
    (_random, { home }, updated) => ({
      carrier: 'Example Mobile',
      countryCodeISO: home.locale.slice(-2),
      lineType: 'mobile',
      updatedAt: systemTime(updated),
    }),
  ],
  [0.25, 'devices', (random) => devices(random)],
  [0.5, 'birthday', (random) => dayText(random.below(14_000) * dayMs)],
  [0.3, 'lastPurchaseAt', (random, _person, updated) => systemTime(updated - random.below(90) * dayMs)],
  [0.1, 'renewalDate', (_random, _person, updated) => new Date(updated).toISOString()],
  [0.1, 'trialEndsAt', (_random, _person, updated) => `${dayText(updated)} 13:22:56`],
  [0.3, 'points', (random) => random.below(100_000)],
  [0.1, 'externalRef', (random) => 9_000_000_000_000_000 + random.below(1_000_000)],
  [0.2, 'LTV', (random) => (random.chance(0.5) ? random.below(1000) : random.below(100_000) / 100)],
  [0.3, 'scores', (random) => [random.below(100) / 10, random.below(100) / 10]],
  [
    0.3,
    'address',
    (random, { home }) => ({
      street: `${1 + random.below(200)} Example Street`,
      city: home.city,
      geo: { lat: 10 + random.below(400) / 10, lon: random.below(1000) / 10 },
    }),
  ],
  [0.1, 'home_geo_location', (random) => ({ lat: random.below(900) / 10, lon: random.below(1800) / 10 })],
  [0.15, 'purchases', (random) => [{ sku: `S-${random.below(500)}`, price: random.below(9000) / 100 }]],
  [
    0.15,
    'shoppingCartItems',
    (random) => [{ id: `${random.below(500)}`, name: 'Tee — grün', price: 12.5, quantity: 1 }],
  ],
  [
    0.2,
    'preferences',
    (random) => ({ news: random.chance(0.5), topics: ['a', 'b'], 'quiet hours': { from: 22, to: 7 } }),
  ],
  [0.1, 'browserTokens', (random) => [random.hex(40)]],
  [0.05, 'receivedSMSDisclaimer', () => true],
  [0.3, 'isFoobar', (random) => random.chance(0.5)],
  [0.3, 'nickname', (_random, { home }) => `${home.first} 🌟`],
]

const attributes = Array.from({ length: 24 }, (_, tag) => `attribute_${String(tag + 1).padStart(2, '0')}`)

function addSparse(row: Row, person: SandboxPerson, random: Random, updated: number): void {
  for (const [share, name, make] of sparse) {
    if (random.chance(share)) row[name] = make(random, person, updated)
  }
  attributes.forEach((name, tag) => {
    if (random.chance(0.12)) row[name] = attribute(tag, random)
  })
}

/** The names that have broken loaders before: case pairs, blanks, dots, quotes, drifting types. */
function awkwardFields({ index, home }: SandboxPerson, random: Random): Row {
  return {
    ...(random.chance(0.4) ? { Industry: random.pick(['Retail', 'Bildung', '金融']) } : {}),
    ...(random.chance(0.3) ? { industry: random.pick(['retail', 'education', 'finance']) } : {}),
    ...(random.chance(0.25)
      ? { offers: { 'Intro APR': `${random.below(20)}.9%`, terms: { months: 12 } } }
      : {}),
    ...(random.chance(0.1) ? { 'offers.Intro APR': `${random.below(20)}.4%` } : {}),
    ...(random.chance(0.2) ? { 'house Districts': `${home.region} ${random.below(30)}` } : {}),
    ...(random.chance(0.05) ? { 'say "hi"; drop table users': 'no' } : {}),
    ...(random.chance(0.1)
      ? { mixed: [index, `${index}`, index / 4, index % 2 === 0, { index }][index % 5] }
      : {}),
    ...(random.chance(0.05) ? { größe: 160 + random.below(40) } : {}),
    ...(random.chance(0.05) ? { note: 'line one\nline two\u2028still "line two"\ttab' } : {}),
  }
}

function devices(random: Random): Row[] {
  return [
    {
      token: random.hex(64),
      platform: random.pick(['APNS', 'GCM']),
      applicationName: 'com.example.app',
      endpointEnabled: random.chance(0.9),
      appVersion: `3.${random.below(20)}`,
    },
  ]
}

function attribute(tag: number, random: Random): unknown {
  switch (tag % 4) {
    case 0:
      return `value ${random.below(50)}`
    case 1:
      return random.below(1_000_000)
    case 2:
      return random.below(1_000_000) / 1000
    default:
      return random.chance(0.5)
  }
}
