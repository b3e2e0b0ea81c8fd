/** The views for analysts, as `views` and `status` tell of them. */
import { describeViews, type ViewStatus, viewSql } from '../marts/describe.ts'
import { type ReportSource, readState } from './read.ts'

export type { ViewStatus } from '../marts/describe.ts'

/** All views, also those that were never made. */
export async function readViews(source: ReportSource): Promise<readonly ViewStatus[]> {
  const { marts } = source.config
  return (
    (await readState(source, (session) => describeViews(session, marts))) ??
    (await describeViews(undefined, marts))
  )
}

/** The select of a view. @throws ConfigError `unknown_view` */
export async function readViewSql(source: ReportSource, name: string): Promise<string> {
  const {
    warehouse,
    config: { marts },
  } = source
  return (
    (await readState(source, (session) => viewSql(name, warehouse, session, marts))) ??
    (await viewSql(name, warehouse, undefined, marts))
  )
}
