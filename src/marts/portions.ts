/**
 * Portions of messages: an engine that works in the memory of this process takes a part of them after the other, so that
 * its memory does not grow with them.
 */
import { sql } from 'kysely'
import type { Tx } from '../warehouse/session.ts'

/** How many portions so many messages are taken in, which a select counts; 1 where a server works. */
export async function portionsOf({ dialect, tables }: Tx, count: string): Promise<number> {
  if (dialect.portionRows === undefined) return 1
  const { rows } = await sql
    .raw<{ portions: number }>(`select ceil((${count}) / ${dialect.portionRows}) as portions`)
    .execute(tables)
  return Math.max(1, rows[0]?.portions ?? 1)
}

/** The condition that a message, an expression for its id, is in one of the portions. What belongs to no message is, too. */
export const isInPortion = (
  { dialect }: Pick<Tx, 'dialect'>,
  message: string,
  { portion, portions }: { readonly portion: number; readonly portions: number },
): string => `abs(mod(${dialect.hash(`coalesce(${message}, '')`)}, ${portions})) = ${portion}`
