/** Months of UTC: the pieces in which tables of events are kept, dropped and carried about. */
import type { Span } from './shape.ts'

/** The first instant of the month of `at`, or of one so many months later. */
export const monthOf = (at: Date, later: number): Date =>
  new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + later))

/** The months that a span touches. */
export function monthsIn({ from, to }: Span): readonly Date[] {
  const months: Date[] = []
  for (let month = monthOf(from, 0); month < to; month = monthOf(month, 1)) months.push(month)
  return months
}
