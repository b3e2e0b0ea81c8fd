/** What must hold of every run of a benchmark: numbers of a run that did something else are worth nothing. */
import type { Measured } from './process.ts'

/** @throws where runs that should have left the same table have not. */
export function requireEqualRows(what: string, runs: readonly Pick<Measured, 'rows'>[]): void {
  const counts = new Set(runs.map(({ rows }) => rows))
  if (counts.size === 1 && !counts.has(undefined) && !counts.has(0)) return
  throw new Error(
    `${what}: the runs left ${[...counts].join(', ')} rows, where all should have left the same`,
  )
}
