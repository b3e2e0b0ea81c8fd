/**
 * Fills the tables of views anew. An engine that works in the memory of this process takes portions of messages, one after
 * the other: what one view says of a portion, the views upon it read, so that the streams are read once for each portion.
 */
import { sql } from 'kysely'
import type { MartsConfig } from '../config/schema.ts'
import type { Tx } from '../warehouse/session.ts'
import { quoted } from '../warehouse/sql.ts'
import type { ViewFile } from './file.ts'
import { isInPortion, portionsOf } from './portions.ts'
import { type FoundTables, renderInline } from './render.ts'

interface FilledView {
  readonly file: ViewFile
  /** Its table. */
  readonly table: string
}

interface FillInput {
  readonly settings: MartsConfig
  readonly files: readonly ViewFile[]
  readonly tables: FoundTables
  /** Tables of other views that are up to date. */
  readonly kept: ReadonlyMap<string, string>
}

/** Several views are all of messages. They come after those that they read. */
export async function fillTables(tx: Tx, views: readonly FilledView[], input: FillInput): Promise<void> {
  for (const { table } of views) await sql.raw(`delete from ${table}`).execute(tx.tables)
  const isOfMessages = views.every(({ file }) => file.refresh !== undefined)
  const portions = isOfMessages ? await portionsOf(tx, sendsOf(tx, input.tables)) : 1
  if (portions === 1) await fillAtOnce(tx, views, input)
  else for (let portion = 0; portion < portions; portion += 1) await fillPortion(portion)

  async function fillPortion(portion: number): Promise<void> {
    const only = (message: string) => isInPortion(tx, message, { portion, portions })
    const filled = new Map<string, string>()
    const kept = (name: string) => {
      const message = input.files.find((file) => file.name === name)?.refresh
      const table = input.kept.get(name)
      return filled.get(name) ?? (table && message && `${table} where ${only(message)}`)
    }
    for (const { file, table } of views) {
      const select = renderInline(file, tx, { ...input, kept, only })
      const last = await lastRow(tx, table)
      await sql.raw(`insert into ${table}\n${select}`).execute(tx.tables)
      filled.set(file.name, `${table} where rowid > ${last}`)
    }
  }
}

/** Rows are numbered in the order in which they come: whoever asks for those after this one reads no others. */
async function lastRow({ tables }: Tx, table: string): Promise<bigint> {
  const { rows } = await sql
    .raw<{ last: bigint | number }>(`select coalesce(max(rowid), -1) as last from ${table}`)
    .execute(tables)
  return BigInt(rows[0]?.last ?? -1)
}

async function fillAtOnce(tx: Tx, views: readonly FilledView[], input: FillInput): Promise<void> {
  const filled = new Map(input.kept)
  for (const { file, table } of views) {
    const select = renderInline(file, tx, { ...input, kept: (name) => filled.get(name) })
    await sql.raw(`insert into ${table}\n${select}`).execute(tx.tables)
    await tx.analyze(table)
    filled.set(file.name, table)
  }
}

/** A select of how many messages were sent. */
function sendsOf({ names }: Tx, found: FoundTables): string {
  const sends = [...found.keys()].filter((stream) => stream.endsWith('_send'))
  const counts = sends.map((stream) => `(select count(*) from ${quoted(names.streams)}.${quoted(stream)})`)
  return `select ${['0', ...counts].join(' + ')}`
}
