/** Values of a query as exact as Postgres has them, see `Session.select`. */
import pg from 'pg'
import type { SelectedColumn, ValueType } from '../select.ts'
import type { ColumnReading, PostgresForm } from './query.ts'

export const postgresSelected: PostgresForm<SelectedColumn, unknown> = async (client, fields) => {
  // With the types that domains stand for and that arrays are made of, however deep.
  const { rows } = await client.query<PostgresType>(
    `with recursive known as (
       select oid, typname, typtype, typcategory, typbasetype, typelem from pg_type where oid = any($1::oid[])
       union
       select t.oid, t.typname, t.typtype, t.typcategory, t.typbasetype, t.typelem
       from known join pg_type t on t.oid = known.typbasetype or (known.typcategory = 'A' and t.oid = known.typelem)
     )
     select oid::int8 as oid, typname as name, typtype as type, typcategory as category, typbasetype::int8 as base,
       typelem::int8 as element from known`,
    [fields.map(({ dataTypeID }) => dataTypeID)],
  )
  const types = new Map(rows.map((row) => [Number(row.oid), row]))
  const typeOf = (oid: number | string): PostgresType => {
    const found = types.get(Number(oid)) as PostgresType
    return Number(found.base) === 0 ? found : typeOf(found.base)
  }
  return fields.map(({ name, dataTypeID }) => columnOf(name, typeOf(dataTypeID), typeOf))
}

/** A row of `pg_type`. */
interface PostgresType {
  readonly oid: number | string
  readonly name: string
  readonly type: string
  readonly category: string
  /** What a domain stands for; 0 for other types. */
  readonly base: number | string
  readonly element: number | string
}

/** Finds a type by its number; domains are what they stand for. */
type TypeOf = (oid: number | string) => PostgresType

function columnOf(
  name: string,
  postgres: PostgresType,
  typeOf: TypeOf,
): ColumnReading<SelectedColumn, unknown> {
  // Composites, also inside of arrays, are written by the server.
  const asJson = isComposite(postgres, typeOf)
  const type: ValueType = asJson ? { kind: 'json' } : valueType(postgres, typeOf)
  return { column: { name, type }, asJson, read: readerOf(type) }
}

const isComposite = (postgres: PostgresType, typeOf: TypeOf): boolean =>
  postgres.type === 'c' ||
  postgres.name === 'record' ||
  (isArray(postgres) && isComposite(typeOf(postgres.element), typeOf))

/** Vectors of the catalogue are not written as arrays. */
const isArray = ({ name, category, element }: PostgresType): boolean =>
  (category === 'A' && Number(element) !== 0 && !/^(int2|oid)vector$/.test(name)) || name === '_record'

const kinds = new Map<string, ValueType['kind']>(
  Object.entries({
    bool: 'boolean',
    int2: 'integer',
    int4: 'integer',
    int8: 'integer',
    oid: 'integer',
    numeric: 'decimal',
    float4: 'double',
    float8: 'double',
    timestamp: 'timestamp',
    timestamptz: 'timestamp',
    date: 'date',
    json: 'json',
    jsonb: 'json',
    time: 'text',
    timetz: 'text',
    uuid: 'text',
    char: 'text',
  }),
)

function valueType(postgres: PostgresType, typeOf: TypeOf): ValueType {
  const { name, type, category } = postgres
  if (isArray(postgres)) {
    const item = valueType(typeOf(postgres.element), typeOf)
    return item.kind === 'unsupported'
      ? { kind: 'unsupported', name: `${item.name}[]` }
      : { kind: 'list', item }
  }
  if (type === 'e' || /^[SX]$/.test(category) || /^(text|varchar|bpchar|citext|name)$/.test(name)) {
    return { kind: 'text' }
  }
  const kind = kinds.get(name)
  return kind ? ({ kind } as ValueType) : { kind: 'unsupported', name }
}

const readInstant = pg.types.getTypeParser(pg.types.builtins.TIMESTAMPTZ, 'text') as (
  text: string,
) => Date | number
// text[]: the elements as texts, for any type of element.
export const readArray = pg.types.getTypeParser(1009 as never, 'text') as (text: string) => unknown[]

function readerOf(type: ValueType): (text: string) => unknown {
  switch (type.kind) {
    case 'boolean':
      return (text) => text === 't'
    case 'integer':
      return (text) => (Number.isSafeInteger(Number(text)) ? Number(text) : BigInt(text))
    case 'double':
      return Number
    case 'timestamp':
      return (text) => Number(readInstant(/[+-]\d\d(:\d\d)*( BC)?$/.test(text) ? text : withZone(text)))
    case 'date':
      return (text) =>
        Number(readInstant(/infinity/.test(text) ? text : text.replace(/( BC)?$/, ' 00:00:00+00$1')))
    case 'list': {
      const read = readerOf(type.item)
      const readItem = (item: unknown): unknown =>
        item === null ? null : Array.isArray(item) ? item.map(readItem) : read(item as string)
      return (text) => readArray(text).map(readItem)
    }
    default:
      return (text) => text
  }
}

/** `2024-01-01 00:00:00` is UTC here; its date must not be taken for an offset. */
const withZone = (text: string): string => (/infinity/.test(text) ? text : text.replace(/( BC)?$/, '+00$1'))
