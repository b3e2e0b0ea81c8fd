/**
 * The rows of a query as the engine makes them, byte for byte what payload.ts makes of the same values, in a fifth of the
 * time. Columns of simple types only, and of their values only those that are beyond doubt: a row with any other (an
 * address that is none, a number with many digits, a control character) is left to payload.ts, which also knows why a row
 * cannot be sent.
 */
import { literal } from '../../warehouse/sql.ts'
import type { StatedSettings } from '../definition/settings.ts'
import type { FieldKind } from './fields.ts'
import type { Field, Mapping } from './mapping.ts'
import { maxRowBytes, type PayloadPart, payloadParts } from './payload.ts'

/** How the engine makes rows. */
export interface RowShape {
  /** A table of such rows: what is sent, and of rows that are left, the columns of the query: c0, c1 … */
  readonly columns: readonly (readonly [name: string, type: string])[]
  /** A select of them from `query`, whose columns have these names. */
  readonly select: string
  /** A select of one row: whether the engine made any, whether it left any, and whether any has a value of each of these `kinds`. */
  readonly summaryOf: (table: string) => string
  readonly kinds: readonly { readonly field: string; readonly kind: FieldKind }[]
}

/** A field of a simple type, as expressions: its column is c0, c1 …, its JSON j0, j1 … in the order of the fields. */
interface Form {
  /** Its value as JSON, NULL where that is not sure. */
  readonly json: string
  /** The kinds that its values have, each with the condition. */
  readonly kinds: readonly (readonly [kind: FieldKind, condition: string])[]
}

/** Undefined where a column of the query has a type that only JavaScript turns into JSON. */
export function shapeOf(
  mapping: Mapping,
  types: readonly string[],
  settings: Pick<StatedSettings, 'identifier' | 'nulls'>,
): RowShape | undefined {
  const { fields, columns } = mapping
  const person = personOf(mapping, types, settings.identifier)
  const flags = flagsOf(mapping, types)
  const forms = fields.map((field, at) => formOf(field, at, types))
  if (!person || flags === undefined || forms.includes(undefined)) return undefined
  if (!types.every((type) => isSimple(type))) return undefined
  const known = forms as readonly Form[]
  const jsonOf = new Map(fields.map((field, index) => [field.name, `j${index}`]))
  const parts = payloadParts(mapping)
  const data = (some: readonly PayloadPart[]) => dataOf(some, jsonOf, settings.nulls)
  const lasting = parts.filter((part) => !('text' in part && part.isVolatile))
  const said = lasting.length < parts.length ? lasting : undefined
  const bits = fields.flatMap(({ name }, index) =>
    (known[index] as Form).kinds.map(([kind, condition]) => ({ field: name, kind, condition })),
  )
  const words = Array.from({ length: Math.ceil(bits.length / bitsOfWord) }, (_, word) =>
    bits.slice(word * bitsOfWord, (word + 1) * bitsOfWord),
  )
  const kindsOf = (some: typeof bits) =>
    some.map(({ condition }, bit) => `(${condition})::bigint * ${2 ** bit}`).join(' + ')
  const isSound = [
    'member_key is not null',
    ...fields.map(({ index }, at) => `(c${index} is null or j${at} is not null)`),
  ].join(' and ')
  const sent = (expression: string, name: string) => `case when fits then ${expression} end as ${name}`
  const given = columns.map((_, index) => `c${index}`)
  return {
    columns: [
      ...(['member_key', 'payload', 'hash'] as const).map((name) => [name, 'varchar'] as const),
      ['bytes', 'bigint'],
      ...words.map((_, word) => [`kinds${word}`, 'bigint'] as const),
      ...given.map((name, index) => [name, types[index] as string] as const),
    ],
    select: `
      select ${[
        sent('member_key', 'member_key'),
        sent('payload', 'payload'),
        sent(`to_base64(unhex(md5(concat(member_key, flags, '{', ${said ? 'said' : 'data'}, '}'))))`, 'hash'),
        sent('strlen(payload)', 'bytes'),
        ...words.map((some, word) => sent(kindsOf(some), `kinds${word}`)),
        ...given.map((name) => `case when fits then null else ${name} end as ${name}`),
      ].join(',\n        ')}
      from (
        select *, coalesce(${isSound} and strlen(payload) <= ${maxRowBytes}, false) as fits
        from (
          select *,
            concat('{', substr(concat(
              case when data <> '' then concat(',"dataFields":{', data, '}') end,
              case when is_email then concat(identifier, flags) else concat(flags, identifier) end), 2), '}') as payload
          from (
            select *, ${data(parts)} as data, ${said ? `${data(said)} as said, ` : ''}${person.key} as member_key, ${person.json} as identifier
            from (
              select *, ${[
                `${person.isEmail} as is_email`,
                `${flags} as flags`,
                ...known.map(({ json }, index) => `${json} as j${index}`),
              ].join(',\n                ')}
              from query
            )
          )
        )
      )`,
    summaryOf: (table) =>
      `select ${[
        'count(payload) > 0',
        'count(payload) < count(*)',
        ...words.flatMap((some, word) => some.map((_, bit) => `bit_or(kinds${word}) & ${2 ** bit} <> 0`)),
      ].join(', ')} from ${table}`,
    kinds: bits.map(({ field, kind }) => ({ field, kind })),
  }
}

