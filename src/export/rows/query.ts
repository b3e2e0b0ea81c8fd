/** The query of an export: one SELECT that may ask for the times of its runs. */
import { instant } from '../../warehouse/sql.ts'
import { readStatement, type Statement } from '../../warehouse/statement.ts'

/** Instants that a query may ask for as `$name`; null where there was no such run. */
export interface QueryTimes {
  readonly nominal_time: Date
  readonly previous_nominal_time: Date | null
  readonly last_success_time: Date | null
}

/** True for the text of a query that may want the times of runs before. */
export const asksForEarlierRuns = (query: string): boolean =>
  /\$(previous_nominal_time|last_success_time)/.test(query)

/** The query with its times put in. @throws ConfigError `not_a_select`, or for a parameter that does not exist. */
export const prepareQuery = (text: string, times: QueryTimes): Statement =>
  readStatement(text, {
    parameters: new Map(
      Object.entries(times).map(([name, at]: [string, Date | null]) => [
        name,
        at === null ? 'cast(null as timestamptz)' : `(${instant(at)})`,
      ]),
    ),
  })
