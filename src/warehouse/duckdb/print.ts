/** Values of a query as text, see `Session.print`. */
import {
  type DuckDBArrayType,
  type DuckDBListType,
  type DuckDBListValue,
  type DuckDBMapType,
  type DuckDBMapValue,
  type DuckDBStructType,
  type DuckDBStructValue,
  type DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  type DuckDBType,
  DuckDBTypeId,
  type DuckDBValue,
} from '@duckdb/node-api'
import { isoTime, jsonOf, type PrintedColumn, type PrintedKind } from '../printed.ts'
import type { DuckdbForm } from './query.ts'
import { shortestSingle } from './select.ts'

export const duckdbPrinted: DuckdbForm<PrintedColumn, string> = {
  column: (name, type) => ({ name, kind: kindOf(type) }),
  reader: printerOf,
}

const id = DuckDBTypeId

const numbers = new Set<number>([
  ...[id.TINYINT, id.SMALLINT, id.INTEGER, id.BIGINT, id.HUGEINT],
  ...[id.UTINYINT, id.USMALLINT, id.UINTEGER, id.UBIGINT, id.UHUGEINT, id.BIGNUM],
  ...[id.FLOAT, id.DOUBLE, id.DECIMAL],
])
const times = new Set<number>([
  ...[id.TIMESTAMP, id.TIMESTAMP_S, id.TIMESTAMP_MS, id.TIMESTAMP_NS, id.TIMESTAMP_TZ],
])
const nested = new Set<number>([id.LIST, id.ARRAY, id.STRUCT, id.MAP])

function kindOf({ typeId, alias }: DuckDBType): PrintedKind {
  if (alias === 'JSON' || nested.has(typeId)) return 'json'
  if (numbers.has(typeId)) return 'number'
  if (times.has(typeId)) return 'time'
  return typeId === id.BOOLEAN ? 'boolean' : 'text'
}

type Printer = (value: DuckDBValue) => string

function printerOf(type: DuckDBType): Printer {
  const { typeId } = type
  if (typeId === id.FLOAT) return (value) => String(shortestSingle(value as number))
  // The client writes this one in the zone of the process.
  if (typeId === id.TIMESTAMP_TZ) {
    return (value) => isoTime(String(new DuckDBTimestampValue((value as DuckDBTimestampTZValue).micros)))
  }
  if (times.has(typeId)) return (value) => isoTime(String(value))
  switch (typeId) {
    case id.LIST:
    case id.ARRAY: {
      const json = jsonPrinterOf((type as DuckDBListType | DuckDBArrayType).valueType)
      return (value) => `[${(value as DuckDBListValue).items.map(json).join(',')}]`
    }
    case id.STRUCT: {
      const { entryNames, entryTypes } = type as DuckDBStructType
      const json = entryTypes.map(jsonPrinterOf)
      return (value) => {
        const { entries } = value as DuckDBStructValue
        const members = entryNames.map(
          (name, index) =>
            `${JSON.stringify(name)}:${(json[index] as Printer)(entries[name] as DuckDBValue)}`,
        )
        return `{${members.join(',')}}`
      }
    }
    case id.MAP: {
      const { keyType, valueType } = type as DuckDBMapType
      const [name, json] = [printerOf(keyType), jsonPrinterOf(valueType)]
      return (value) => {
        const members = (value as DuckDBMapValue).entries.map(
          (entry) => `${JSON.stringify(name(entry.key))}:${json(entry.value)}`,
        )
        return `{${members.join(',')}}`
      }
    }
    default:
      return String
  }
}

/** A value inside of another, as JSON. */
function jsonPrinterOf(type: DuckDBType): Printer {
  const [print, kind] = [printerOf(type), kindOf(type)]
  return (value) => jsonOf(value === null ? null : print(value), kind)
}
