/** From Iterable to the spool: whatever a stream reads becomes chunks of NDJSON that have been looked through. */
import { mkdir, open } from 'node:fs/promises'
import { join } from 'node:path'
import type { Replication, Stream } from '../catalog/index.ts'
import { TransferError } from '../iterable/errors.ts'
import type { Chunk } from '../warehouse/chunk.ts'
import type { Engine } from '../warehouse/engine.ts'
import { type InspectedChunk, inspect } from '../warehouse/prepare.ts'
import { badLines } from '../warehouse/rewrite.ts'
import { ChunkWriter, removeSpool } from '../warehouse/spool.ts'

/** Everything that one read brought; disposing removes its files. */
export interface Download extends AsyncDisposable {
  readonly directory: string
  readonly chunks: readonly InspectedChunk[]
  readonly bytes: number
  /** Lines that are no records of the stream: reason to read once more. */
  readonly hasBadLines: boolean
}

export interface DownloadContext {
  readonly engine: Engine
  readonly stream: Stream
  readonly spoolDirectory: string
  readonly onBytes?: (bytes: number) => void
}

/** Writes bytes of NDJSON; each call of `begin` starts chunks of its own, which `discard` throws away again. */
export interface LineSink {
  write(block: Buffer): Promise<void>
}

/**
 * Runs `read` with a place to write lines to, and looks through each chunk as soon as it is complete, while the rest
 * is still on its way.
 * @throws whatever `read` throws; nothing is left on disk then.
 */
export async function download(
  context: DownloadContext,
  read: (sink: LineSink) => Promise<void>,
): Promise<Download> {
  const { engine, stream, onBytes } = context
  const directory = join(context.spoolDirectory, `${stream.name}-${nextNumber()}`)
  await mkdir(directory, { recursive: true })
  const inspections: Promise<InspectedChunk>[] = []
  const writer = new ChunkWriter(directory, (chunk) => {
    const inspection = inspect(engine, chunk, stream)
    inspection.catch(() => {})
    inspections.push(inspection)
  })
  try {
    await read({
      async write(block) {
        await writer.write(block)
        onBytes?.(writer.bytesWritten)
      },
    })
    const chunks = await writer.end()
    await refuseCutEnd(chunks, stream)
    const inspected = await Promise.all(inspections)
    return {
      directory,
      chunks: inspected,
      bytes: writer.bytesWritten,
      hasBadLines: await anyBadLine(inspected, stream),
      [Symbol.asyncDispose]: () => removeSpool(directory),
    }
  } catch (error) {
    await writer.discard()
    await Promise.allSettled(inspections)
    await removeSpool(directory)
    throw error
  }
}

/**
 * A clean end in the middle of a line is a cut all the same. What ends without a newline must be complete JSON; a line
 * that is complete but bad is a bad line, which the careful path judges.
 */
async function refuseCutEnd(chunks: readonly Chunk[], stream: Stream): Promise<void> {
  const last = chunks.at(-1)
  if (!last) return
  const tail = await lastLine(last)
  if (tail !== undefined && isUnfinished(tail)) {
    const bytes = chunks.reduce((sum, chunk) => sum + chunk.bytes, 0)
    throw new TransferError('export', `the answer for ${stream.name} ended in the middle of a line`, bytes)
  }
}

/** The text behind the last newline of a chunk, or undefined where the chunk ends with one. */
async function lastLine({ path, bytes, maxLineBytes }: Chunk): Promise<string | undefined> {
  const file = await open(path)
  try {
    const length = Math.min(bytes, maxLineBytes + 1)
    const { buffer } = await file.read(Buffer.alloc(length), 0, length, bytes - length)
    if (buffer.at(-1) === 10) return undefined
    return buffer.subarray(buffer.lastIndexOf(10) + 1).toString()
  } finally {
    await file.close()
  }
}

/** True for the beginning of a JSON object: a string, an object or an array is still open at its end. */
export function isUnfinished(text: string): boolean {
  if (!text.trimStart().startsWith('{')) return false
  let depth = 0
  let inString = false
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at]
    if (inString) {
      if (character === '\\') at += 1
      else if (character === '"') inString = false
    } else if (character === '"') inString = true
    else if (character === '{' || character === '[') depth += 1
    else if (character === '}' || character === ']') depth -= 1
  }
  return inString || depth > 0
}

/** What tells a record from an error object at the end of a broken answer; a profile has any of the three. */
const marks: Readonly<Record<Replication, readonly string[]>> = {
  append: ['createdAt'],
  upsert: ['email', 'userId', 'itblUserId'],
  filter: [],
  full: [],
}

async function anyBadLine(chunks: readonly InspectedChunk[], stream: Stream): Promise<boolean> {
  for (const { chunk, inspection } of chunks) {
    if (inspection?.withoutRequired === 0) continue
    if (await badLines(chunk, marks[stream.replication])) return true
  }
  return false
}

let downloads = 0
const nextNumber = (): number => {
  downloads += 1
  return downloads
}
