import { closest, distance } from 'fastest-levenshtein'

/** The known name that was probably meant, if one is close enough to say so. */
export function nearest(given: string, known: readonly string[]): string | undefined {
  if (known.length === 0 || given.length > longestName) return undefined
  const plain = (name: string) => name.toLowerCase().replaceAll(/[^\p{L}\p{N}]/gu, '')
  const best = closest(plain(given), known.map(plain))
  const name = known.find((candidate) => plain(candidate) === best)
  return distance(plain(given), best) <= Math.ceil(given.length / 3) ? name : undefined
}

/** A text beyond it is no misspelt name, and takes its time to compare. */
const longestName = 500

/** `; did you mean "x"?`, else the names there are: the end of a message about an unknown name. */
export function suggestion(given: string, known: readonly string[]): string {
  const name = nearest(given, known)
  if (name !== undefined) return `; did you mean ${JSON.stringify(name)}?`
  return known.length > 0 ? `; known: ${known.join(', ')}` : ''
}

/** What bears the names that come nearest, the nearest first; each once. */
export function nearestOf<T>(
  given: string,
  known: readonly { readonly name: string; readonly of: T }[],
  most: number,
): readonly T[] {
  const wanted = given.toLowerCase()
  // A name that begins alike is nearer than its length tells.
  const distanceOf = (name: string) =>
    Math.min(distance(wanted, name), 1 + distance(wanted, name.slice(0, wanted.length)))
  const ordered = known
    .map(({ name, of }) => ({ of, far: distanceOf(name.toLowerCase()) }))
    .sort((a, b) => a.far - b.far)
  return [...new Set(ordered.map(({ of }) => of))].slice(0, most)
}
