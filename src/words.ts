/** Numbers, times and texts as people read them, on the terminal and on a page. */

/** 1234567 → `1,234,567`; nothing for null. */
export const count = (value: number | null): string => (value === null ? '–' : value.toLocaleString('en-US'))

/** `1 row`, `2 rows`. */
export const counted = (value: number, noun: string): string =>
  `${count(value)} ${noun}${value === 1 ? '' : 's'}`

/** 1536000 → `1.5 MB`. */
export function size(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let value = bytes
  let unit = 0
  for (; value >= 1000 && unit < units.length - 1; unit += 1) value /= 1000
  return `${value < 10 && unit > 0 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`
}

/** 93 → `1 min 33 s`. */
export function seconds(total: number): string {
  const whole = Math.round(total)
  if (whole < 1 && total > 0) return `${total.toFixed(1)} s`
  if (whole < 60) return `${whole} s`
  const [days, hours, minutes] = [whole / 86_400, (whole / 3600) % 24, (whole / 60) % 60].map(Math.floor) as [
    number,
    number,
    number,
  ]
  if (days > 0) return `${days} d ${hours} h`
  return hours > 0 ? `${hours} h ${minutes} min` : `${minutes} min ${whole % 60} s`
}

/** `2026-02-01 12:00:05Z`; nothing for null. */
export const time = (iso: string | null): string =>
  iso === null ? '–' : iso.replace('T', ' ').replace(/\.\d+Z$/, 'Z')

/** How long ago, seen from `now`. */
export const age = (iso: string | null, now: Date): string =>
  iso === null ? '–' : `${seconds(Math.max(0, (now.getTime() - Date.parse(iso)) / 1000))} ago`

/** What an address may be a part of; found in one pass, however long it is. */
const word = /[^\s"'<>,;:()[\]{}]+/gu

/** A text with every e-mail address in it replaced. */
export const withoutAddresses = (
  text: string,
  replaced: (address: string) => string = () => '•••@•••',
): string => text.replace(word, (one) => (one.split('@').filter(Boolean).length > 1 ? replaced(one) : one))

/** A text in one line, cut to a width. */
export const oneLine = (text: string, width = 100): string => cut(text.replace(/\s+/g, ' ').trim(), width)

/** A line, cut to a width. */
export const cut = (line: string, width: number): string =>
  line.length > width ? `${line.slice(0, width - 1)}…` : line
