/**
 * The way from the engine into Postgres: each chunk becomes a CSV file, which COPY takes while the engine writes the
 * next one. Two processes work at once, and no row passes through JavaScript as a value.
 */
import { createReadStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ClientBase } from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import { quoted } from '../sql.ts'
import { type CsvFile, type CsvWriter, csvOptions } from './csv.ts'

/** Blocks on the way to the socket; small ones cost a system call each. */
const blockBytes = 2 ** 20
/** Chunks of one COPY: a statement stays short enough for a `statement_timeout`, its round trip does not count. */
const filesOfOneCopy = 16

/** What COPY takes: a statement of the engine whose columns are those of the table, in the order of `columns`. */
export interface CopySource {
  readonly table: string
  readonly columns: readonly string[]
  readonly selects: readonly string[]
}

export interface CopyContext {
  readonly client: ClientBase
  readonly writer: CsvWriter
  readonly onRows?: ((rows: number) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * Copies the results of statements of the engine into a table, one after another. Returns how many rows.
 * @throws what the engine or Postgres refuses; the transaction is lost then.
 */
export async function copyRows(source: CopySource, context: CopyContext): Promise<number> {
  const files = csvFiles(source.selects, context)
  let rows = 0
  try {
    for (let at = 0; at < source.selects.length; at += filesOfOneCopy) {
      rows += await copyFiles(source, files, Math.min(filesOfOneCopy, source.selects.length - at), context)
    }
    return rows
  } finally {
    await files.return()
  }
}

/** Converts one statement after another, always one ahead of what is taken; a file is gone once the next is asked for. */
async function* csvFiles(selects: readonly string[], context: CopyContext): AsyncGenerator<CsvFile, void> {
  let next = convert(selects[0], context)
  try {
    for (let at = 0; at < selects.length; at += 1) {
      const file = await next
      next = convert(selects[at + 1], context)
      if (!file) return
      try {
        yield file
      } finally {
        await rm(file.path, { force: true })
      }
    }
  } finally {
    const unused = await next.catch(() => undefined)
    if (unused) await rm(unused.path, { force: true })
  }
}

/** A promise that is not looked at for a while must not count as unhandled. */
function convert(select: string | undefined, { writer }: CopyContext): Promise<CsvFile | undefined> {
  const file = select === undefined ? Promise.resolve(undefined) : writer.write(select)
  file.catch(() => {})
  return file
}

async function copyFiles(
  { table, columns }: CopySource,
  files: AsyncGenerator<CsvFile, void>,
  count: number,
  { client, onRows, signal }: CopyContext,
): Promise<number> {
  let sent = 0
  const bytes = async function* () {
    for (let taken = 0; taken < count; taken += 1) {
      const { value: file } = await files.next()
      if (!file) return
      yield* createReadStream(file.path, { highWaterMark: blockBytes })
      sent += file.rows
      onRows?.(file.rows)
    }
  }
  const names = columns.map(quoted).join(', ')
  const copy = client.query(copyFrom(`copy ${table} (${names}) from stdin (${csvOptions}, encoding 'utf8')`))
  await pipeline(Readable.from(bytes(), { objectMode: true, highWaterMark: 1 }), copy, {
    ...(signal && { signal }),
  })
  if (copy.rowCount !== sent) {
    throw new Error(
      `COPY into ${table} took ${copy.rowCount} rows of ${sent}: this is a fault of iterable-elt`,
    )
  }
  return sent
}
