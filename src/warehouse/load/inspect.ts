/** A look at the values of a chunk before it is loaded: which kinds of them its fields have. */

import { readFile } from 'node:fs/promises'
import type { Engine } from '../engine.ts'
import type { Kind } from '../shape.ts'
import { literal, quoted } from '../sql.ts'
import { type Chunk, hasLongLines, objectSizeOption } from './chunk.ts'
import { noLimits } from './limits.ts'
import { isExact } from './numbers.ts'
import { LineScanner, nameAt } from './scan.ts'

/** The chunk has a line that DuckDB cannot read: it must be rewritten before it can be loaded. */
export class UnreadableChunk extends Error {
  override readonly name = 'UnreadableChunk'
}

/**
 * The kinds of values that fields have in a chunk; a field that is always null has none and is left out.
 * @throws UnreadableChunk where a line is no JSON that DuckDB takes.
 */
export async function kindsOf(
  engine: Engine,
  chunk: Chunk,
  fields: Iterable<string>,
): Promise<Map<string, ReadonlySet<Kind>>> {
  const wanted = [...fields]
  if (wanted.length > fewFields || hasLongLines(chunk)) return kindsOfMany(chunk, wanted)
  const kinds = new Map<string, ReadonlySet<Kind>>()
  for (const batch of withoutCaseTwins(wanted)) {
    const columns = batch.map((field) => `${literal(field)}: 'JSON'`).join(', ')
    const lists = batch.map((field) => `list(distinct json_kind(${quoted(field)}))`).join(', ')
    const [row] = await readable(
      engine.rows(
        `select ${lists} from read_json(${literal(chunk.path)}, format = 'newline_delimited', columns = {${columns}}${objectSizeOption([chunk])})`,
      ),
    )
    batch.forEach((field, index) => {
      const seen = ((row?.[index] ?? []) as (Kind | null)[]).filter((kind) => kind !== null)
      if (seen.length > 0) kinds.set(field, new Set(seen))
    })
  }
  return kinds
}

/**
 * Up to here a column for each field is quicker; each costs 2 MB and a look at a large expression, so that 1,000 fields
 * took 20 seconds and a gigabyte (measured). `json_each` copies the whole line for each of its members: a line of 1 MB
 * with 10,000 fields took two minutes and ten gigabytes.
 */
const fewFields = 50

/** By the bytes where values begin, which costs the same for any number of fields and any length of a value. */
async function kindsOfMany(chunk: Chunk, fields: readonly string[]): Promise<Map<string, ReadonlySet<Kind>>> {
  const kinds = new Map(fields.map((field) => [field, new Set<Kind>()]))
  const onName = (bytes: Buffer, from: number, to: number) => {
    const seen = kinds.get(nameAt(bytes, from, to) ?? '')
    const kind = seen && kindOf(beginningOfValue(bytes, to + 1))
    if (kind) seen.add(kind)
  }
  new LineScanner([], { limits: noLimits, onName }).scan(await readFile(chunk.path))
  return new Map([...kinds].filter(([, seen]) => seen.size > 0))
}

/** The first character of the value behind a name; of a number and of `null` all of it. */
function beginningOfValue(bytes: Buffer, behindName: number): string {
  let from = behindName
  while (bytes[from] === colon || bytes[from] === space || bytes[from] === tab) from += 1
  let to = from + 1
  while (to < bytes.length && isPartOfNumber(bytes[to] as number)) to += 1
  return bytes.toString('latin1', from, to)
}

const colon = 0x3a
const space = 0x20
const tab = 0x09
const isPartOfNumber = (byte: number): boolean =>
  (byte >= 0x30 && byte <= 0x39) || byte === 0x2b || byte === 0x2d || byte === 0x2e || (byte | 0x20) === 0x65

/** What a JSON value asks of its column, as `json_kind` of the engine says it; undefined for null. */
function kindOf(json: string): Kind | undefined {
  const first = json.charAt(0)
  if (first === 'n') return undefined
  if (first === '"') return 'text'
  if (first === '{' || first === '[') return 'json'
  if (first === 't' || first === 'f') return 'boolean'
  if (/[.eE]/.test(json)) return isExact(json) ? 'double' : 'text'
  if (!/^-?\d+$/.test(json)) return 'text'
  const whole = BigInt(json)
  if (whole > largestBigint || whole < -largestBigint - 1n) return 'text'
  return whole > largestSafe || whole < -largestSafe ? 'big' : 'bigint'
}

const largestBigint = 2n ** 63n - 1n
const largestSafe = 2n ** 53n - 1n

/** The kinds of values that one member of an object field has in a chunk. */
export async function kindsInside(
  engine: Engine,
  chunk: Chunk,
  field: string,
  member: string,
): Promise<ReadonlySet<Kind>> {
  const value = `nullif(json_extract(${quoted(field)}, ${literal(`$."${member}"`)}), 'null'::json)`
  const rows = await engine.rows(
    `select distinct json_kind(${value}) from read_json(${literal(chunk.path)}, format = 'newline_delimited', columns = {${literal(field)}: 'JSON'}${objectSizeOption([chunk])})`,
  )
  return new Set(rows.map(([kind]) => kind as Kind | null).filter((kind) => kind !== null))
}

async function readable<T>(result: Promise<T>): Promise<T> {
  try {
    return await result
  } catch (error) {
    if (isRefusedInput(error))
      throw new UnreadableChunk('DuckDB refuses a line of the chunk', { cause: error })
    throw error
  }
}

/** True for what DuckDB says of a line that it cannot read: malformed, a duplicate key, too long. */
export function isRefusedInput(error: unknown): boolean {
  return /Malformed JSON|duplicate key|maximum_object_size|Invalid (Input|unicode)|invalid UTF|unicode/i.test(
    String(error),
  )
}

/** Column names of one statement must differ by more than case. */
function withoutCaseTwins(fields: readonly string[]): string[][] {
  const batches: { names: Set<string>; fields: string[] }[] = []
  for (const field of fields) {
    const lower = field.toLowerCase()
    // 500 a statement: one vector of 2,048 values a column must fit the engine's memory.
    let batch = batches.find(({ names }) => !names.has(lower) && names.size < 500)
    if (!batch) {
      batch = { names: new Set(), fields: [] }
      batches.push(batch)
    }
    batch.names.add(lower)
    batch.fields.push(field)
  }
  return batches.map((batch) => batch.fields)
}
