/**
 * The JSON Schema of the configuration file: for editors, and for everything here that walks the keys.
 */
import * as z from 'zod'
import { configSchema } from './schema.ts'
import type { targetKeys } from './targets.ts'

/** The part of JSON Schema that a configuration needs. */
export type JsonSchema = {
  readonly title?: string
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
  readonly $ref?: string
  readonly $defs?: Readonly<Record<string, JsonSchema>>
  readonly if?: JsonSchema
  readonly else?: JsonSchema
}

/** JSON Schema (draft 2020-12) of a configuration file, before interpolation and defaults. */
export function configJsonSchema(): JsonSchema {
  const schema = z.toJSONSchema(configSchema, { io: 'input', override: allowInterpolation })
  const { required = [], properties, ...whole } = schema as JsonSchema
  return {
    title: 'Configuration of iterable-elt',
    ...whole,
    properties: { ...properties, ...targetProperties },
    // What is required may stand in the targets.
    if: { required: ['targets'] },
    else: { required },
    $defs: { settings: withoutRequired({ ...whole, properties: properties ?? {} }) },
  }
}

const targetProperties: Readonly<Record<(typeof targetKeys)[number], JsonSchema>> = {
  target: {
    type: 'string',
    description: 'The target to use where neither --target nor ITERABLE_ELT_TARGET names one.',
  },
  targets: {
    type: 'object',
    description:
      'Settings by the name of a target (development, production …), laid over the rest: objects key by key, the warehouse as a whole.',
    additionalProperties: { $ref: '#/$defs/settings' },
  },
}

/** The same settings, none of them required and none with a default; a warehouse is a whole one all the same. */
function withoutRequired(schema: JsonSchema): JsonSchema {
  const { required: _, default: __, $schema: ___, ...rest } = schema as JsonSchema & { $schema?: string }
  const { properties, additionalProperties } = rest
  return {
    ...rest,
    ...(properties && {
      properties: Object.fromEntries(
        Object.entries(properties).map(([name, member]) => [
          name,
          name === 'warehouse' ? member : withoutRequired(member),
        ]),
      ),
    }),
    ...(additionalProperties && { additionalProperties: withoutRequired(additionalProperties) }),
  }
}

// "${NAME}" may stand wherever text stands, also where the text must have a form. zod visits a schema repeatedly.
function allowInterpolation({ jsonSchema }: { jsonSchema: { pattern?: string; minLength?: number } }): void {
  const { minLength = 0 } = jsonSchema
  if (minLength > 1 && jsonSchema.pattern === undefined) {
    delete jsonSchema.minLength
    jsonSchema.pattern = `^.{${minLength},}$`
  }
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
  const whole = configJsonSchema()
  let schemas: readonly JsonSchema[] = [whole]
  let value = root
  for (const key of path) {
    value = schemaMember(value, key)
    schemas = schemas.flatMap((schema) => {
      const member = schema.properties?.[String(key)] ?? schema.additionalProperties
      const { settings } = whole.$defs ?? {}
      return alternatives((member && (member.$ref ? settings : member)) || (schema.items ?? {}), value)
    })
  }
  return schemas.flatMap((schema) => [
    ...Object.keys(schema.properties ?? {}),
    ...(schema.propertyNames?.enum ?? []).map(String),
  ])
}

/** A member of an object or array of unknown kind; undefined where there is none. */
export function schemaMember(value: unknown, key: PropertyKey): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key)
    ? (value as Readonly<Record<PropertyKey, unknown>>)[key]
    : undefined
}

function fits(option: JsonSchema, value: unknown): boolean {
  return Object.entries(option.properties ?? {}).every(
    ([key, property]) => property.const === undefined || property.const === schemaMember(value, key),
  )
}
