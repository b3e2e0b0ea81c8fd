/** From a field's own name to the name of its column. */
import { createHash } from 'node:crypto'

/** Columns that every stream table has besides its fields. */
export const ownColumns = { runId: '_run_id', loadedAt: '_loaded_at', extra: '_extra' } as const

/** The key under which a rewritten line carries what goes to `_extra`; a field of Iterable of that name goes there. */
export const extraKey = '␀extra'

/** What a warehouse allows of columns. */
export interface NameRules {
  /** A table takes so many columns beyond the catalogue; further fields go to `_extra`. */
  readonly maxCustomColumns: number
  /** The longest identifier that the warehouse holds, in bytes of UTF-8; undefined for no limit. */
  readonly maxBytes?: number | undefined
  /** Names, in lower case, of hidden columns that every table has. */
  readonly hiddenColumns: readonly string[]
}

/**
 * The column name of a field: `wanted` (its own, where the stream gives it no other), unless it would differ only by case from one already taken (then prefixed
 * with `_` until free; so are names of hidden columns) or be too long (then cut between characters, with a hash of the whole name).
 */
export function columnName(
  wanted: string,
  isTaken: (lowerCaseName: string) => boolean,
  { maxBytes, hiddenColumns }: Pick<NameRules, 'maxBytes' | 'hiddenColumns'>,
): string {
  let name = shortened(wanted, maxBytes)
  const isRefused = (lower: string) => isTaken(lower) || hiddenColumns.includes(lower)
  while (isRefused(name.toLowerCase())) name = shortened(`_${name}`, maxBytes)
  return name
}

/** Cuts a name to `maxBytes`, never inside a character; the hash keeps two long names with one beginning apart. */
function shortened(name: string, maxBytes: number | undefined): string {
  if (maxBytes === undefined || Buffer.byteLength(name) <= maxBytes) return name
  const hash = `_${createHash('sha256').update(name).digest('hex').slice(0, 8)}`
  let cut = ''
  for (const character of name) {
    if (Buffer.byteLength(cut + character) > maxBytes - hash.length) break
    cut += character
  }
  return cut + hash
}
