/** What was asked and what was written. */
import type { LoggedRequest, LoggedWrite } from './options.ts'

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

export interface Log {
  readonly requests: LoggedRequest[]
  readonly writes: LoggedWrite[]
  /** The entry is live: status and fault are filled in later. */
  open(entry: Omit<LoggedRequest, 'number' | 'status'>): Mutable<LoggedRequest>
  wrote(entry: Omit<LoggedWrite, 'answered'>): Mutable<LoggedWrite>
  counts(): Record<string, number>
}

// Bodies are large; the latest ones are enough for any test.
const bodiesKept = 1000

export function makeLog(size: number): Log {
  const requests: Mutable<LoggedRequest>[] = []
  const writes: Mutable<LoggedWrite>[] = []
  const withBody: Mutable<LoggedRequest>[] = []
  const counts: Record<string, number> = { total: 0 }
  return {
    requests,
    writes,
    open: (entry) => {
      const number = counts.total! + 1
      counts.total = number
      const name = `${entry.method} ${entry.path.replace(/\/\d+(?=\/|$)/g, '/{id}')}`
      counts[name] = (counts[name] ?? 0) + 1
      const logged = { number, status: 0, ...entry }
      requests.push(logged)
      if (requests.length > size) requests.shift()
      if (logged.body !== undefined && withBody.push(logged) > bodiesKept) delete withBody.shift()?.body
      return logged
    },
    wrote: (entry) => {
      const logged = { ...entry, answered: false }
      writes.push(logged)
      return logged
    },
    counts: () => ({ ...counts }),
  }
}
