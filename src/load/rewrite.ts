/**
 * The careful path: a chunk that DuckDB refuses, or whose fields cannot stand in one statement as they are (names that
 * differ only by case, more fields than a table takes), is written anew line by line. Values are copied as text, so
 * that every digit of a number stays; bad lines are set aside.
 */

import { isUtf8 } from 'node:buffer'
import { createReadStream } from 'node:fs'
import type { Mark } from '../catalog/index.ts'
import { noLimits } from '../json/limits.ts'
import { memberOf, membersOf } from '../json/members.ts'
import { isExact, keepsNumbers, verbatimMark, withNumbers } from '../json/numbers.ts'
import { fieldsBeyond, type PageBudget } from '../json/page.ts'
import type { Chunk } from '../spool/chunk.ts'
import type { RejectedLine, Rejects } from '../spool/rejects.ts'
import { ChunkWriter } from '../spool/spool.ts'
import { extraKey } from '../warehouse/names.ts'

export interface RewriteRules {
  /** What tells a record; undefined where every object is one. */
  readonly mark: Mark | undefined
  /** The key under which a field is read from the chunk, or undefined where it goes to `_extra`. */
  readonly readKey: (field: string) => string | undefined
  /** True where the warehouse cannot hold U+0000: it becomes U+2400, and the original goes to `_extra` as JSON text. */
  readonly replaceNul: boolean
  /** True where we wrote the chunk ourselves: its `extraKey` is ours, and no field of Iterable. */
  readonly isOurs: boolean
  /**
   * Numbers that no double holds become texts, and what is JSON and has such numbers a text behind the `verbatimMark`;
   * here are the keys whose columns hold JSON. Undefined leaves all values as they stand.
   */
  readonly verbatim: ReadonlySet<string> | undefined
  /** A member of an object field that has a column of its own, unless the record has a field for it. */
  readonly lifted?: { readonly parent: string; readonly member: string; readonly key: string } | undefined
  /** Fields that a row has no room for go to `_extra`. */
  readonly page?: PageBudget | undefined
  /** Numbers, by their digits, that the warehouse cannot hold, also inside of JSON: they become texts. */
  readonly refusesNumber?: ((digits: string) => boolean) | undefined
  /** Fields whose texts are read as JSON. */
  readonly embedded?: ReadonlySet<string> | undefined
}

export interface Rewritten {
  readonly chunks: readonly Chunk[]
  /** Lines that had half of a surrogate pair, or bytes that are not UTF-8: they have U+FFFD now. */
  readonly replacedSurrogates: number
  readonly replacedNuls: number
}

/** Writes the chunk anew into `directory`; the old file stays. Bad lines go to `rejects`. */
export async function rewriteChunk(
  chunk: Chunk,
  directory: string,
  rules: RewriteRules,
  rejects: Rejects,
): Promise<Rewritten> {
  const writer = new ChunkWriter(directory, { marks: rules.mark?.fields ?? [], limits: noLimits })
  let replacedSurrogates = 0
  let replacedNuls = 0
  for await (const { bytes, line, isBroken } of linesOf(chunk.path)) {
    if (line.trim() === '') continue
    const fault = faultOf(line, rules.mark)
    if (fault) {
      // What is JSON is kept as JSON, and that of DuckDB has no half pairs.
      await rejects.add({ ...fault, raw: fault.isJson ? withoutHalfPairs(line).text : line })
      continue
    }
    const { text, replaced } = withoutHalfPairs(line)
    if (replaced || isBroken) replacedSurrogates += 1
    const { json, hadNul } = rewriteLine(replaced ? text : bytes, rules)
    if (hadNul) replacedNuls += 1
    await writer.write(Buffer.from(`${json}\n`))
  }
  const { chunks } = await writer.end()
  return { chunks, replacedSurrogates, replacedNuls }
}

/** Why a line cannot be loaded, or undefined. */
function faultOf(line: string, mark: Mark | undefined): Omit<RejectedLine, 'raw'> | undefined {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch (error) {
    return {
      code: 'malformed_line',
      reason: `the line is not JSON: ${(error as Error).message.slice(0, 200)}`,
      isJson: false,
    }
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    return { code: 'not_an_object', reason: 'the line is JSON, but not an object', isJson: true }
  }
  if (!mark || mark.fields.some((field) => Object.hasOwn(value, field))) return undefined
  return { code: mark.missing, reason: `the record has no ${mark.fields.join(', ')}`, isJson: true }
}

/** One line under the keys that the reader asks for; what has no key of its own goes into `_extra`. */
function rewriteLine(
  line: string | Buffer,
  { readKey, replaceNul, isOurs, verbatim, lifted, page, refusesNumber, embedded }: RewriteRules,
): { json: string; hadNul: boolean } {
  const members = new Map<string, string>()
  const extra = new Map<string, string>()
  let hadNul = false
  for (const { key, value: given } of membersOf(line)) {
    const value = refusesNumber ? withTexts(given, refusesNumber, embedded?.has(key) ?? false) : given
    if (isOurs && key === extraKey) {
      for (const member of membersOf(value)) extra.set(freeName(extra, member.key), member.value)
      continue
    }
    const name = readKey(key)
    // The last of several members of one name counts, as everywhere in JSON; the earlier ones are kept aside.
    const target = name === undefined ? extra : members
    const earlier = target.get(name ?? key)
    if (earlier !== undefined) extra.set(freeName(extra, key), earlier)
    const isRefused = replaceNul && hasNul(value)
    target.set(name ?? key, isRefused ? withoutNul(value) : value)
    if (isRefused) {
      hadNul = true
      extra.set(freeName(extra, key), JSON.stringify(value))
    }
  }
  for (const key of page ? fieldsBeyond(page, members) : []) {
    extra.set(freeName(extra, key), members.get(key) as string)
    members.delete(key)
  }
  if (extra.size > 0) members.set(extraKey, objectText(extra, replaceNul))
  if (lifted && !members.has(lifted.key)) {
    const inside = memberOf(members.get(lifted.parent) ?? '', lifted.member)
    // Any other value is as good when the engine takes it out.
    if (inside !== undefined && exactText(inside, false) !== inside) members.set(lifted.key, inside)
  }
  if (verbatim) for (const [key, value] of members) members.set(key, exactText(value, verbatim.has(key)))
  return { json: objectText(members, replaceNul), hadNul }
}

