/** What people may have written into our tables by SQL, where the types of the columns allow more than makes sense. */

const earliest = Date.parse('0001-01-01T00:00:00Z')
const latest = Date.UTC(10_000, 0, 1)

/** A time within the years 1 to 9999; infinity, and times that JavaScript does not have, come as something else. */
export function isInstant(value: unknown): value is Date {
  return value instanceof Date && value.getTime() >= earliest && value.getTime() < latest
}

/**
 * Text as both databases store it and give it back, for what quotes foreign text: without U+0000, which Postgres refuses,
 * and halves of characters, which come back as something else.
 */
export const storable = (text: string): string => text.replaceAll('\0', '\u2400').toWellFormed()
