/** Times as Iterable writes them, read by us: the machine's own zone has no part in it. */

/** The instant of a value: epoch milliseconds or a text, which is UTC where it names no zone; undefined for anything else. */
export function timeOf(value: unknown): Date | undefined {
  if (typeof value !== 'number' && typeof value !== 'string') return undefined
  const at = new Date(typeof value === 'number' ? value : inUtc(value.trim()))
  return Number.isNaN(at.getTime()) ? undefined : at
}

/** Seen too: a second fraction behind the first (`…T22:43:34.134105.000Z`). */
const inUtc = (text: string): string => {
  const plain = text.replace(/(\.\d+)\.\d+/, '$1')
  return /^\d{4}-\d\d-\d\d[ T][\d:.]+$/.test(plain) ? `${plain}Z` : plain
}
