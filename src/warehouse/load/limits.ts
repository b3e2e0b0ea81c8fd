/** What a line may be at most. Whatever is beyond becomes a rejected row; the lines around it load. */

/** Bytes of a line. One that does not end is given up here. */
export const mostLineBytes = 64 * 2 ** 20
/** Fields of a record. */
export const mostFields = 10_000
/** Bytes that are kept of a line that is refused. */
const keptBytes = 64 * 2 ** 10

/** The beginning of a line that is kept with its rejected row. */
export function beginningOf(line: Buffer | string): string {
  const text = typeof line === 'string' ? line.slice(0, keptBytes) : line.toString('utf8', 0, keptBytes)
  return Buffer.byteLength(text) <= keptBytes ? text : Buffer.from(text).toString('utf8', 0, keptBytes)
}

/** Codes of rejected lines that are kept as text: they are no JSON, or JSON that no database should follow. */
export const keptAsText: ReadonlySet<string> = new Set([
  'malformed_line',
  'too_deep',
  'too_long',
  'too_many_fields',
])
