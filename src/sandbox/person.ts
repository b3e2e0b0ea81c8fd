/** What the project knows of one person. */
import type { Row } from './options.ts'
import type { Project } from './project.ts'
import { textLines } from './rows.ts'
import { parseRow } from './shelf.ts'

/** A person by one of their names; an e-mail address in lower case. */
export type PersonName = { readonly email: string } | { readonly userId: string }

/** Of a request; undefined where it names nobody. */
export function personOf(query: URLSearchParams): PersonName | undefined {
  const [email, userId] = [query.get('email')?.toLowerCase(), query.get('userId')]
  return email ? { email } : userId ? { userId } : undefined
}

/** Their events of a type, oldest first. */
export function eventsOf(project: Project, person: PersonName, dataType: string): Row[] {
  const [name, value] = Object.entries(person)[0] as [string, string]
  const rows: Row[] = []
  for (const piece of project.events(dataType).read(-Infinity, Infinity, { peek: true })) {
    for (const row of textLines(piece).map(parseRow)) if (row?.[name] === value) rows.push(row)
  }
  return rows
}
