/** Lists with their members, and user tables (metadata). */
import type { ListRow, MetadataRow } from '../options.ts'
import { randomFor } from './random.ts'

const dayMs = 86_400_000
const names = ['Newsletter', 'VIP', 'Wiedergewinnung', 'お客様', 'Abandoned cart', 'Event guests']

export function makeLists(count: number, until: number): ListRow[] {
  return Array.from({ length: count }, (_, index) => ({
    id: 957_001 + index,
    name: index < names.length ? names[index]! : `List ${index + 1}`,
    description: index % 3 === 0 ? 'Made by the sandbox' : '',
    createdAt: until - (400 - (index % 390)) * dayMs,
    ...(index === 4
      ? { listType: 'Suppression' as const, isGlobalSuppressionEnabled: true }
      : { listType: index === 3 ? ('Dynamic' as const) : ('Standard' as const) }),
  }))
}

/** Is this person on this list? Lists differ in size; the sixth is empty. */
export function isMember(seed: number, list: number, person: number): boolean {
  if (list === 5) return false
  return randomFor(seed, 'member', list, person).chance(0.6 / (1 + (list % 5)))
}

/** Two tables; the first needs a second page. */
export function makeMetadata(seed: number, until: number): MetadataRow[] {
  return [
    ...Array.from({ length: 130 }, (_, index) => entry('stores', `s${index + 1}`, index)),
    ...['USD', 'EUR', 'JPY', 'usd'].map((key, index) => entry('currencies', key, index)),
  ]

  function entry(table: string, key: string, index: number): MetadataRow {
    const random = randomFor(seed, table, key)
    const value =
      table === 'stores'
        ? {
            city: random.pick(['Lyon', '札幌', 'Köln']),
            open: random.chance(0.8),
            staff: random.below(40),
            geo: { lat: index, lon: -index },
          }
        : { rate: random.below(10_000) / 100, symbol: random.pick(['$', '€', '¥']) }
    const size = Buffer.byteLength(JSON.stringify(value))
    return { table, key, value, lastModified: until - random.below(200 * 86_400) * 1000, size }
  }
}
