/** Which streams each job of the worker syncs: the further syncs of `sync.jobs` those of their own, the job `sync` the rest. */
import { catalogue, type Stream, selectStreams } from '../catalog/index.ts'
import type { ConnectionConfig, SyncConfig } from '../config/schema.ts'
import { ConfigError } from '../errors.ts'

const prefix = 'sync:'

/** The job of a further sync, by its name in `sync.jobs`. */
export const furtherJob = (name: string): string => `${prefix}${name}`

/** True for `sync` and for the further syncs. */
export const isSyncJob = (job: string): boolean => job === 'sync' || job.startsWith(prefix)

/**
 * The configuration of the sync as a job has it; as it is, where no job asks.
 * @throws ConfigError for a job that the configuration does not name, or whose streams it cannot find.
 */
export function configOfJob(
  config: SyncConfig,
  { project_type }: Pick<ConnectionConfig, 'project_type'>,
  job: string | undefined,
): SyncConfig {
  if (job === undefined) return config
  const known = catalogue(project_type)
  if (job === 'sync') return { ...config, streams: [...config.streams, ...leftToOthers(config, known)] }
  const further = config.jobs[job.slice(prefix.length)]
  if (!further) throw new ConfigError(`sync.jobs has no ${job.slice(prefix.length)}`, { code: 'unknown_job' })
  return { ...config, streams: further.streams }
}

const leftToOthers = ({ jobs }: SyncConfig, known: readonly Stream[]): readonly string[] =>
  Object.values(jobs).flatMap(({ streams }) => selectStreams(known, streams).map(({ name }) => `!${name}`))
