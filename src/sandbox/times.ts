/** Spellings of instants, as Iterable writes and reads them. */

const plain =
  /^(\d{4})-(\d{2})-(\d{2})(?:[ T](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d+))?)?)?(?:\.\d+)?\s*(Z|[+-]\d{2}:?\d{2})?$/

/** Epoch milliseconds, or undefined where the text is not a time. Without a zone it is read as UTC. */
export function readTime(text: unknown): number | undefined {
  if (typeof text !== 'string') return undefined
  const match = plain.exec(text.trim())
  if (!match) return undefined
  const [, year, month, day, hour = '00', minute = '00', second = '00', fraction = '', zone = 'Z'] = match
  const milliseconds = fraction.slice(0, 3).padEnd(3, '0')
  const offset = zone === 'Z' ? 'Z' : `${zone.slice(0, 3)}:${zone.slice(-2)}`
  const at = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}.${milliseconds}${offset}`)
  return Number.isNaN(at) ? undefined : at
}

const pad = (value: number) => (value < 10 ? `0${value}` : `${value}`)
const dayTexts = new Map<number, string>()
const dayMs = 86_400_000

/** `2026-02-03 10:11:12 +00:00` */
export function systemTime(at: number): string {
  const seconds = Math.floor((((at % dayMs) + dayMs) % dayMs) / 1000)
  const clock = `${pad(Math.floor(seconds / 3600))}:${pad(Math.floor(seconds / 60) % 60)}:${pad(seconds % 60)}`
  return `${dayText(at)} ${clock} +00:00`
}

/** `2026-02-03` */
export function dayText(at: number): string {
  const day = Math.floor(at / dayMs)
  let text = dayTexts.get(day)
  if (!text) {
    text = new Date(day * dayMs).toISOString().slice(0, 10)
    if (dayTexts.size > 4000) dayTexts.clear()
    dayTexts.set(day, text)
  }
  return text
}

/** A bound of a window: Date or text; undefined stays undefined. */
export function boundOf(value: Date | string | undefined): number | undefined {
  if (value === undefined) return undefined
  const at = value instanceof Date ? value.getTime() : (readTime(value) ?? Date.parse(value))
  if (Number.isNaN(at)) throw new TypeError(`not a time: ${String(value)}`)
  return at
}