/** Of the 63 that a whole number has. */
const bitsOfWord = 50

function dataOf(
  parts: readonly PayloadPart[],
  jsonOf: ReadonlyMap<string, string>,
  nulls: StatedSettings['nulls'],
): string {
  const texts = parts.map((part) => {
    if ('text' in part) return literal(`,${part.text}`)
    const json = jsonOf.get(part.name) as string
    return `${literal(`,${part.prefix}`)} || ${nulls === 'send' ? `coalesce(${json}, 'null')` : json}`
  })
  // A part that is NULL is left out.
  return texts.length === 0 ? "''" : `substr(concat(${texts.join(', ')}), 2)`
}

/** Printable ASCII but for quotes, backslashes and blanks: the same in JSON, and small letters are the same everywhere. */
const plainAddress = '[!#-?A-\\[\\]-~]+@[!#-\\-/-?A-\\[\\]-~]+(\\.[!#-\\-/-?A-\\[\\]-~]+)+'
const plainId = '[!#-\\[\\]-~]([ !#-\\[\\]-~]{0,50}[!#-\\[\\]-~])?'

/** Whose row it is, in the order in which payload.ts asks. */
function personOf(
  { reserved, projectType }: Mapping,
  types: readonly string[],
  identifier: StatedSettings['identifier'],
): { readonly isEmail: string; readonly key: string; readonly json: string } | undefined {
  const at = (index: number | undefined) =>
    index === undefined
      ? undefined
      : {
          name: `c${index}`,
          isText: types[index] === 'VARCHAR',
          isWhole: wholeNumbers.test(types[index] as string),
        }
  const [email, userId] = [at(reserved.email), at(reserved.user_id)]
  if (email && !email.isText) return undefined
  if (userId && !userId.isText && !userId.isWhole) return undefined
  const hasNone = (column: typeof userId) =>
    !column ? 'true' : column.isText ? `coalesce(${column.name}, '') = ''` : `${column.name} is null`
  const isAddress =
    email && projectType !== 'userId'
      ? `coalesce(strlen(${email.name}) <= 254 and regexp_full_match(${email.name}, '${plainAddress}'), false)`
      : 'false'
  const isId = !userId
    ? 'false'
    : userId.isText
      ? // 12.0 is sent as 12.
        `coalesce(regexp_full_match(${userId.name}, '${plainId}') and not regexp_full_match(${userId.name}, '-?[0-9]+\\.0*'), false)`
      : `${userId.name} is not null`
  const prefersUserId = identifier === 'user_id' || (identifier === 'auto' && projectType === 'userId')
  const byEmail = prefersUserId ? `${isAddress} and ${hasNone(userId)}` : isAddress
  const byId = prefersUserId ? isId : `${isId} and ${hasNone(email)}`
  const [address, id] = [email?.name ?? "''", userId ? `${userId.name}::varchar` : "''"]
  return {
    isEmail: byEmail,
    key: `case when is_email then 'e:' || lower(${address}) when ${byId} then 'u:' || ${id} end`,
    json: `case when is_email then concat(',"email":"', ${address}, '"') else concat(',"userId":"', ${id}, '"') end`,
  }
}

