import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { connectionOf } from '../../src/config/connections.ts'
import { parseConfig } from '../../src/config/load.ts'
import { nearest } from '../../src/nearest.ts'

const withConnections = (...names: string[]) =>
  parseConfig(
    {
      warehouse: { type: 'duckdb', path: 'x' },
      connections: Object.fromEntries(names.map((name) => [name, { api_key: `key-${name}` }])),
    },
    { baseDirectory: '/base' },
  )

describe('the connection of a job', () => {
  test('is the one it names', () => {
    expect(connectionOf(withConnections('a', 'b'), 'b', 'sync')).toMatchObject({
      name: 'b',
      api_key: 'key-b',
    })
  })

  test('is the only one, unless it names one', () => {
    expect(connectionOf(withConnections('a'), undefined, 'sync').name).toBe('a')
  })

  test('must be clear', () => {
    expect(() => connectionOf(withConnections('a', 'b'), undefined, 'export "vip"')).toThrow(
      'export "vip" needs a connection, and the configuration has 2; name one of: a, b',
    )
    expect(() => connectionOf(withConnections(), undefined, 'sync')).toThrow('add one under "connections"')
  })

  test('must exist', () => {
    expect(() => connectionOf(withConnections('iterable'), 'itreable', 'sync')).toThrow(
      'sync: there is no connection "itreable"; did you mean "iterable"?',
    )
    expect(() => connectionOf(withConnections('a'), 'toString', 'sync')).toThrow('there is no connection')
  })
})

describe('the nearest name', () => {
  test.each([
    ['window_in_dayz', 'window_in_days'],
    ['windowInDays', 'window_in_days'],
    ['stream', 'streams'],
    ['quite_other', undefined],
    ['', undefined],
  ])('to %j is %j', (given, name) => {
    expect(nearest(given, ['window_in_days', 'streams', 'settle'])).toBe(name)
  })

  test('is found after one wrong letter in a word of four or more', () => {
    const names = ['connection', 'lookback', 'settle', 'worker']
    fc.assert(
      fc.property(fc.constantFrom(...names), fc.nat({ max: 5 }), (name, at) => {
        expect(nearest(`${name.slice(0, at)}q${name.slice(at + 1)}`, names)).toBe(name)
      }),
    )
  })

  test('is none among no names', () => {
    expect(nearest('a', [])).toBeUndefined()
  })
})
