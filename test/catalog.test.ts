import { describe, expect, test } from 'vitest'
import { catalogue, selectStreams, streamGroups } from '../src/catalog/index.ts'
import { dataTypes, startSandbox } from '../src/sandbox/index.ts'

const streams = catalogue('email')
const named = (...patterns: string[]) => selectStreams(streams, patterns).map(({ name }) => name)

describe('streams', () => {
  test('are all data types of the export API, each once, and eight more', () => {
    const read = streams.flatMap(({ read }) => (read.kind === 'export' ? [read.dataType] : []))
    expect([...read].sort()).toEqual([...dataTypes].sort())
    expect(new Set(streams.map(({ name }) => name)).size).toBe(79)
  })

  test('have columns whose names do not differ only by case', () => {
    for (const { name, columns } of streams) {
      const folded = Object.keys(columns).map((column) => column.toLowerCase())
      expect(new Set(folded).size, name).toBe(folded.length)
    }
  })

  test('are never named like a group', () => {
    const groups: readonly string[] = ['all', ...streamGroups]
    expect(streams.filter(({ name }) => groups.includes(name))).toEqual([])
  })
})

describe('a selection', () => {
  test('without any pattern, and of exclusions alone, starts from the sixteen', () => {
    expect(named()).toHaveLength(16)
    expect(named('core')).toEqual(named())
    expect(named('!users')).toEqual(named().filter((name) => name !== 'users'))
  })

  test('takes everything by * and by all', () => {
    expect(named('*')).toHaveLength(79)
    expect(named('all')).toEqual(named('*'))
    expect(named('events')).toHaveLength(52)
  })

  test('mixes groups, globs, names and exclusions, in the order of the catalogue', () => {
    expect(named('rcs', 'users', 'purchase', 'push_s*', '!push_send_skip')).toEqual([
      'purchase',
      'push_send',
      'rcs_send',
      'rcs_send_skip',
      'users',
    ])
    expect(named('email', '!core')).toEqual(['hosted_unsubscribe_click'])
  })

  test('refuses what matches nothing, with the nearest name', () => {
    expect(() => named('emial_*')).toThrow('no stream matches "emial_*"')
    expect(() => named('in_ap')).toThrow('did you mean "in_app"?')
    expect(() => named('!purchases')).toThrow('did you mean "purchase"?')
    for (const name of ['constructor', 'toString', '__proto__', ''])
      expect(() => named(name)).toThrow(/no stream/)
  })
})

test('the sandbox has rows of every event type', async () => {
  await using sandbox = await startSandbox({ rateLimits: 'off' })
  for (const dataType of dataTypes.filter((name) => name !== 'user')) {
    expect(sandbox.truth.events(dataType).length, dataType).toBeGreaterThanOrEqual(3)
  }
})