/** Undefined where a flag is not a boolean. */
function flagsOf({ reserved }: Mapping, types: readonly string[]): string | undefined {
  const flags = [
    ['mergeNestedObjects', reserved.merge_nested_objects],
    ['preferUserId', reserved.prefer_user_id],
  ] as const
  const texts: string[] = []
  for (const [name, index] of flags) {
    if (index === undefined) continue
    if (types[index] !== 'BOOLEAN') return undefined
    texts.push(`${literal(`,"${name}":`)} || c${index}::varchar`)
  }
  return texts.length === 0 ? "''" : `concat(${texts.join(', ')})`
}

const wholeNumbers = /^U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?$/
const simple = /^(VARCHAR|UUID|BOOLEAN|DATE|TIMESTAMP|TIMESTAMP WITH TIME ZONE|DOUBLE|DECIMAL\(\d+,\d+\))$/

const isSimple = (type: string): boolean => simple.test(type) || wholeNumbers.test(type)

/** Characters that JSON escapes, and that the engine writes in large hexadecimal digits. */
const control = '[\\x00-\\x08\\x0B\\x0C\\x0E-\\x1F]'

function formOf({ index, isParsed }: Field, at: number, types: readonly string[]): Form | undefined {
  const [c, type] = [`c${index}`, types[index] as string]
  if (isParsed) return undefined
  const any = (kind: FieldKind, json: string): Form => ({ json, kinds: [[kind, `${c} is not null`]] })
  const where = (condition: string, json: string) => `case when ${condition} then ${json} end`
  const byValue = (json: string): Form => ({
    json,
    kinds: [
      ['long', `contains(j${at}, '.') is false`],
      ['double', `contains(j${at}, '.') is true`],
    ],
  })
  if (wholeNumbers.test(type) || /^DECIMAL\(\d+,0\)$/.test(type)) {
    const most = Number.MAX_SAFE_INTEGER
    return any('long', where(`${c} between -${most} and ${most}`, `${c}::varchar`))
  }
  switch (type) {
    case 'VARCHAR':
      return any('string', where(`not regexp_matches(${c}, '${control}')`, `to_json(${c})::varchar`))
    case 'UUID':
      return any('string', `'"' || ${c}::varchar || '"'`)
    case 'BOOLEAN':
      return any('boolean', `${c}::varchar`)
    case 'DATE':
      return any('date', where(`${c} between '0001-01-01' and '9999-12-31'`, `'"' || ${c}::varchar || '"'`))
    case 'TIMESTAMP':
    case 'TIMESTAMP WITH TIME ZONE': {
      // The zone is UTC: to ask a calendar for it costs more than all else.
      const time = type === 'TIMESTAMP' ? c : `make_timestamp(epoch_us(${c}))`
      const isUsual = `${c} >= '0001-01-01' and ${c} < '10000-01-01'`
      return any('date', where(isUsual, `'"' || left(${time}::varchar, 19) || ' +00:00"'`))
    }
    case 'DOUBLE': {
      // Both write the shortest number that means it; beyond these bounds, each with an exponent of its own.
      const isUsual = `${c} = 0 or abs(${c}) >= 0.0001 and abs(${c}) < 1e15`
      const text = `case when ${c} = trunc(${c}) then ${c}::bigint::varchar else ${c}::varchar end`
      return byValue(where(isUsual, text))
    }
    default: {
      const scale = Number(/^DECIMAL\(\d+,(\d+)\)$/.exec(type)?.[1] ?? Number.NaN)
      if (Number.isNaN(scale)) return undefined
      // A double keeps 15 digits, and JavaScript writes smaller numbers with an exponent.
      const most = scale < 15 ? 10 ** (15 - scale) - 1 : 0
      const isUsual = `${c} between -${most} and ${most}${scale > 6 ? ` and (${c} = 0 or abs(${c}) >= 0.000001)` : ''}`
      return byValue(where(isUsual, `rtrim(rtrim(${c}::varchar, '0'), '.')`))
    }
  }
}
