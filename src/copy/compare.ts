/** Tables side by side, and what a copy leaves behind. */
import { sql } from 'kysely'
import type { Stream } from '../catalog/index.ts'
import type { Session } from '../warehouse/session.ts'
import type { Shape } from '../warehouse/shape.ts'
import { quoted } from '../warehouse/sql.ts'
import { tableOf } from '../warehouse/tables.ts'

/** Null where nothing was copied. */
export interface ComparedTable {
  readonly table: string
  readonly rows: number
  readonly target_rows: number | null
  readonly checksum: string | null
  readonly target_checksum: string | null
}

export const isSameTable = (one: ComparedTable): boolean =>
  one.rows === one.target_rows && one.checksum === one.target_checksum

/** What would be copied. */
export async function compared(
  { tables, names }: Session,
  shapes: readonly Shape[],
): Promise<readonly ComparedTable[]> {
  const found: ComparedTable[] = []
  for (const { stream } of shapes) {
    const rows = await countOf(tables, tableOf({ names }, stream.name))
    const table = `${names.streams}.${stream.name}`
    found.push({ table, rows, target_rows: null, checksum: null, target_checksum: null })
  }
  return found
}

/** What stays where it is, in words for people. */
export async function noticesOf(
  { tables, names }: Session,
  recorded: ReadonlyMap<string, unknown>,
  streams: ReadonlyMap<string, Stream>,
): Promise<readonly string[]> {
  const unknown = [...recorded.keys()].filter((name) => !streams.has(name))
  const rules = await countOf(tables, `${quoted(names.marts)}.my_bot_rules`).catch(() => 0)
  return [
    ...unknown.map(
      (name) =>
        `${names.streams}.${name} is not a stream of this version, and is not copied; copy it yourself`,
    ),
    ...(rules > 0
      ? [
          `${names.marts}.my_bot_rules has ${rules} rows of yours, which are not copied; insert them there after a sync`,
        ]
      : []),
  ]
}

async function countOf(at: Session['tables'], table: string): Promise<number> {
  const { rows } = await sql.raw<{ rows: number }>(`select count(*) as rows from ${table}`).execute(at)
  return rows[0]?.rows ?? 0
}
