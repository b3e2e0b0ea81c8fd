/**
 * A process that kills itself as a power cut would, at a named step of a commit: for what no clock outside of it can hit.
 * A commit of a lake spans two databases, and the steps are their statements.
 */
import { DuckDBConnection } from '@duckdb/node-api'
import pg from 'pg'

/** The statements of a window's transaction on a lake, in their order. */
export const lakeSteps = ['delete', 'rows', 'bookmark', 'lake commit', 'postgres commit'] as const
export type LakeStep = (typeof lakeSteps)[number]

export interface Death {
  readonly step: LakeStep
  /** Before the statement is sent, while it is carried out, or when its answer is there. */
  readonly when: 'before' | 'during' | 'after'
  /** The how-manieth of its kind, from 1 on. */
  readonly nth: number
  /** How far into it, for `during`. */
  readonly afterMs: number
}

/** Makes this process die at that step of its work. */
export function dieAt(death: Death): void {
  const seen = new Set<object>()
  let met = 0
  const isIt = (step: LakeStep | undefined): boolean => {
    if (step !== death.step) return false
    met += 1
    return met === death.nth
  }
  const { run } = DuckDBConnection.prototype
  DuckDBConnection.prototype.run = function (this: DuckDBConnection, ...given: Parameters<typeof run>) {
    const isNow = isIt(stepOfLake(seen, this, given[0]))
    return dying(death, isNow, () => run.apply(this, given))
  }
  const query = pg.Client.prototype.query as (...given: unknown[]) => Promise<unknown>
  pg.Client.prototype.query = function (this: pg.Client, ...given: unknown[]) {
    const [asked] = given
    const text = typeof asked === 'string' ? asked : (asked as { readonly text?: string }).text
    const isNow = isIt(stepOfPostgres(seen, this, text ?? ''))
    return dying(death, isNow, () => query.apply(this, given))
  } as typeof pg.Client.prototype.query
}

/** Commits count where the transaction had rows, or a bookmark. */
function stepOfLake(seen: Set<object>, connection: object, text: string): LakeStep | undefined {
  if (/^\s*delete from "iterable"\./.test(text)) return 'delete'
  if (text === 'commit') return seen.delete(connection) ? 'lake commit' : undefined
  if (!/^\s*insert into "iterable"\./.test(text)) return undefined
  seen.add(connection)
  return 'rows'
}

function stepOfPostgres(seen: Set<object>, client: object, text: string): LakeStep | undefined {
  if (text === 'commit') return seen.delete(client) ? 'postgres commit' : undefined
  if (!/^\s*insert into "iterable_sync"\."bookmarks"/.test(text)) return undefined
  seen.add(client)
  return 'bookmark'
}

function dying<T>({ when, afterMs }: Death, isNow: boolean, work: () => Promise<T>): Promise<T> {
  if (!isNow) return work()
  if (when === 'before') die()
  const result = work()
  if (when === 'during') setTimeout(die, afterMs)
  return when === 'after' ? result.then(die, die) : result
}

function die(): never {
  process.kill(process.pid, 'SIGKILL')
  // Nothing goes on until it is dead.
  for (;;);
}
