/** Values of a query as exact as DuckDB has them, see `Session.select`. */
import {
  type DuckDBArrayType,
  type DuckDBDateValue,
  type DuckDBDecimalValue,
  type DuckDBListType,
  type DuckDBListValue,
  type DuckDBMapType,
  type DuckDBMapValue,
  type DuckDBStructType,
  type DuckDBStructValue,
  type DuckDBType,
  DuckDBTypeId,
} from '@duckdb/node-api'
import type { SelectedColumn, ValueType } from '../select.ts'
import type { DuckdbForm } from './query.ts'

export const duckdbSelected: DuckdbForm<SelectedColumn, unknown> = {
  column: (name, type) => ({ name, type: typeOf(type) }),
  reader: readerOf,
}

const id = DuckDBTypeId

/** How many of its units a timestamp type has in a second. */
const unitsPerSecond: Readonly<Record<number, bigint>> = {
  [id.TIMESTAMP_S]: 1n,
  [id.TIMESTAMP_MS]: 1_000n,
  [id.TIMESTAMP]: 1_000_000n,
  [id.TIMESTAMP_TZ]: 1_000_000n,
  [id.TIMESTAMP_NS]: 1_000_000_000n,
}
const integers = new Set<number>([
  ...[id.TINYINT, id.SMALLINT, id.INTEGER, id.BIGINT, id.HUGEINT],
  ...[id.UTINYINT, id.USMALLINT, id.UINTEGER, id.UBIGINT, id.UHUGEINT, id.BIGNUM],
])
const texts = new Set<number>([id.VARCHAR, id.ENUM, id.UUID, id.TIME, id.TIME_TZ, id.TIME_NS, id.SQLNULL])

function typeOf(type: DuckDBType): ValueType {
  const { typeId } = type
  if (type.alias === 'JSON') return { kind: 'json' }
  if (typeId in unitsPerSecond) return { kind: 'timestamp' }
  if (integers.has(typeId)) return { kind: 'integer' }
  if (texts.has(typeId)) return { kind: 'text' }
  switch (typeId) {
    case id.BOOLEAN:
      return { kind: 'boolean' }
    case id.FLOAT:
    case id.DOUBLE:
      return { kind: 'double' }
    case id.DECIMAL:
      return { kind: 'decimal' }
    case id.DATE:
      return { kind: 'date' }
    case id.LIST:
    case id.ARRAY:
      return { kind: 'list', item: typeOf((type as DuckDBListType | DuckDBArrayType).valueType) }
    case id.MAP:
      return { kind: 'map', item: typeOf((type as DuckDBMapType).valueType) }
    case id.STRUCT: {
      const { entryNames, entryTypes } = type as DuckDBStructType
      const fields = entryNames.map((name, index) => [name, typeOf(entryTypes[index] as DuckDBType)] as const)
      return { kind: 'struct', fields: Object.fromEntries(fields) }
    }
    default:
      return { kind: 'unsupported', name: type.toString() }
  }
}

type Reader = (value: unknown) => unknown

/** How a value of the client becomes one of `ValueType`. */
function readerOf(type: DuckDBType): Reader {
  const { typeId } = type
  if (typeId in unitsPerSecond) return timestampReader(unitsPerSecond[typeId] as bigint)
  switch (typeId) {
    case id.BIGINT:
    case id.UBIGINT:
    case id.HUGEINT:
    case id.UHUGEINT:
    case id.BIGNUM:
      return (value) => (Number.isSafeInteger(Number(value)) ? Number(value) : value)
    case id.FLOAT:
      return (value) => shortestSingle(value as number)
    case id.DECIMAL:
      return (value) => (value as DuckDBDecimalValue).toString()
    case id.DATE:
      return (value) => dateMs((value as DuckDBDateValue).days)
    case id.LIST:
    case id.ARRAY: {
      const read = nullable(readerOf((type as DuckDBListType | DuckDBArrayType).valueType))
      return (value) => (value as DuckDBListValue).items.map(read)
    }
    case id.MAP: {
      const read = nullable(readerOf((type as DuckDBMapType).valueType))
      return (value) =>
        Object.fromEntries(
          (value as DuckDBMapValue).entries.map((entry) => [String(entry.key), read(entry.value)]),
        )
    }
    case id.STRUCT: {
      const { entryNames, entryTypes } = type as DuckDBStructType
      const readers = entryTypes.map((entry) => nullable(readerOf(entry)))
      return (value) => {
        const { entries } = value as DuckDBStructValue
        return Object.fromEntries(entryNames.map((name, index) => [name, readers[index]?.(entries[name])]))
      }
    }
    case id.UUID:
    case id.TIME:
    case id.TIME_TZ:
    case id.TIME_NS:
      return String
    default:
      return (value) => value
  }
}

const nullable =
  (read: Reader): Reader =>
  (value) =>
    value === null || value === undefined ? null : read(value)

/** DuckDB writes ±infinity as the outermost values of 64 bits. */
const infinity = 2n ** 63n - 1n

function timestampReader(perSecond: bigint): Reader {
  return (value) => {
    const units = Object.values(value as Record<string, bigint>)[0] as bigint
    if (units === infinity) return Number.POSITIVE_INFINITY
    if (units === -infinity) return Number.NEGATIVE_INFINITY
    if (perSecond <= 1_000n) return Number((units * 1_000n) / perSecond)
    const perMs = perSecond / 1_000n
    if (Number.isSafeInteger(Number(units))) return Math.floor(Number(units) / Number(perMs))
    // A double would round 999,999,999 nanoseconds up to the next second.
    const ms = units / perMs
    return Number(units < 0n && ms * perMs !== units ? ms - 1n : ms)
  }
}

function dateMs(days: number): number {
  if (days === 2 ** 31 - 1) return Number.POSITIVE_INFINITY
  return days === -(2 ** 31 - 1) ? Number.NEGATIVE_INFINITY : days * 86_400_000
}

/** 0.1 for the single-precision value that JavaScript shows as 0.10000000149011612. */
export function shortestSingle(value: number): number {
  for (let digits = 6; digits < 9; digits += 1) {
    const short = Number(value.toPrecision(digits))
    if (Math.fround(short) === value) return short
  }
  return Number.isFinite(value) ? Number(value.toPrecision(9)) : value
}
