/**
 * Queries of people on Postgres. The statement stands as a subquery, where only a SELECT may stand (data-modifying CTEs
 * and SELECT INTO are refused there by Postgres itself), is sent by the extended protocol, which takes one statement at
 * a time, and runs in a read-only transaction. What such a transaction lets pass (advisory locks, functions that speak
 * to other servers, ending other sessions) is what the rights of the role allow: see docs/postgres-roles.md.
 */
import pg from 'pg'
import Cursor from 'pg-cursor'
import { ConfigError, messageOf } from '../../errors.ts'
import { refusedQuery, type SelectedColumn, type Selection, type ValueType, wrongQuery } from '../select.ts'
import { quoted } from '../sql.ts'
import type { HeldClient } from './client.ts'

const rowsAtOnce = 1_000

/** Begins a query; see `Session.select`. */
export async function selectFromPostgres(
  held: HeldClient,
  query: string,
  role: string | undefined,
): Promise<Selection> {
  const { client } = held
  await held.begin('begin transaction isolation level repeatable read, read only')
  try {
    await takeRole(client, role)
    const columns = await describe(client, query)
    const names = columns.map((_, index) => `c${index}`)
    const values = columns.map(({ asJson }, index) => (asJson ? `to_json(c${index})` : `c${index}`))
    const cursor = client.query(
      new Cursor<unknown[]>(
        `select ${values.join(', ')} from (${query}\n) as "query"(${names.join(', ')})`,
        [],
        { rowMode: 'array', types: asText } as never,
      ),
    )
    const read = (row: readonly unknown[]) =>
      row.map((value, index) => (value === null ? null : columns[index]?.read(value as string)))
    // A cursor that failed, or came to its end, is closed, and would wait for ever for a second word on that.
    let isOpen = true
    return {
      columns: columns.map(({ name, type }) => ({ name, type })),
      rows: (async function* () {
        try {
          for (;;) {
            const rows = await cursor.read(rowsAtOnce)
            if (rows.length === 0) {
              isOpen = false
              return
            }
            yield rows.map(read)
          }
        } catch (error) {
          isOpen = false
          throw explained(error)
        }
      })(),
      async [Symbol.asyncDispose]() {
        if (isOpen) await cursor.close().catch(() => {})
        await held.end('rollback').catch(() => {})
      },
    }
  } catch (error) {
    await held.end('rollback').catch(() => {})
    throw explained(error)
  }
}

/** Lowers the rights of the transaction at work to those of `exports.role`, where there is one. */
export async function takeRole(client: pg.ClientBase, role: string | undefined): Promise<void> {
  if (role === undefined) return
  try {
    await client.query(`set local role ${quoted(role)}`)
  } catch (error) {
    throw new ConfigError(
      `the role of "exports.role" cannot be taken: ${messageOf(error)}; make it (docs/postgres-roles.md), and grant it to the role that connects`,
      { code: 'role', cause: error },
    )
  }
}

interface Column extends SelectedColumn {
  /** The server turns it into JSON. */
  readonly asJson: boolean
  readonly read: (text: string) => unknown
}

/** Names and types of the columns; nothing is run for that. */
async function describe(client: pg.ClientBase, query: string): Promise<readonly Column[]> {
  const { fields } = await client.query({
    text: `select * from (${query}\n) as "query" limit 0`,
    // The extended protocol refuses several statements.
    queryMode: 'extended',
  } as pg.QueryConfig)
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

function columnOf(name: string, postgres: PostgresType, typeOf: TypeOf): Column {
  // Composites, also inside of arrays, are written by the server.
  const asJson = isComposite(postgres, typeOf)
  const type: ValueType = asJson ? { kind: 'json' } : valueType(postgres, typeOf)
  return { name, type, asJson, read: readerOf(type) }
}

const isComposite = (postgres: PostgresType, typeOf: TypeOf): boolean =>
  postgres.type === 'c' ||
  postgres.name === 'record' ||
  (isArray(postgres) && isComposite(typeOf(postgres.element), typeOf))

/** Vectors of the catalogue are no arrays in their text. */
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

/** Values as the server writes them. */
export const asText: pg.CustomTypesConfig = { getTypeParser: () => (text: unknown) => text as string }

function explained(error: unknown): unknown {
  if (error instanceof ConfigError) return error
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const message = messageOf(error)
  // 25006 read_only_sql_transaction; 0A000 feature_not_supported: a data-modifying CTE below the top.
  if (code === '25006' || /multiple commands|data-modifying|INTO is not allowed/i.test(message)) {
    return refusedQuery(message, error)
  }
  // Class 42: syntax, names, types, rights. Class 22: values.
  return /^(42|22|0A)/.test(code) ? wrongQuery(error) : error
}
