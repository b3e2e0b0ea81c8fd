/**
 * Sums over the rows of a table that are the same in every warehouse. The rows come as Parquet and one engine reads them
 * all, so nothing depends on how a database writes a number or a time; JSON, whose members a database may order and
 * whose numbers it may spell anew, is put into one form here.
 */
import { createHash } from 'node:crypto'
import type { DuckDBConnection } from '@duckdb/node-api'
import type { ColumnType } from '../catalog/index.ts'
import { decimalOf } from '../decimal.ts'
import type { Engine } from '../engine/engine.ts'
import { wholeStream } from '../engine/stream.ts'
import { withNumbers } from '../json/numbers.ts'
import { quoted } from '../warehouse/sql.ts'

/** How many rows, and the sum of the low 64 bits of the MD5 of each; order does not matter, repetition does. */
export interface Checksum {
  readonly rows: number
  /** Sixteen hexadecimal digits. */
  readonly checksum: string
}

export interface Summed {
  readonly name: string
  readonly type: ColumnType
}

export const noRows: Checksum = { rows: 0, checksum: '0'.repeat(16) }

export const sumChecksums = (a: Checksum, b: Checksum): Checksum => ({
  rows: a.rows + b.rows,
  checksum: digitsOf(BigInt(`0x${a.checksum}`) + BigInt(`0x${b.checksum}`)),
})

const digitsOf = (sum: bigint): string => BigInt.asUintN(64, sum).toString(16).padStart(16, '0')

/** The sum over what a statement of the engine returns, with the columns in this order. */
export function checksumOf(engine: Engine, select: string, columns: readonly Summed[]): Promise<Checksum> {
  return engine.withRoom(async () => {
    const connection = await engine.connect()
    try {
      await connection.run('begin')
      return await sumRows(connection, select, columns)
    } finally {
      connection.closeSync()
    }
  })
}

async function sumRows(
  connection: DuckDBConnection,
  select: string,
  columns: readonly Summed[],
): Promise<Checksum> {
  const documents = columns.filter(({ type }) => type === 'json').map(({ name }) => quoted(name))
  const texts = columns.filter(({ type }) => type !== 'json').map(textOf)
  const hash = `md5_number_lower(concat_ws(chr(31), '', ${texts.join(', ')}))`
  const isPlain = documents.map((name) => `${name} is null`).join(' and ') || 'true'
  const plain = await connection.runAndReadAll(
    `select count(*)::varchar, coalesce(sum(${hash}::hugeint), 0)::varchar from (${select}) where ${isPlain}`,
  )
  const [found = '0', sum = '0'] = plain.getRowsJson()[0] as string[]
  let rows = Number(found)
  let total = BigInt(sum)
  if (documents.length === 0) return { rows, checksum: digitsOf(total) }
  const query = `select ${hash}::varchar, ${documents.map((name) => `${name}::varchar`).join(', ')} from (${select}) where not (${isPlain})`
  const result = await connection.stream(query)
  for await (const portion of wholeStream(connection, query, result.yieldRowsJson())) {
    for (const [first, ...values] of portion as (string | null)[][]) {
      const digest = createHash('md5').update(String(first))
      for (const value of values) digest.update(`\x1f${value === null ? '' : canonicalJson(value)}`)
      total += digest.digest().readBigUInt64LE()
      rows += 1
    }
  }
  return { rows, checksum: digitsOf(total) }
}

function textOf({ name, type }: Summed): string {
  const value = type === 'timestamptz' ? `epoch_us(${quoted(name)})` : quoted(name)
  return `coalesce('=' || ${value}::varchar, '')`
}

/** Members in order, numbers by their value, without what a database cannot hold. */
export function canonicalJson(json: string): string {
  const exact = withNumbers(json, (digits) => {
    const { isNegative, digits: own, exponent } = decimalOf(digits)
    return JSON.stringify(`${isNegative ? '-' : ''}${own}e${exponent}`)
  })
  return ordered(JSON.parse(exact)).replaceAll('\\u0000', '␀')
}

function ordered(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(ordered).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${members.map(([key, one]) => `${JSON.stringify(key)}:${ordered(one)}`).join(',')}}`
}
