/** From Iterable to the spool: whatever a stream reads becomes chunks of NDJSON that have been looked through. */
import { join } from 'node:path'
import type { Stream } from '../catalog/index.ts'
import { MalformedResponseError, TransferError } from '../iterable/errors.ts'
import { isErrorObject, shown } from '../iterable/forms.ts'
import { isUnfinished } from '../json/depth.ts'
import { badLines, goodLines } from '../load/rewrite.ts'
import type { Chunk } from '../spool/chunk.ts'
import type { Rejects } from '../spool/rejects.ts'
import { ChunkWriter, EndlessLine, removeSpool } from '../spool/spool.ts'
import type { JobYield } from '../state/export-jobs.ts'
import { lastLineOf } from './tail.ts'

/** Everything that one read brought; disposing removes its files. */
export interface Download extends AsyncDisposable {
  readonly directory: string
  readonly chunks: readonly Chunk[]
  /** Lines beyond the limits; none of the chunks has them. */
  readonly refused: Rejects
  readonly bytes: number
  /** It is the second answer to one question: what is bad in it is bad for good. */
  readonly isSecondRead: boolean
  /** The job that brought it, where one did. */
  readonly job?: JobYield | undefined
}

export interface DownloadContext {
  readonly stream: Stream
  readonly spoolDirectory: string
  readonly isSecondRead: boolean
  /** The warehouse keeps one member of each name within a nested value: others are counted. */
  readonly findsTwins?: boolean
  readonly onBytes?: (bytes: number) => void
}

/** A first answer has lines that are not records: it is asked for once more before anything is decided. */
export class BadAnswer extends Error {
  override readonly name = 'BadAnswer'
}

/** Takes bytes of NDJSON, cut anywhere. */
export interface LineSink {
  write(block: Buffer): Promise<void>
}

/**
 * Runs `read` with a place to write lines to; each chunk is looked through as it passes.
 * @throws whatever `read` throws; nothing is left on disk then.
 */
export async function download(
  { stream, spoolDirectory, isSecondRead, findsTwins = false, onBytes }: DownloadContext,
  read: (sink: LineSink) => Promise<void>,
): Promise<Download> {
  const directory = join(spoolDirectory, `${stream.name}-${nextNumber()}`)
  const writer = new ChunkWriter(directory, { marks: stream.mark?.fields ?? [], findsTwins })
  try {
    await read({
      async write(block) {
        await writer.write(block)
        onBytes?.(writer.bytesWritten)
      },
    })
    const { chunks, refused } = await writer.end()
    await refuseCutEnd(chunks, stream)
    await refuseForeignAnswer(chunks, stream)
    return {
      directory,
      chunks,
      refused,
      bytes: writer.bytesWritten,
      isSecondRead,
      [Symbol.asyncDispose]: () => removeSpool(directory),
    }
  } catch (error) {
    await removeSpool(directory)
    if (error instanceof EndlessLine) throw new TransferError('export', error.message, writer.bytesWritten)
    throw error
  }
}

/**
 * A clean end in the middle of a line is a cut all the same. What ends without a newline must be complete JSON; a line
 * that is complete but bad is a bad line, which the careful path judges.
 */
async function refuseCutEnd(chunks: readonly Chunk[], stream: Stream): Promise<void> {
  const last = chunks.at(-1)
  if (!last || last.endsWithNewline) return
  const tail = await lastLine(last)
  if (isUnfinished(tail)) {
    const bytes = chunks.reduce((sum, chunk) => sum + chunk.bytes, 0)
    throw new TransferError('export', `the answer for ${stream.name} ended in the middle of a line`, bytes)
  }
}

/**
 * What ends with an error of Iterable's is not whole, and what has no good line does not answer the question: a page of
 * a proxy, most likely. Single bad lines among good ones are another matter: they become rejected rows.
 * @throws MalformedResponseError
 */
async function refuseForeignAnswer(chunks: readonly Chunk[], stream: Stream): Promise<void> {
  const last = chunks.at(-1)
  if (!last || last.suspects === 0) return
  const endpoint = stream.read.kind === 'export' ? 'export' : stream.name
  const tail = await lastLine(last)
  if (isErrorObject(tail)) throw new MalformedResponseError(endpoint, `it ends with ${shown(tail)}`)
  const lines = chunks.reduce((sum, chunk) => sum + chunk.lines, 0)
  const suspects = chunks.reduce((sum, chunk) => sum + chunk.suspects, 0)
  if (suspects < lines) return
  for (const chunk of chunks) if (await goodLines(chunk, stream.mark)) return
  throw new MalformedResponseError(
    endpoint,
    `none of its ${lines} lines is a record; it ends with ${shown(tail)}`,
  )
}

/** The last line of a chunk that is not blank (of a very long one its end). */
const lastLine = ({ path, bytes, maxLineBytes }: Chunk): Promise<string> =>
  lastLineOf(path, bytes, maxLineBytes + blankBytes)

/** Blank lines at the end of an answer that are looked behind. */
const blankBytes = 1024

/** True when a download has lines that are not records of its stream: reason to read once more. */
export async function hasBadLines(
  { chunks, refused }: Download,
  stream: Stream,
  { everywhere = false }: { readonly everywhere?: boolean } = {},
): Promise<boolean> {
  if (refused.length > 0) return true
  for (const chunk of chunks) {
    if (chunk.suspects === 0 && !everywhere) continue
    if (await badLines(chunk, stream.mark)) return true
  }
  return false
}

let downloads = 0
const nextNumber = (): number => {
  downloads += 1
  return downloads
}
