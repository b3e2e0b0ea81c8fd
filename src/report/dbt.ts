/** What the warehouse holds, as a project of dbt. */
import { catalogue } from '../catalog/index.ts'
import { UserError } from '../errors.ts'
import { type DbtProject, dbtProject } from '../marts/dbt.ts'
import { type ReportSource, readState } from './read.ts'

export type { DbtProject } from '../marts/dbt.ts'

/** @throws UserError `no_marts` where nothing was ever synced: there is nothing to declare. */
export async function readDbtProject(source: ReportSource): Promise<DbtProject> {
  const { connections, sync, marts } = source.config
  const streams = catalogue(connections[sync.connection ?? '']?.project_type ?? 'email')
  const project = await readState(source, (session) => dbtProject(session, streams, marts))
  if (project) return project
  throw new UserError('no_marts', 'nothing has been synced into this warehouse yet: "sync" begins')
}
