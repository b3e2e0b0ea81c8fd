/** Fields under other names, where nothing else of a chunk changes: bytes are replaced in place, nothing is parsed. */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { Chunk } from './chunk.ts'
import { LineScanner } from './scan.ts'

/**
 * A copy of a chunk in which the top-level fields of `names` have the names that it gives, or undefined where a name
 * cannot be replaced in place: it has an escape somewhere, or the new one is not as long as the old one.
 */
export async function renamedChunk(
  chunk: Chunk,
  directory: string,
  names: ReadonlyMap<string, string>,
): Promise<Chunk | undefined> {
  const renamed = [...names].filter(([field, name]) => field !== name && chunk.fields.has(field))
  if (renamed.some(([field]) => chunk.escapedFields.has(field))) return undefined
  const changes = renamed.map(([field, name]) => ({ from: Buffer.from(field), to: Buffer.from(name) }))
  const isInPlace = changes.every(({ from, to }) => from.length === to.length && isPlain(from) && isPlain(to))
  if (!isInPlace) return undefined
  const bytes = await readFile(chunk.path)
  const scanner = new LineScanner([], (line, start, end) => {
    for (const { from, to } of changes) {
      if (from.length === end - start && from.compare(line, start, end) === 0) to.copy(line, start)
    }
  })
  scanner.scan(bytes)
  const path = join(directory, basename(chunk.path))
  await mkdir(directory, { recursive: true })
  await writeFile(path, bytes)
  return { ...chunk, path, fields: scanner.fields }
}

/** Stands in JSON as it is. */
const isPlain = (name: Buffer): boolean =>
  name.every((byte) => byte >= 0x20 && byte !== 0x22 && byte !== 0x5c)
