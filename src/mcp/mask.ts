/** Takes personal data out of what reports tell, by the eyes of a viewer of the operations page. */
import type { FailureCode } from '../errors.ts'
import { type Sight, sightOf } from '../ui/sight.ts'

/** A document as this configuration lets assistants see it. */
export function maskedDocument(document: unknown, seesPersons: boolean): unknown {
  const see = sightOf(seesPersons ? 'operator' : 'viewer')
  return see.isMasked ? masked(document, see.text, see) : document
}

/** What went wrong. Messages about the query itself quote only what was asked; others may quote a row. */
export function maskedMessage(message: string, code: FailureCode, seesPersons: boolean): string {
  const see = sightOf(seesPersons ? 'operator' : 'viewer')
  return isAboutTheQuestion(code) ? see.text(message) : see.reason(message)
}

const isAboutTheQuestion = (code: FailureCode): boolean =>
  code.startsWith('unknown_') || aboutTheQuestion.includes(code)

const aboutTheQuestion: readonly FailureCode[] = [
  'not_maskable',
  'not_a_select',
  'query_invalid',
  'query_failed',
  'config',
  'broken_export',
]

type MaskText = (text: string) => string

/** By the name of a member; all other texts lose their addresses. */
const masks = new Map<string, (see: Sight) => MaskText>([
  ...['identifier', 'person', 'examples'].map((name) => [name, (see: Sight) => see.person] as const),
  ...['before', 'after', 'row', 'raw'].map(
    (name) => [name, (see: Sight) => (text: string) => String(see.value(text))] as const,
  ),
  ...['error', 'error_text', 'reason', 'problem', 'answer'].map(
    (name) => [name, (see: Sight) => see.reason] as const,
  ),
])

/** Below one of these, numbers are values of a person, too. */
const isOfPerson = (name: string): boolean => ['before', 'after', 'row', 'raw'].includes(name)

function masked(value: unknown, mask: MaskText, see: Sight, hidesAll = false): unknown {
  if (typeof value === 'string') return mask(value)
  if (value instanceof Date || value === null) return value
  if (Array.isArray(value)) return value.map((one) => masked(one, mask, see, hidesAll))
  if (typeof value !== 'object') return hidesAll ? see.value(String(value)) : value
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => {
      if (hidesAll) return [name, masked(member, mask, see, true)]
      const own = masks.get(name)?.(see) ?? see.text
      return [name, masked(member, own, see, isOfPerson(name))]
    }),
  )
}
