import { configJsonSchema, type JsonSchema } from './json-schema.ts'

/** The reference of the configuration: one row per key, as a Markdown table. */
export const configReference = (): string => schemaReference(configJsonSchema())

/** One row per key of a schema, as a Markdown table. */
export function schemaReference(schema: JsonSchema): string {
  const rows = rowsOf(schema, '').map((cells) => `| ${cells.map(escaped).join(' | ')} |`)
  return ['| key | type | default | meaning |', '|---|---|---|---|', ...rows].join('\n')
}

type Cells = readonly [key: string, type: string, preset: string, meaning: string]

function rowsOf(schema: JsonSchema, prefix: string): Cells[] {
  return optionsOf(schema).flatMap(({ option, label }) => [
    ...Object.entries(option.properties ?? {}).flatMap(([name, member]) => {
      const key = `${prefix}${name}`
      const required = (option.required ?? option.else?.required)?.includes(name) ?? false
      const own: Cells = [
        `\`${key}\`${label}`,
        typeText(member),
        presetText(member, required),
        member.description ?? '',
      ]
      return [own, ...rowsOf(member, `${key}.`)]
    }),
    ...(typeof option.additionalProperties === 'object' && !option.propertyNames?.enum
      ? rowsOf(option.additionalProperties, `${prefix}<name>.`)
      : []),
  ])
}

/** The alternatives of a union, each with the fixed value by which a reader tells it from the others. */
function optionsOf(schema: JsonSchema): { option: JsonSchema; label: string }[] {
  const label = (option: JsonSchema) => {
    const kind = option.properties?.type?.const
    return kind === undefined ? '' : ` (${String(kind)})`
  }
  return (
    (schema.anyOf ?? schema.oneOf)?.map((option) => ({ option, label: label(option) })) ?? [
      { option: schema, label: '' },
    ]
  )
}

function typeText(schema: JsonSchema): string {
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  if (schema.enum ?? schema.examples)
    return (schema.enum ?? schema.examples ?? []).map((word) => JSON.stringify(word)).join(', ')
  const union = schema.anyOf ?? schema.oneOf
  if (union) return [...new Set(union.map(typeText))].join(' or ')
  if (schema.type === 'array') return `list of ${schema.items ? typeText(schema.items) : 'values'}`
  const type = [schema.type ?? 'any'].flat().join(' or ')
  const { minimum: from, maximum: to } = schema
  if (from === undefined || to === undefined) return type
  return to < Number.MAX_SAFE_INTEGER ? `${type} ${from}–${to}` : `${type} ≥ ${from}`
}

function presetText(schema: JsonSchema, required: boolean): string {
  const preset = schema.default
  if (preset === undefined) return required ? 'required' : ''
  return isEmptyObject(preset) ? '' : `\`${JSON.stringify(preset)}\``
}

function isEmptyObject(value: unknown): boolean {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length === 0
  )
}

function escaped(cell: string): string {
  return cell.replaceAll('|', '\\|').replaceAll('\n', ' ')
}
