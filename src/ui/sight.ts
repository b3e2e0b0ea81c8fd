/** What of personal data is shown: all of it to operators, as much as identifies nobody to viewers. */
import { withoutAddresses } from '../words.ts'
import type { Role } from './session.ts'

export interface Sight {
  readonly isMasked: boolean
  /** Of an e-mail address or userId. */
  person(identifier: string): string
  /** Of the value of a field. */
  value(text: string | null): string | null
  /** Of a sentence in which addresses may stand. */
  text(text: string): string
  /** Of a sentence about a person's row: whatever it quotes is theirs. */
  reason(text: string): string
}

const hidden = '•••'

export const sightOf = (role: Role): Sight => (role === 'operator' ? clear : masked)

const clear: Sight = {
  isMasked: false,
  person: (identifier) => identifier,
  value: (text) => text,
  text: (text) => text,
  reason: (text) => text,
}

const masked: Sight = {
  isMasked: true,
  person: maskedIdentifier,
  value: (text) => (text === null ? null : hidden),
  text: (text) => withoutAddresses(text, maskedIdentifier),
  reason: (text) =>
    withoutAddresses(
      text
        // A row as JSON, whole or cut.
        .replace(/\{[^\n]*/g, hidden)
        .replace(/"(?:\\.|[^"\\])*"/g, `"${hidden}"`),
      maskedIdentifier,
    ),
}

/** `jane@example.org` → `j•••@e•••`. */
function maskedIdentifier(identifier: string): string {
  const [name = '', domain] = identifier.split('@')
  const first = (text: string) => `${[...text][0] ?? ''}${hidden}`
  return domain === undefined ? first(name) : `${first(name)}@${first(domain)}`
}
