/** A plan as text: who it is about, field by field. */
import type { PlanView } from '../index.ts'
import type { Terminal } from './terminal.ts'
import { count, cutToWidth, oneLine, table } from './text.ts'

/** The people of the samples, the fields of all, what was rejected, and what is special about the fields. */
export function sayPlanView(
  terminal: Terminal,
  { changes, field_counts, rejects, fields }: PlanView,
  width = terminal.width,
): void {
  if (changes.length > 0) {
    const rows = changes.map(({ action, identifier, field, before, after, mark }) => [
      ...[action, identifier, field === null ? '' : mark === 'new' ? `${field} (new)` : field],
      ...[shown(before), shown(after)],
    ])
    terminal.say(`\n${table(head, fitted(rows, width))}`)
  }
  if (field_counts.length > 0) {
    const rows = field_counts.map(({ field, people, mark, column }) => [
      ...[column === null ? field : `${column} → ${field}`, count(people)],
      mark === 'new' ? 'new: Iterable would create it' : '',
    ])
    terminal.say(`\n${table(['field', 'people', ''], rows, 'lrl')}`)
  }
  if (rejects.length > 0) {
    const rows = rejects.map(({ code, reason, rows }) => [code, oneLine(reason, 90), count(rows)])
    terminal.say(`\n${table(['rejected', 'reason', 'rows'], rows, 'llr')}`)
  }
  for (const { field, declared, sent } of fields.conflicts) {
    terminal.say(`${field} is ${declared} in Iterable, the query sends ${sent}`)
  }
  if (!fields.known) {
    terminal.say("the project's fields are not known: nobody can say which of them are new")
  }
}

const head = ['', 'person', 'field', 'before', 'after'] as const
const gap = 2
/** Values get no narrower than this, however long the names before them are. */
const leastWidth = 12

/** Values are whole as far as both fit into the width; else the longer of the two gives way. */
function fitted(rows: readonly (readonly string[])[], width: number): readonly (readonly string[])[] {
  const widest = (column: number) => Math.max(...[head, ...rows].map((row) => row[column]?.length ?? 0))
  const room = width - [0, 1, 2].reduce((sum, column) => sum + widest(column) + gap, 0) - gap
  const [before, after] = [widest(3), widest(4)]
  const half = Math.floor(room / 2)
  const forBefore = Math.max(leastWidth, Math.min(before, Math.max(half, room - after)))
  const forAfter = Math.max(leastWidth, room - Math.min(before, forBefore))
  return rows.map((row) => [
    ...row.slice(0, 3),
    cutToWidth(row[3] as string, forBefore),
    cutToWidth(row[4] as string, forAfter),
  ])
}

const shown = (value: unknown): string =>
  value === null ? '–' : typeof value === 'string' ? plain(value) : JSON.stringify(value)

/** Text as it is, where it can be told from a number and is one line. */
const plain = (text: string): string => (/^[\p{L}][^\p{Cc}]*$/u.test(text) ? text : JSON.stringify(text))
