/** Which column of the query goes where: decided once per run, before the first row. */
import type { ProjectType } from '../../catalog/index.ts'
import { ConfigError } from '../../errors.ts'
import { suggestion } from '../../nearest.ts'
import type { SelectedColumn, ValueType } from '../../warehouse/select.ts'
import type { StatedSettings } from '../definition/settings.ts'
import type { FieldReport } from './fields.ts'
import { matchNames } from './names.ts'
import { type Converter, converterOf, parseJson, timestampText } from './values.ts'

/** A field of the profile and the column it is filled from. */
export interface Field {
  readonly name: string
  /** Position of the column. */
  readonly index: number
  readonly convert: Converter
  /** Its text is JSON. */
  readonly isParsed: boolean
  readonly column: SelectedColumn
}

/** A field with the same value in every row. */
export interface Constant {
  readonly name: string
  readonly value: string | number
  /** Differs from run to run, so it does not count as a change. */
  readonly isVolatile: boolean
}

export const reservedNames = ['email', 'user_id', 'prefer_user_id', 'merge_nested_objects'] as const
export type Reserved = (typeof reservedNames)[number]

export interface Mapping extends Pick<FieldReport, 'mapped' | 'doubtful'> {
  /** Positions of the reserved columns. */
  readonly reserved: Readonly<Partial<Record<Reserved, number>>>
  readonly columns: readonly SelectedColumn[]
  /** In the order of their names. */
  readonly fields: readonly Field[]
  readonly constants: readonly Constant[]
  /** Fields that are called as the query says, and not as the settings do. */
  readonly implied: ReadonlySet<string>
  readonly projectType: ProjectType
  /** Things that the user should know. */
  readonly notices: readonly string[]
}

export interface MappingContext {
  readonly projectType: ProjectType
  readonly now: Date
  /** The project's fields and their types. */
  readonly declared?: ReadonlyMap<string, string> | undefined
  /** Columns go under their own names, whatever they resemble. */
  readonly keepsNames?: boolean | undefined
}

/**
 * @throws ConfigError naming the columns when there is no identifier, two columns are one, or a type must be cast.
 */
export function mapColumns(
  columns: readonly SelectedColumn[],
  settings: StatedSettings,
  { projectType, now, declared, keepsNames = false }: MappingContext,
): Mapping {
  const wanted = wantedColumns(columns, settings)
  const reserved = reservedColumns(wanted)
  if (reserved.email === undefined && reserved.user_id === undefined) throw noIdentifier(columns)
  const others = wanted.filter(({ target }) => !isReserved(target))
  if (settings.action === 'remove') {
    const ignored = wanted
      .filter(({ target }) => !/^(email|user_id)$/i.test(target))
      .map(({ target }) => target)
    const { email, user_id } = reserved
    const notices =
      ignored.length > 0 ? [`remove sends only email and user_id; ignored: ${ignored.join(', ')}`] : []
    const identifiers = { ...(email !== undefined && { email }), ...(user_id !== undefined && { user_id }) }
    const nothing = { fields: [], constants: [], implied: new Set<string>(), mapped: [], doubtful: [] }
    return { reserved: identifiers, columns, ...nothing, projectType, notices }
  }
  // What `columns` names is taken as it is.
  const ownNames = settings.columns === 'all' ? others.map(({ target }) => target) : []
  const { mapped, doubtful } = matchNames(ownNames, declared?.keys() ?? [], { keepsNames })
  const fields = others.map(({ target, index, json }) =>
    fieldOf(mapped.get(target) ?? target, index, json, columns[index] as SelectedColumn),
  )
  const constants = settings.constants.map((constant) => constantOf(constant, settings, now))
  const sorted = [...fields].sort((a, b) => (a.name < b.name ? -1 : 1))
  refuseTwins([...fields, ...constants].map(({ name }) => name))
  const notices =
    projectType === 'email' && settings.update_existing_users_only
      ? [
          'update_existing_users_only is ignored by Iterable in email-based projects: unknown people are created',
        ]
      : []
  return {
    reserved,
    columns,
    fields: sorted,
    constants,
    projectType,
    notices,
    implied: new Set(ownNames),
    mapped: [...mapped].map(([column, field]) => ({ column, field })),
    doubtful: [...doubtful].map(([column, fields]) => ({ column, fields })),
  }
}

interface Wanted {
  readonly target: string
  readonly index: number
  readonly json: boolean
}