/** The value itself, or a JSON text that keeps the digits of its numbers. */
function exactText(json: string, isJson: boolean): string {
  if (json.startsWith('{') || json.startsWith('[')) {
    return keepsNumbers(Buffer.from(json)) ? json : JSON.stringify(verbatimMark + json)
  }
  if (!/^[-\d].*[.eE]/.test(json) || isExact(json)) return json
  return JSON.stringify(isJson ? verbatimMark + json : json)
}

/** A value with texts in place of the numbers that are refused, also inside of a text that is read as JSON. */
function withTexts(json: string, refuses: (digits: string) => boolean, isEmbedded: boolean): string {
  if (!json.startsWith('"')) {
    return withNumbers(json, (digits) => (refuses(digits) ? `"${digits}"` : digits))
  }
  if (!isEmbedded) return json
  const inside = JSON.parse(json) as string
  const fitting = isJson(inside) ? withTexts(inside, refuses, false) : inside
  return fitting === inside ? json : JSON.stringify(fitting)
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** `field`, or `field#1`, `field#2` … where it is taken. */
function freeName(taken: ReadonlyMap<string, string>, field: string): string {
  let name = field
  for (let count = 1; taken.has(name); count += 1) name = `${field}#${count}`
  return name
}

const objectText = (members: ReadonlyMap<string, string>, replaceNul: boolean): string =>
  `{${[...members].map(([key, value]) => `${JSON.stringify(replaceNul ? key.replaceAll('\0', '␀') : key)}:${value}`).join(',')}}`

const escapes = /\\(?:u([0-9a-fA-F]{4})|.)/g

/** Replaces `\ud83d` that has no second half (and a second half alone) by `\ufffd`. */
function withoutHalfPairs(line: string): { text: string; replaced: boolean } {
  if (!/\\u[dD]/.test(line)) return { text: line, replaced: false }
  const found = [...line.matchAll(escapes)].map((match) => ({
    at: match.index,
    code: match[1] === undefined ? -1 : Number.parseInt(match[1], 16),
  }))
  const lone = found.filter(({ at, code }, index) => {
    const next = found[index + 1]
    const previous = found[index - 1]
    if (isHigh(code)) return !(next && next.at === at + 6 && isLow(next.code))
    if (isLow(code)) return !(previous && previous.at === at - 6 && isHigh(previous.code))
    return false
  })
  let text = line
  for (const { at } of lone) text = `${text.slice(0, at)}\\ufffd${text.slice(at + 6)}`
  return { text, replaced: lone.length > 0 }
}

const isHigh = (code: number): boolean => code >= 0xd800 && code < 0xdc00
const isLow = (code: number): boolean => code >= 0xdc00 && code < 0xe000

const hasNul = (json: string): boolean =>
  json.includes('\\u0000') && [...json.matchAll(escapes)].some((match) => match[1] === '0000')

const withoutNul = (json: string): string =>
  json.replace(escapes, (found, code: string | undefined) => (code === '0000' ? '\\u2400' : found))

/** The lines of a file, split at `\n` alone (U+2028 may stand inside of strings). */
async function* linesOf(path: string): AsyncGenerator<Line> {
  let rest: Buffer[] = []
  for await (const block of createReadStream(path, { highWaterMark: 2 ** 20 }) as AsyncIterable<Buffer>) {
    let from = 0
    for (let end = block.indexOf(10); end >= 0; end = block.indexOf(10, from)) {
      yield lineOf(Buffer.concat([...rest, block.subarray(from, end)]))
      rest = []
      from = end + 1
    }
    if (from < block.length) rest.push(block.subarray(from))
  }
  if (rest.length > 0) yield lineOf(Buffer.concat(rest))
}

interface Line {
  readonly bytes: Buffer
  readonly line: string
  /** Its bytes were not UTF-8. */
  readonly isBroken: boolean
}

function lineOf(bytes: Buffer): Line {
  const line = bytes.toString()
  return { bytes, line, isBroken: line.includes('\ufffd') && !isUtf8(bytes) }
}

/** True when a line of the chunk is not a record: not a JSON object, or without what marks one. */
export async function badLines(chunk: Chunk, mark: Mark | undefined): Promise<boolean> {
  for await (const { line } of linesOf(chunk.path)) {
    if (line.trim() === '') continue
    if (faultOf(line, mark)) return true
  }
  return false
}

/** True when a line of the chunk is a record. */
export async function goodLines(chunk: Chunk, mark: Mark | undefined): Promise<boolean> {
  for await (const { line } of linesOf(chunk.path)) {
    if (line.trim() !== '' && !faultOf(line, mark)) return true
  }
  return false
}
