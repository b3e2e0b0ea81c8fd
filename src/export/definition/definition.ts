/** An export as people write it: a YAML block in a leading comment, then one SELECT. */
import { LineCounter, parseDocument } from 'yaml'
import * as z from 'zod'
import { faultsOf } from '../../config/faults.ts'
import { pathText } from '../../config/path.ts'
import { recipientFaults } from '../../config/recipients.ts'
import type { NotificationsConfig } from '../../config/schema.ts'
import { ConfigError } from '../../errors.ts'
import { isTooDeep, mostLevels } from '../../json/depth.ts'
import { suggestion } from '../../nearest.ts'
import { type ExportSettings, type StatedSettings, settingsSchema } from './settings.ts'

/** An export as it is written. */
export interface StatedDefinition {
  readonly name: string
  readonly query: string
  readonly settings: StatedSettings
  /** Columns go under their own names, as Treasure Data sends them. */
  readonly keepsNames?: boolean
}

/** An export whose list is found. */
export interface Definition extends StatedDefinition {
  readonly settings: ExportSettings
  /** There is no such list yet: a plan that is only looked at makes none. */
  readonly hasNoList?: boolean
}

/** A definition before its settings were checked. */
export interface RawDefinition {
  readonly query: string
  readonly settings: unknown
  /** Line and column of a setting, for messages. */
  readonly placeOf: (path: readonly PropertyKey[]) => string
}

/** Settings that cannot be, or that contradict each other: all that is wrong with them. */
export class FaultyDefinition extends ConfigError {
  readonly faults: readonly string[]

  constructor(name: string, faults: readonly string[]) {
    const more = faults.length - mostFaults
    const lines = [...faults.slice(0, mostFaults), ...(more > 0 ? [`… and ${more} more`] : [])]
    super(
      `export "${name}" has ${faults.length === 1 ? 'a fault' : `${faults.length} faults`}:\n${lines.map(shortened).join('\n')}`,
    )
    this.faults = faults
  }
}

/** Somebody may have written any number of wrong settings, of any length: each worker reads them every few seconds. */
const mostFaults = 20
const longestLine = 1_000
const shortened = (line: string) => (line.length > longestLine ? `${line.slice(0, longestLine)}…` : line)

/** Names appear in files, in jobs and in locks. */
export function checkName(name: string): string {
  if (/^[A-Za-z0-9_][\w.-]{0,79}$/.test(name)) return name
  throw new ConfigError(
    `an export cannot be called ${JSON.stringify(name)}; use letters, digits, _, - and . (80 at most)`,
  )
}

/**
 * Reads the text of an export file.
 * @throws ConfigError with line and column where the YAML is broken or missing.
 */
export function parseExportFile(text: string, file: string): RawDefinition {
  const [opening] = /^\uFEFF?\s*\/\*/.exec(text) ?? []
  const end = opening === undefined ? -1 : endOfBlock(text, opening.length)
  if (opening === undefined || end < 0) {
    throw new ConfigError(`${file}:1:1: begin the file with its settings: /* action: add … list_id: 123 */`)
  }
  const lines = new LineCounter()
  const blockAt = opening.length
  const block = text.slice(blockAt, end)
  // Line breaks in place of what stands before, so that lines are those of the file; settings may begin beside the `/*`.
  const before = text.slice(0, blockAt)
  const firstLine = before.split('\n').length
  const indent = /^[^\S\n]*/.exec(block)?.[0].length ?? 0
  const firstColumn = blockAt - (before.lastIndexOf('\n') + 1) + indent
  const source = '\n'.repeat(firstLine - 1) + block.slice(indent)
  const placeAt = (offset: number) => {
    const { line, col } = lines.linePos(offset)
    return `${file}:${line}:${line === firstLine ? col + firstColumn : col}`
  }
  if (isTooDeep(block))
    throw new ConfigError(`${file}: the settings are nested deeper than ${mostLevels} levels`)
  const document = parseDocument(source, { lineCounter: lines, strict: true })
  const [broken] = document.errors
  if (broken) {
    throw new ConfigError(`${placeAt(broken.pos[0])}: ${broken.message.split('\n')[0]}`)
  }
  return {
    query: text.slice(end + 2).trim(),
    settings: document.toJS() ?? {},
    placeOf: (path) => {
      const parent: unknown = path.length > 1 ? document.getIn(path.slice(0, -1), true) : document.contents
      const items = (parent as { items?: readonly { key?: { value?: unknown; range?: number[] } }[] } | null)
        ?.items
      const key = items?.find((pair) => pair.key?.value === path.at(-1))?.key
      const node = key ?? (document.getIn(path, true) as { range?: number[] } | undefined)
      return placeAt(node?.range?.[0] ?? source.length - block.length + indent)
    },
  }
}

