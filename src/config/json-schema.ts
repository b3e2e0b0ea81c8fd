/**
 * The JSON Schema of the configuration file: for editors, and for everything here that walks the keys.
 */
import { z } from 'zod'
import { configSchema } from './schema.ts'

/** The part of JSON Schema that a configuration needs. */
export type JsonSchema = {
  readonly type?: string | readonly string[]
  readonly description?: string
  readonly default?: unknown
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly examples?: readonly unknown[]
  readonly pattern?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly required?: readonly string[]
  readonly propertyNames?: JsonSchema
  readonly additionalProperties?: JsonSchema | false
  readonly items?: JsonSchema
  readonly anyOf?: readonly JsonSchema[]
  readonly oneOf?: readonly JsonSchema[]
}

/** JSON Schema (draft 2020-12) of a configuration file, before interpolation and defaults. */
export function configJsonSchema(): JsonSchema {
  const schema = z.toJSONSchema(configSchema, { io: 'input', override: allowInterpolation })
  return { title: 'Configuration of iterable-elt', ...schema } as JsonSchema
}

// "${NAME}" may stand wherever text stands, also where the text must have a form. zod visits a schema repeatedly.
function allowInterpolation({ jsonSchema }: { jsonSchema: { pattern?: string } }): void {
  const reference = '\\$\\{.+\\}|'
  if (jsonSchema.pattern === undefined || jsonSchema.pattern.startsWith(reference)) return
  jsonSchema.pattern = reference + jsonSchema.pattern
}

/** The schemas that may describe `value`: the alternatives of a union, narrowed by their fixed values. */
export function alternatives(schema: JsonSchema, value?: unknown): readonly JsonSchema[] {
  const union = schema.anyOf ?? schema.oneOf
  if (!union) return [schema]
  const fitting = union.filter((option) => fits(option, value))
  return (fitting.length > 0 ? fitting : union).flatMap((option) => alternatives(option, value))
}

/** The keys known at `path` of a configuration, where `root` holds the values met on the way. */
export function knownKeys(path: readonly PropertyKey[], root: unknown): readonly string[] {
  let schemas: readonly JsonSchema[] = [configJsonSchema()]
  let value = root
  for (const key of path) {
    value = memberOf(value, key)
    schemas = schemas.flatMap((schema) => {
      const member = schema.properties?.[String(key)] ?? schema.additionalProperties
      return alternatives(member || (schema.items ?? {}), value)
    })
  }
  return schemas.flatMap((schema) => [
    ...Object.keys(schema.properties ?? {}),
    ...(schema.propertyNames?.enum ?? []).map(String),
  ])
}

/** A member of an object or array of unknown kind; undefined where there is none. */
export function memberOf(value: unknown, key: PropertyKey): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key)
    ? (value as Readonly<Record<PropertyKey, unknown>>)[key]
    : undefined
}

function fits(option: JsonSchema, value: unknown): boolean {
  return Object.entries(option.properties ?? {}).every(
    ([key, property]) => property.const === undefined || property.const === memberOf(value, key),
  )
}