/** Reserved columns are taken always; `columns` chooses among the others. */
function wantedColumns(
  columns: readonly SelectedColumn[],
  { columns: chosen }: StatedSettings,
): readonly Wanted[] {
  const all = columns.map(({ name }, index) => ({ target: name, index, json: false }))
  if (chosen === 'all') return all
  const named = chosen.map((choice): Wanted => {
    const { source, as, json } =
      typeof choice === 'string' ? { source: choice, as: undefined, json: false } : choice
    const index = indexOf(columns, source)
    return { target: as ?? (columns[index] as SelectedColumn).name, index, json }
  })
  const targets = new Set(named.map(({ target }) => target.toLowerCase()))
  const implied = all.filter(({ target }) => isReserved(target) && !targets.has(target.toLowerCase()))
  return [...implied, ...named]
}

function indexOf(columns: readonly SelectedColumn[], source: string): number {
  const names = columns.map(({ name }) => name)
  const exact = names.indexOf(source)
  if (exact >= 0) return exact
  const alike = names.filter((name) => name.toLowerCase() === source.toLowerCase())
  if (alike.length === 1) return names.indexOf(alike[0] as string)
  throw new ConfigError(
    `columns: the query returns no column ${JSON.stringify(source)}${suggestion(source, names)}`,
  )
}

function reservedColumns(wanted: readonly Wanted[]): Mapping['reserved'] {
  return Object.fromEntries(
    reservedNames.flatMap((name) => {
      const found = wanted.filter(({ target }) => target.toLowerCase() === name)
      if (found.length > 1) {
        const names = found.map(({ target }) => JSON.stringify(target)).join(' and ')
        throw new ConfigError(`the query returns ${names}, which are both ${name}; leave one out`)
      }
      return found[0] ? [[name, found[0].index]] : []
    }),
  )
}

const isReserved = (name: string): boolean =>
  (reservedNames as readonly string[]).includes(name.toLowerCase())

function noIdentifier(columns: readonly SelectedColumn[]): ConfigError {
  const names = columns.map(({ name }) => name)
  const id = names.find((name) => /^user_?id$/i.test(name))
  const mail = names.find((name) => /mail/i.test(name))
  const meant = mail ? ` (write ${mail} as email)` : id ? ` (write "${id}" as user_id)` : ''
  return new ConfigError(
    `an export needs a column email or user_id; the query returned: ${names.join(', ')}${meant}`,
    { code: 'missing_identifier' },
  )
}

function fieldOf(name: string, index: number, json: boolean, column: SelectedColumn): Field {
  if (json && !['text', 'json'].includes(column.type.kind)) {
    throw new ConfigError(`columns: json: true is for text, which ${JSON.stringify(column.name)} is not`)
  }
  const convert = json ? (value: unknown) => parseJson(value as string) : converterOf(column.type)
  if (convert) return { name, index, convert, isParsed: json, column }
  const type = unsupportedIn(column.type)
  const isNested = column.type.kind !== 'unsupported' || column.type.name.endsWith('[]')
  // An array that is cast to text would be sent as the database writes it: {a,b}.
  const cure = isNested
    ? `turn it into JSON in the query: to_json(${column.name})`
    : `cast it in the query, e.g. cast(${column.name} as text)`
  throw new ConfigError(
    `column ${JSON.stringify(column.name)} has the type ${type}, which JSON cannot hold; ${cure}`,
    { code: 'unsupported_type' },
  )
}

function unsupportedIn(type: ValueType): string | undefined {
  switch (type.kind) {
    case 'unsupported':
      return type.name
    case 'list': {
      const item = unsupportedIn(type.item)
      return item && `${item}[]`
    }
    case 'map':
      return unsupportedIn(type.item)
    case 'struct':
      return Object.values(type.fields).map(unsupportedIn).find(Boolean)
    default:
      return undefined
  }
}

function constantOf(
  constant: StatedSettings['constants'][number],
  { segment }: StatedSettings,
  now: Date,
): Constant {
  const { as: name, string, timestamp, segment_id, segment_name } = constant
  if (string !== undefined) return { name, value: string, isVolatile: false }
  if (timestamp) return { name, value: timestampText(now.getTime()), isVolatile: true }
  const [key, value] = segment_id
    ? (['id', segment.id] as const)
    : segment_name
      ? (['name', segment.name] as const)
      : (['audience_id', segment.audience_id] as const)
  if (value !== undefined) return { name, value, isVolatile: false }
  throw new ConfigError(`constants: ${name} needs segment.${key}, which is not set`)
}

function refuseTwins(names: readonly string[]): void {
  const twin = names.find((name, index) => names.indexOf(name) !== index)
  if (twin === undefined) return
  throw new ConfigError(
    `two columns or constants are sent as ${JSON.stringify(twin)}; rename one, or leave it out`,
  )
}