/** The `*\/` that ends the block: not one inside quotes, as in `cron: "*\/15 * * * *"`. */
function endOfBlock(text: string, start: number): number {
  let quote: string | undefined
  for (let at = start; at < text.length; at += 1) {
    const character = text[at]
    if (character === '\n') quote = undefined
    else if (quote === undefined && text.startsWith('*/', at)) return at
    else if (character === quote) quote = undefined
    else if (quote === undefined && (character === '"' || character === "'")) quote = character
  }
  return text.indexOf('*/', start)
}

/** Without a configuration nobody can be told. */
const nobody: NotificationsConfig = { webhooks: {} }

/**
 * Checks settings.
 * @throws FaultyDefinition with every fault, each with its place.
 */
export function checkDefinition(
  name: string,
  raw: RawDefinition,
  notifications: NotificationsConfig = nobody,
): StatedDefinition {
  checkName(name)
  const parsed = settingsSchema.safeParse(raw.settings)
  const faults = parsed.error ? faultsIn(parsed.error.issues, raw) : []
  if (parsed.success) {
    faults.push(...contradictions(parsed.data, raw), ...strangers(parsed.data, raw, notifications))
  }
  if (raw.query === '') faults.push(`${raw.placeOf([])}: there is no query below the settings`)
  if (!parsed.success || faults.length > 0) {
    throw new FaultyDefinition(name, faults)
  }
  const { skip_on_invalid_records, ...settings } = parsed.data
  const skips = settings.skip_invalid_data || skip_on_invalid_records === true
  return { name, query: raw.query, settings: { ...settings, skip_invalid_data: skips } }
}

function faultsIn(issues: readonly z.core.$ZodIssue[], { settings, placeOf }: RawDefinition): string[] {
  return issues.flatMap((issue) => {
    if (issue.code === 'unrecognized_keys') {
      const known = knownAt(issue.path)
      return issue.keys.map((key, index) => {
        const path = [...issue.path, key]
        // No more are shown.
        const near = index < mostFaults ? suggestion(key, known) : ''
        return `${placeOf(path)}: unknown setting "${pathText(path)}"${near}`
      })
    }
    return faultsOf([issue], { value: settings, sources: new Map() }).map(
      ({ path, message }) => `${placeOf(path)}: ${pathText(path) || 'the settings'}: ${message}`,
    )
  })
}

/** Recipients that the configuration does not know. */
function strangers(
  { notify = { on: [] } }: z.output<typeof settingsSchema>,
  { placeOf }: RawDefinition,
  notifications: NotificationsConfig,
): string[] {
  return recipientFaults(notify, notifications).map(
    ({ setting, message }) => `${placeOf(['notify', setting])}: notify.${setting}: ${message}`,
  )
}

function contradictions(settings: z.output<typeof settingsSchema>, raw: RawDefinition): string[] {
  const faults: string[] = []
  const { placeOf } = raw
  const { action, list, list_id, create_list, skip_invalid_data, skip_on_invalid_records: other } = settings
  if (list_id === undefined && list === undefined)
    faults.push(`${placeOf([])}: list_id: missing; give the id of the list, or its name as "list"`)
  if (list_id !== undefined && list !== undefined)
    faults.push(`${placeOf(['list'])}: list: the list has an id already; leave one of the two out`)
  if (create_list && (list === undefined || action === 'remove'))
    faults.push(
      `${placeOf(['create_list'])}: create_list is for action: add or mirror, with the name of a list`,
    )
  if (settings.action !== 'remove' && settings.campaign_id !== undefined)
    faults.push(`${placeOf(['campaign_id'])}: campaign_id is for action: remove`)
  if (settings.action !== 'remove' && settings.channel_unsubscribe)
    faults.push(`${placeOf(['channel_unsubscribe'])}: channel_unsubscribe is for action: remove`)
  const hasBoth = other !== undefined && Object.hasOwn(raw.settings as object, 'skip_invalid_data')
  if (hasBoth && other !== skip_invalid_data)
    faults.push(
      `${placeOf(['skip_on_invalid_records'])}: skip_on_invalid_records is another name for skip_invalid_data, which says otherwise; leave one of the two out`,
    )
  return faults
}

let wholeSchema: JsonSchema | undefined

type JsonSchema = { properties?: Record<string, JsonSchema>; items?: JsonSchema; anyOf?: JsonSchema[] }

/** The settings that may stand at a path. */
function knownAt(path: readonly PropertyKey[]): readonly string[] {
  // It takes some milliseconds to make.
  wholeSchema ??= z.toJSONSchema(settingsSchema, { io: 'input', unrepresentable: 'any' }) as JsonSchema
  let schemas: JsonSchema[] = [wholeSchema]
  for (const key of path) {
    schemas = schemas
      .flatMap((schema) => [schema, ...(schema.anyOf ?? [])])
      .flatMap((schema) => schema.properties?.[String(key)] ?? schema.items ?? [])
  }
  return schemas
    .flatMap((schema) => [schema, ...(schema.anyOf ?? [])])
    .flatMap(({ properties }) => Object.keys(properties ?? {}))
}
