// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${NAME} is how a configuration refers to a value
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import {
  alternatives,
  configJsonSchema,
  type JsonSchema,
  schemaMember,
} from '../../src/config/json-schema.ts'
import { configReference } from '../../src/config/reference.ts'

const schema = configJsonSchema()
const example: unknown = JSON.parse(
  readFileSync(new URL('../../config.example.json', import.meta.url), 'utf8'),
)

describe('the JSON Schema', () => {
  test('describes what stands in a file: texts, defaults, no live objects', () => {
    expect(schema).toMatchObject({
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      title: expect.any(String),
      additionalProperties: false,
      if: { required: ['targets'] },
      else: { required: ['warehouse'] },
    })
    const sync = schema.properties?.sync?.properties
    const [auto, days] = sync?.window_in_days?.anyOf ?? []
    expect([auto?.const, sync?.window_in_days?.default]).toEqual(['auto', 30])
    expect(days).toMatchObject({ type: 'integer', minimum: 1, maximum: 366 })
    expect(sync?.settle).toMatchObject({ type: 'string', default: '5m' })
    expect(sync?.lookback).toMatchObject({ default: '1d' })
    expect(sync?.start_date).toMatchObject({ type: 'string', default: '2020-01-01' })
    expect(JSON.stringify(schema)).not.toMatch(/"pool"|"instance"|"\$id"/)
  })

  test('allows a reference wherever text has a form', () => {
    const pattern = new RegExp(schema.properties?.sync?.properties?.settle?.pattern ?? '(?!)')
    expect(['1d', '${LOOKBACK}', '1 day'].map((given) => pattern.test(given))).toEqual([true, true, false])
  })

  test('explains every key', () => {
    expect(
      keysIn(schema)
        .filter(({ member }) => !member.description)
        .map(({ key }) => key),
    ).toEqual([])
  })
})

test('the example holds every key there is', () => {
  const missing = missingKeys(schema, example, '')
  expect(missing).toEqual([])
  expect(missingKeys(schema, { warehouse: { type: 'duckdb', path: 'x' } }, '')).toContain('.worker')
})

test('the reference has a row for every key, with its default and meaning', () => {
  const rows = configReference().split('\n')
  expect(rows.slice(0, 2)).toEqual(['| key | type | default | meaning |', '|---|---|---|---|'])
  expect(rows).toHaveLength(2 + keysIn(schema).length)
  expect(rows.filter((row) => row.split(/(?<!\\)\|/).length !== 6)).toEqual([])
  expect(rows).toContain(
    '| `sync.window_in_days` | "auto" or integer 1–366 | `30` | Days of events asked for in one export request, or "auto": as much at once as the volume of the stream allows. |',
  )
  expect(rows.find((row) => row.startsWith('| `connections.<name>.api_key` |'))).toContain('required')
  expect(rows.find((row) => row.startsWith('| `warehouse.url` (postgres) |'))).toContain('PG*')
})

function keysIn(part: JsonSchema, prefix = ''): { key: string; member: JsonSchema }[] {
  return (part.anyOf ?? part.oneOf ?? [part]).flatMap((option) => [
    ...Object.entries(option.properties ?? {}).flatMap(([name, member]) => [
      { key: `${prefix}.${name}`, member },
      ...keysIn(member, `${prefix}.${name}`),
    ]),
    ...(option.additionalProperties ? keysIn(option.additionalProperties, `${prefix}.*`) : []),
  ])
}

function missingKeys(part: JsonSchema, value: unknown, path: string): string[] {
  return alternatives(part, value).flatMap((option) => {
    const known = Object.entries(option.properties ?? {}).flatMap(([name, member]) => {
      const key = `${path}.${name}`
      const inner = schemaMember(value, name)
      return inner === undefined ? [key] : missingKeys(member, inner, key)
    })
    const entry = option.additionalProperties
    const named = entry && typeof value === 'object' ? Object.entries(value ?? {}) : []
    return [...known, ...named.flatMap(([name, inner]) => missingKeys(entry || {}, inner, `${path}.${name}`))]
  })
}
