/** What runs told while they worked, kept for those who look at them later. */
import { cut, withoutAddresses } from '../words.ts'
import { storable } from './sound.ts'
import type { Db } from './tables.ts'

export interface LogLine {
  /** From 1 on, within the process that has told it; 0 for what every run begins with. */
  readonly line: number
  readonly at: Date
  readonly level: 'info' | 'warn'
  /** Null for what concerns all of them. */
  readonly stream: string | null
  readonly message: string
}

/** Of one run: whoever tells more than that tells nothing new. */
const mostLines = 1_000
const longestMessage = 500

/** The lines of a run that are not written yet. */
export class RunLog {
  readonly #now: () => Date
  readonly #clean: (text: string) => string
  #told = 0
  #unwritten: LogLine[] = []

  /** `clean` takes secrets out of a text. */
  constructor(now: () => Date, clean: (text: string) => string) {
    this.#now = now
    this.#clean = clean
  }

  get unwritten(): readonly LogLine[] {
    return this.#unwritten
  }

  say(level: LogLine['level'], message: string, stream: string | null = null): void {
    if (this.#told >= mostLines) return
    this.#told += 1
    const isLast = this.#told === mostLines
    const text = isLast ? 'further lines are left out' : message
    this.#unwritten.push(this.lineOf({ line: this.#told, at: this.#now(), level, stream, message: text }))
  }

  /** A line as it may be written; it counts as none of those that were told. */
  lineOf(line: LogLine): LogLine {
    const text = withoutAddresses(this.#clean(line.message))
    return { ...line, message: cut(storable(text), longestMessage) }
  }

  /** Hands out what is to be written now. */
  take(): readonly LogLine[] {
    const taken = this.#unwritten
    this.#unwritten = []
    return taken
  }

  /** Takes back what could not be written. */
  giveBack(lines: readonly LogLine[]): void {
    this.#unwritten.unshift(...lines)
  }
}

/**
 * A line 0 is written once: what began the run is told by whoever ends it, and others may have ended it before, unless it
 * `isFirst` of all to work on the run.
 */
export async function writeLog(
  db: Db,
  runId: string,
  lines: readonly LogLine[],
  { isFirst = false }: { readonly isFirst?: boolean } = {},
): Promise<void> {
  if (lines.length === 0) return
  const isBegun = !isFirst && lines.some(({ line }) => line === 0) && (await hasBegun(db, runId))
  const rows = lines
    .filter(({ line }) => line > 0 || !isBegun)
    .map(({ at, ...line }) => ({ run_id: runId, logged_at: at, ...line }))
  await db.insertInto('run_log').values(rows).execute()
}

const hasBegun = async (db: Db, runId: string): Promise<boolean> =>
  (await db
    .selectFrom('run_log')
    .select('line')
    .where('run_id', '=', runId)
    .where('line', '=', 0)
    .limit(1)
    .executeTakeFirst()) !== undefined

const keptMs = 90 * 86_400_000
const keptRows = 100_000

/** Removes what is older than 90 days, or than the latest 100,000 rows, of the log and of the steps. */
export async function forgetOldCourses(db: Db, now: Date): Promise<void> {
  const since = new Date(now.getTime() - keptMs)
  const steps = db.selectFrom('run_steps').select('ended_at').orderBy('ended_at', 'desc')
  await db
    .deleteFrom('run_steps')
    .where(({ or, eb }) =>
      or([eb('ended_at', '<=', since), eb('ended_at', '<=', steps.offset(keptRows).limit(1))]),
    )
    .execute()
  const lines = db.selectFrom('run_log').select('logged_at').orderBy('logged_at', 'desc')
  await db
    .deleteFrom('run_log')
    .where(({ or, eb }) =>
      or([eb('logged_at', '<=', since), eb('logged_at', '<=', lines.offset(keptRows).limit(1))]),
    )
    .execute()
}
