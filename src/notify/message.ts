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
  readonly event: Happening['event']
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

export function messageOf(
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
    job,
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
        : { code: code ?? event, text: text && withoutPeople(hide(text)) },
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

/** Subject and text of an e-mail. */
export function mailOf(message: Message): { readonly subject: string; readonly text: string } {
  const { event, job, run_id, nominal_at, at, since, failures, rows, error } = message
  const name = jobName(job)
  const headline = headlines[event](name, failures)
  const lines = [
    `${headline}.`,
    '',
    error && event !== 'recovery' && `${error.code}: ${error.text ?? ''}`.trim(),
    error && event === 'recovery' && `It had failed with: ${error.code}`,
    error && '',
    rows && `Rows read ${rows.read}, written ${rows.written}, rejected ${rows.rejected}`,
    nominal_at && `Nominal time ${readable(nominal_at)}`,
    `Time ${readable(at)}`,
    since && event === 'recovery' && `It failed since ${readable(since)}`,
    '',
    run_id && `Details: iterable-elt runs ${run_id}`,
    event === 'held' && run_id && `To send it: iterable-elt runs approve ${run_id}`,
    event === 'paused' && `To go on: iterable-elt schedule resume ${job}`,
  ]
  const text = lines.filter((line) => typeof line === 'string').join('\n')
  return {
    subject: `[iterable-elt] ${headline}${event === 'failure' && error ? ` (${error.code})` : ''}`,
    text: `${text}\n`,
  }
}

const headlines: Readonly<Record<Message['event'], (name: string, failures: number) => string>> = {
  success: (name) => `The ${name} succeeded`,
  failure: (name) => `The ${name} failed`,
  held: (name) => `The ${name} is held by a brake and waits for approval`,
  recovery: (name, failures) =>
    `The ${name} works again after ${failures} ${failures === 1 ? 'failure' : 'failures'}`,
  paused: (name) => `The schedule of the ${name} is paused`,
}

/** Somebody may have called a job anything: it stays on its line, and short. */
function jobName(job: string): string {
  const name = job.replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ').slice(0, 100)
  return name.startsWith('export:') ? `export ${name.slice(7)}` : name
}

const readable = (iso: string): string => iso.replace('T', ' ').replace(/\.\d+Z$/, 'Z')
