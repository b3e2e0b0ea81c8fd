/** Short words of `sql/views` for what would be written again and again: `{{rate(clicked, delivered)}}`. */
import type { Analysis } from '../warehouse/analysis.ts'
import { tellersOf } from './tellers.ts'

/** What a macro is written for. */
export interface MacroPlace {
  readonly analysis: Analysis
  /** A whole number that is the same for the same text. */
  readonly hash: (text: string) => string
  /** The schema of the views. */
  readonly schema: string
  /** Literal of the time zone whose days are meant. */
  readonly zone: string
}

type Macro = (place: MacroPlace, ...args: readonly string[]) => string

/** The large mailbox providers: domains of theirs, and what their other domains begin with. */
const providers: readonly (readonly [
  name: string,
  domains: readonly string[],
  beginnings: readonly string[],
])[] = [
  ['Gmail', ['gmail.com', 'googlemail.com'], []],
  ['Microsoft', [], ['outlook.', 'hotmail.', 'live.', 'msn.']],
  ['Yahoo', [], ['yahoo.', 'ymail.', 'aol.', 'rocketmail.']],
  ['Apple', ['icloud.com', 'me.com', 'mac.com'], []],
  ['GMX/Web.de', ['web.de'], ['gmx.']],
]

const macros: ReadonlyMap<string, Macro> = new Map<string, Macro>([
  /** A fraction; NULL where the denominator is 0. */
  ['rate', (_, part, whole) => `(cast(${part} as double precision) / nullif(${whole}, 0))`],
  /** True where a replicated stream tells of the opens (clicks, bounces …) of a medium, and where there is no medium. */
  [
    'told',
    (_, medium, what) => {
      const cases = tellersOf(what as string).map(([one, stream]) => `when '${one}' then {{has.${stream}}}`)
      return `case ${medium} ${cases.join(' ')} else ${medium} is null end`
    },
  ],
  /** The day of an instant (that of UTC, in the views), whatever the time zone of who asks. */
  ['day', ({ analysis, zone }, instant) => analysis.day(instant as string, zone)],
  /** Who it is, by the best of three identifiers. */
  ['person', (_, row) => `coalesce(${row}.itbl_user_id, ${row}.user_id, lower(${row}.email))`],
  /** Seconds from one instant to another. */
  ['seconds', (_, from, to) => `cast(extract(epoch from (${to}) - (${from})) as double precision)`],
  /** The elements of a json array: `lateral {{elements(u.ids)}} as element`. */
  ['elements', ({ analysis }, json) => analysis.elements(json as string)],
  /** The same of an array of objects, whose members `{{member(value, name)}}` takes out. */
  ['objects', ({ analysis }, json) => analysis.objects(json as string)],
  ['member', ({ analysis }, json, name) => analysis.member(json as string, name as string)],
  /** The same as a number; NULL where it is none. */
  [
    'member_number',
    ({ analysis, schema }, json, name) =>
      analysis.narrow(analysis.member(json as string, name as string), 'text', 'double', schema),
  ],
  /** Of 64 bits. */
  ['hash', ({ hash }, text) => hash(text as string)],
  /** In lower-case hexadecimal digits. */
  ['sha256', ({ analysis }, text) => analysis.sha256(text as string)],
  /** A row for each day, in the list of a select. */
  ['days', ({ analysis }, first, last) => analysis.days(first as string, last as string)],
  /**
   * The two-sided p value of a z, by the formula 26.2.17 of Abramowitz and Stegun (off by 1.5e-7 at most): not every
   * Postgres has erf. Beyond 37 the exponential is too small for some servers, and the p value 0 in any case.
   */
  [
    'two_sided_p',
    (_, z) => {
      const size = `least(abs(${z}), 37)`
      const t = `(1 / (1 + 0.2316419 * ${size}))`
      const series = `${t} * (0.31938153 + ${t} * (-0.356563782 + ${t} * (1.781477937 + ${t} * (-1.821255978 + ${t} * 1.330274429))))`
      return `case when ${z} is not null then 2 * 0.3989422804014327 * exp(-${size} * ${size} / 2) * ${series} end`
    },
  ],
  /** The mailbox provider of a domain, which Postgres works out anew wherever it is named: whole domains name it once. */
  [
    'provider',
    (_, domain) => {
      const whole = providers.flatMap(([name, domains]) =>
        domains.map((one) => `when '${one}' then '${name}'`),
      )
      const others = providers.flatMap(([name, , beginnings]) =>
        beginnings.map((one) => `when ${domain} like '${one}%' then '${name}'`),
      )
      return `case ${domain} ${whole.join(' ')} else case ${others.join(' ')} when ${domain} is not null then 'other' end end`
    },
  ],
])

/** Replaces the macros of a text. @throws Error for one that does not exist. */
export const expandMacros = (text: string, place: MacroPlace): string =>
  text.replaceAll(/\{\{(\w+)\((.*?)\)\}\}/g, (_, name: string, args: string) => {
    const macro = macros.get(name)
    if (!macro) throw new Error(`sql/views knows no macro ${name}`)
    return macro(place, ...argumentsOf(args))
  })

/** Commas within brackets separate nothing. */
function argumentsOf(text: string): readonly string[] {
  const parts = ['']
  let depth = 0
  for (const character of text) {
    if (character === '(') depth += 1
    if (character === ')') depth -= 1
    if (character === ',' && depth === 0) parts.push('')
    else parts[parts.length - 1] += character
  }
  return parts.map((part) => part.trim())
}
