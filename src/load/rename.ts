/** Fields under other names, where nothing else of a chunk changes: bytes are replaced in place, nothing is parsed. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { noLimits } from '../json/limits.ts'
import { LineScanner } from '../json/scan.ts'
import type { Chunk } from '../spool/chunk.ts'

interface Change {
  readonly from: Buffer
  readonly to: Buffer
  /** How often the field stands at the top level. */
  readonly count: number
}

/**
 * A copy of a chunk in which the top-level fields of `names` have the names that it gives, or undefined where a name
 * cannot be replaced in place: it has an escape somewhere, or the new one is not as long as the old one.
 */
export function renamedChunk(
  chunk: Chunk,
  directory: string,
  names: ReadonlyMap<string, string>,
): Chunk | undefined {
  const changes: Change[] = []
  const fields = new Map(chunk.fields)
  for (const [field, name] of names) {
    const use = chunk.fields.get(field)
    if (field === name || !use) continue
    const change = { from: Buffer.from(field), to: Buffer.from(name), count: use.count }
    const isInPlace =
      change.from.length === change.to.length && isPlain(change.from) && isPlain(change.to) && !use.isEscaped
    if (!isInPlace) return undefined
    changes.push(change)
    fields.delete(field)
    fields.set(name, use)
  }
  // At one stroke: at every wait, the next download would have its turn, and the warehouse none (measured).
  const bytes = readFileSync(chunk.path)
  const nested = changes.filter((change) => !replaceAll(bytes, change))
  if (nested.length > 0) replaceTopLevel(bytes, nested)
  const path = join(directory, basename(chunk.path))
  mkdirSync(directory, { recursive: true })
  writeFileSync(path, bytes)
  return { ...chunk, path, fields }
}

/** Replaces a name wherever it stands in quotes; false, and nothing is changed, where some of them are not top-level fields. */
function replaceAll(bytes: Buffer, { from, to, count }: Change): boolean {
  const quoted = Buffer.concat([quote, from, quote])
  const places: number[] = []
  for (let at = bytes.indexOf(quoted); at >= 0; at = bytes.indexOf(quoted, at + from.length + 1)) {
    places.push(at + 1)
    if (places.length > count) return false
  }
  for (const place of places) to.copy(bytes, place)
  return true
}

function replaceTopLevel(bytes: Buffer, changes: readonly Change[]): void {
  const onName = (line: Buffer, start: number, end: number) => {
    for (const { from, to } of changes) {
      if (from.length === end - start && from.compare(line, start, end) === 0) to.copy(line, start)
    }
  }
  new LineScanner([], { limits: noLimits, onName }).scan(bytes)
}

const quote = Buffer.from('"')

/** Stands in JSON as it is. */
const isPlain = (name: Buffer): boolean =>
  name.every((byte) => byte >= 0x20 && byte !== 0x22 && byte !== 0x5c)
