/** What is told, in words and as JSON: about jobs and runs, never about the people on a list. Pure. */
import type { Happening } from '../state/schedules.ts'

export interface RowCounts {
  readonly read: number
  readonly written: number
  readonly rejected: number
}

/** The JSON document of a webhook; what an e-mail is written from. Times are ISO 8601. */
export interface Message {
  /** The same in every attempt to deliver it. */
  readonly id: string
  readonly event: Happening['event'] | 'test'
  readonly job: string
  readonly run_id: string | null
  readonly state: string | null
  readonly nominal_at: string | null
  readonly at: string
  readonly since: string | null
  readonly failures: number
  readonly rows: RowCounts | null
  readonly error: { readonly code: string; readonly text: string | null } | null
}

export function messageAbout(
  happening: Happening,
  {
    id,
    rows,
    hide,
  }: { readonly id: string; readonly rows: RowCounts | null; readonly hide: (text: string) => string },
): Message {
  const { event, job, runId, state, nominalAt, code, text, at, since, failures } = happening
  return {
    id,
    event,
    job: wellFormed(job),
    run_id: runId,
    state,
    nominal_at: nominalAt?.toISOString() ?? null,
    at: at.toISOString(),
    since: since?.toISOString() ?? null,
    failures,
    rows,
    error:
      code === null && text === null
        ? null
        : { code: code ?? event, text: text && wellFormed(withoutPeople(hide(text))) },
  }
}

const longestText = 1_000

/**
 * An error may quote rows and values of people. Lines that are indented quote rows; addresses, JSON and the values that
 * a database could not read are masked. The whole text is in the warehouse.
 */
export function withoutPeople(text: string): string {
  const masked = text
    .split('\n')
    .filter((line) => !/^\s/.test(line))
    .join('\n')
    .replace(/\{.*\}/gu, '{…}')
    .replace(/((?:syntax for type [\w ]+|\b(?:value|string))[^"'\n]{0,20}["'])[^"'\n]*(["'])/giu, '$1…$2')
    .replace(/[^\s"'<>(),;:=]+@[^\s"'<>(),;:=]+/gu, '[address]')
  return masked.length > longestText ? `${masked.slice(0, longestText)}…` : masked
}

/** What every form of a message says, in the order in which people read it. */
export interface Told {
  /** Without a full stop. */
  readonly headline: string
  readonly error: string | null
  readonly facts: readonly (readonly [name: string, value: string])[]
  /** What to do next, each a command. */
  readonly hints: readonly (readonly [why: string, command: string])[]
}

export function told(message: Message): Told {
  const { event, job, run_id, nominal_at, at, since, failures, rows, error } = message
  const isOver = event === 'recovery'
  return {
    headline: headlines[event](jobName(job), failures),
    error:
      error && (isOver ? `It had failed with: ${error.code}` : `${error.code}: ${error.text ?? ''}`.trim()),
    facts: [
      ...(rows
        ? [['Rows', `read ${rows.read}, written ${rows.written}, rejected ${rows.rejected}`] as const]
        : []),
      ...(nominal_at === null ? [] : [['Nominal time', readable(nominal_at)] as const]),
      ['Time', readable(at)],
      ...(since !== null && isOver ? [['It failed since', readable(since)] as const] : []),
    ],
    hints: [
      ...(run_id === null ? [] : [['Details', `iterable-elt runs ${run_id}`] as const]),
      ...(event === 'held' && run_id !== null
        ? [['To send it', `iterable-elt runs approve ${run_id}`] as const]
        : []),
      ...(event === 'paused'
        ? [['To go on', `iterable-elt schedule resume ${onOneLine(job)}`] as const]
        : []),
    ],
  }
}

/** Without halves of characters, which other programs refuse. */
const wellFormed = (text: string): string => Buffer.from(text).toString()

/** Subject and text of an e-mail. */
export function mailOf(message: Message): { readonly subject: string; readonly text: string } {
  const { headline, error, facts, hints } = told(message)
  const lines = [
    `${headline}.`,
    '',
    ...(error === null ? [] : [error, '']),
    ...facts.map(([name, value]) => `${name} ${value}`),
    '',
    ...hints.map(([why, command]) => `${why}: ${command}`),
  ]
  const { event, error: cause } = message
  return {
    subject: `[iterable-elt] ${headline}${event === 'failure' && cause ? ` (${cause.code})` : ''}`,
    text: `${lines.join('\n')}\n`,
  }
}

const headlines: Readonly<Record<Message['event'], (name: string, failures: number) => string>> = {
  success: (name) => `The ${name} succeeded`,
  failure: (name) => `The ${name} failed`,
  held: (name) => `The ${name} is held by a brake and waits for approval`,
  recovery: (name, failures) =>
    `The ${name} works again after ${failures} ${failures === 1 ? 'failure' : 'failures'}`,
  test: () => 'A test message: notifications arrive',
  paused: (name) => `The schedule of the ${name} is paused`,
}

const onOneLine = (text: string): string => text.replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ')

/** Somebody may have called a job anything: it stays on its line, and short. */
function jobName(job: string): string {
  const name = wellFormed(onOneLine(job).slice(0, 100))
  return name.startsWith('export:') ? `export ${name.slice(7)}` : name
}

const readable = (iso: string): string => iso.replace('T', ' ').replace(/\.\d+Z$/, 'Z')
