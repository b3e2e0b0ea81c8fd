/**
 * A row of Postgres must fit a page of 8 kB. Long values are stored elsewhere, but up to 24 bytes of a text and 8 of a
 * number stay in the row, so a thousand filled columns may not fit.
 */

export interface PageBudget {
  /** What the values of a row may take. */
  readonly bytes: number
  /** Fields that stay in any case. */
  readonly kept: ReadonlySet<string>
}

/** What a text, or nested JSON, takes within its row at most; longer ones are stored elsewhere. */
const textBytes = 24
const numberBytes = 8
/** Numbers begin at a multiple of 8: a text in front of one may cost so much more. */
const alignmentBytes = 7

/** The fields of a row that find no place on its page; values are JSON. The earlier a field stands, the sooner it fits. */
export function fieldsBeyond(
  { bytes, kept }: PageBudget,
  members: ReadonlyMap<string, string>,
): readonly string[] {
  const row = { bytes: 0, texts: 0, numbers: 0 }
  const fits = (json: string): boolean => {
    const isNumber = /^[-\d]/.test(json)
    const next = {
      bytes: row.bytes + sizeOf(json),
      texts: row.texts + (isNumber ? 0 : 1),
      numbers: row.numbers + (isNumber ? 1 : 0),
    }
    if (next.bytes + Math.min(next.texts, next.numbers) * alignmentBytes > bytes) return false
    Object.assign(row, next)
    return true
  }
  for (const [field, json] of members) if (kept.has(field)) fits(json)
  return [...members].filter(([field, json]) => !kept.has(field) && !fits(json)).map(([field]) => field)
}

function sizeOf(json: string): number {
  if (json === 'null') return 0
  // A number may stand in a column that has become text.
  if (/^[-\d]/.test(json)) return Math.max(numberBytes, json.length + 1)
  return Math.min(Buffer.byteLength(json) + 1, textBytes)
}
