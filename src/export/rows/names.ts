/** Names of columns beside the fields of the project: `first_name` means `firstName`, `frist_name` may. */
import { distance } from 'fastest-levenshtein'

export interface NameMatches {
  /** Columns that are written otherwise than exactly one field: column → field. */
  readonly mapped: ReadonlyMap<string, string>
  /** Columns that are not fields but may be meant as one: column → the fields in question. */
  readonly doubtful: ReadonlyMap<string, readonly string[]>
}

/** Compares the columns of a query with the names of `users/getFields`. With `keepsNames` every likeness is a doubt. */
export function matchNames(
  columns: readonly string[],
  declared: Iterable<string>,
  { keepsNames = false }: { readonly keepsNames?: boolean } = {},
): NameMatches {
  const names = [...declared]
  const known = new Set(names.flatMap((name) => [name, topOf(name)]))
  const byLetters = new Map<string, string[]>()
  for (const name of [...known].filter(isOwn)) {
    const letters = lettersOf(name)
    byLetters.set(letters, [...(byLetters.get(letters) ?? []), name])
  }
  const mapped = new Map<string, string>()
  const doubtful = new Map<string, readonly string[]>()
  for (const column of columns) {
    if (known.has(column)) continue
    const same = byLetters.get(lettersOf(column)) ?? []
    const [only] = same
    const isPlain = only !== undefined && same.length === 1 && !identifiers.has(only)
    if (isPlain && !keepsNames) mapped.set(column, only)
    else {
      const meant = same.length > 0 ? same : resembling(column, [...byLetters.values()].flat())
      if (meant.length > 0) doubtful.set(column, meant.sort())
    }
  }
  return { mapped, doubtful }
}

/** A path into a nested field is not a field that a column could be sent to. */
const isOwn = (name: string): boolean => !name.includes('.')
const topOf = (path: string): string => path.split('.', 1)[0] as string

/** Who a profile belongs to is told by columns of their own, never by a name that was guessed. */
const identifiers: ReadonlySet<string> = new Set(['email', 'userId', 'itblUserId'])

/** What stays of a name in snake_case, camelCase or words: its letters and digits. */
const lettersOf = (name: string): string => name.toLowerCase().replaceAll(/[^\p{L}\p{N}]/gu, '') || name

/** A slip of the hand: one letter in a short name, two in a longer one. `address2` is not taken for `address1`. */
function resembling(column: string, fields: readonly string[]): string[] {
  const letters = lettersOf(column)
  if (letters.length < 4) return []
  const most = letters.length < 7 ? 1 : 2
  return fields.filter((field) => {
    const other = lettersOf(field)
    if (Math.abs(other.length - letters.length) > most || distance(letters, other) > most) return false
    return withoutDigits(letters) !== withoutDigits(other)
  })
}

const withoutDigits = (letters: string): string => letters.replaceAll(/\p{N}/gu, '')
