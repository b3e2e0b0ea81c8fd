/** Whether what is to run can: the streams and the schedule of the sync, saved exports, schedules that rows define. */
import { catalogue, selectStreams } from '../catalog/index.ts'
import { connectionOf } from '../config/connections.ts'
import type { Config, ScheduleConfig } from '../config/schema.ts'
import { codeOf, type FailureCode, messageOf } from '../errors.ts'
import type { ExportFault, Inspection } from '../export/definition/inspect.ts'
import { suggestion } from '../nearest.ts'
import { maintenanceJob } from '../report/maintain.ts'
import { readState } from '../report/read.ts'
import { parseCron } from '../schedule/cron/expression.ts'
import { readSchedule } from '../schedule/definition.ts'
import { type ExportRow, readExports } from '../state/exports.ts'
import { readSchedules, type ScheduleRow } from '../state/schedules.ts'
import type { Warehouse } from '../warehouse/session.ts'
import { type CheckItem, failed, ok, warning, whatAndCure } from './item.ts'

/** Something that keeps a job from running. */
export interface JobFault {
  /** `sync` or `export:NAME`. */
  readonly job: string
  readonly about: 'streams' | 'exports' | 'schedules'
  readonly code: FailureCode
  readonly message: string
}

export interface JobsReport {
  readonly faults: readonly JobFault[]
  /** What could not be looked at, and why. */
  readonly unknown: readonly string[]
  /** How many were looked at. */
  readonly streams: number
  readonly exports: number
  readonly schedules: number
}

/** Looks at saved exports; `hasTables` is false before the first sync. */
export type InspectExports = (
  rows: readonly ExportRow[],
  options: { readonly hasTables: boolean; readonly signal?: AbortSignal | undefined },
) => Promise<Inspection>

export interface JobsCheck {
  readonly config: Config
  readonly warehouse: Warehouse
  readonly inspectExports: InspectExports
  readonly signal?: AbortSignal | undefined
  /** False where it is known already that the warehouse cannot be read. */
  readonly isReadable?: boolean | undefined
}

/** Compiles, resolves and reads everything that would run; runs, sends and writes nothing. */
export async function inspectJobs(check: JobsCheck): Promise<JobsReport> {
  const { config, signal, isReadable = true } = check
  const state = isReadable ? await readDefinitions(check) : undefined
  const inspection = await check.inspectExports(state?.exports ?? [], {
    hasTables: state?.hasTables ?? false,
    signal,
  })
  const streams = lookAtStreams(config)
  const written: (readonly [job: string, where: string, schedule: ScheduleConfig])[] = [
    ...(config.sync.schedule ? [['sync', 'sync.schedule', config.sync.schedule] as const] : []),
    ...Object.entries(config.sync.jobs).map(
      ([name, { schedule }]) => [`sync:${name}`, `sync.jobs.${name}.schedule`, schedule] as const,
    ),
    ...(check.warehouse.upkeep.maintain
      ? [[maintenanceJob, 'lake.maintenance.schedule', config.lake.maintenance.schedule] as const]
      : []),
    ...inspection.exports.flatMap(({ name, definition }) => {
      const schedule = definition?.settings.schedule
      return schedule ? [[`export:${name}`, `export "${name}"`, schedule] as const] : []
    }),
  ]
  const inserted = (state?.schedules ?? []).filter(({ defined_in }) => defined_in === 'sql')
  const jobs = [
    'sync',
    ...Object.keys(config.sync.jobs).map((name) => `sync:${name}`),
    ...(check.warehouse.upkeep.maintain ? [maintenanceJob] : []),
    ...inspection.exports.map(({ name }) => `export:${name}`),
  ]
  return {
    faults: [
      ...streams.faults,
      ...inspection.faults.map(jobFault),
      ...written.flatMap(([job, where, { cron, dialect }]) =>
        scheduleFault(job, () => parseCron(cron, dialect), where),
      ),
      ...inserted.flatMap((row) => insertedFault(row, jobs)),
    ],
    unknown: inspection.unknown,
    streams: streams.count,
    exports: inspection.exports.length,
    schedules: written.length + inserted.length,
  }
}

/** What the check says of jobs, one item each; each fault is an item. */
export function jobItems({ faults, unknown, streams, exports, schedules }: JobsReport): CheckItem[] {
  const wrong = (about: JobFault['about']) => faults.filter((fault) => fault.about === about)
  const items: CheckItem[] = faults.map((fault) =>
    (isExample(fault) ? warning : failed)(fault.about, ...messageAndCure(fault)),
  )
  if (wrong('streams').length === 0) items.push(ok('streams', `sync.streams selects ${streams} streams`))
  if (wrong('exports').length === 0) {
    const what = exports === 0 ? 'no export is saved' : `${exports} saved, and each can be planned`
    items.push(ok('exports', [what, ...unknown].join('; ')))
  } else {
    for (const message of unknown) items.push(warning('exports', message, 'check again then'))
  }
  if (wrong('schedules').length === 0) {
    const what = schedules === 0 ? 'nothing runs by itself' : `${schedules} can be read`
    items.push(ok('schedules', what))
  }
  return items
}

/** The export that `init` writes names a list that only its reader can know. */
const isExample = ({ job, code }: JobFault): boolean => job === 'export:example' && code === 'unknown_list'

function messageAndCure({ job, about, message }: JobFault): [message: string, cure: string] {
  const [what, own] = whatAndCure(message)
  const cures = {
    streams: 'correct "sync.streams"; "iterable-elt streams" lists all names',
    exports: `correct it, then try "iterable-elt export ${job.replace(/^export:/, '')} --dry-run"`,
    schedules: 'correct it; "iterable-elt schedule explain" shows what an expression means',
  }
  return [what, own ?? cures[about]]
}

const jobFault = ({ export: name, code, message }: ExportFault): JobFault => ({
  job: `export:${name}`,
  about: 'exports',
  code,
  message,
})

function lookAtStreams(config: Config): { readonly faults: readonly JobFault[]; readonly count: number } {
  const faults: JobFault[] = []
  const attempt = <T>(work: () => T, further?: string): T | undefined => {
    try {
      return work()
    } catch (error) {
      const job = further === undefined ? 'sync' : `sync:${further}`
      const where = further === undefined ? '' : `sync.jobs.${further}.streams: `
      faults.push({ job, about: 'streams', code: 'unknown_stream', message: where + messageOf(error) })
      return undefined
    }
  }
  const names = Object.keys(config.connections)
  // Without one there is nothing to choose streams for, and the check says so elsewhere.
  if (names.length === 0) return { faults, count: 0 }
  const connection = attempt(() => connectionOf(config, config.sync.connection, 'sync.connection'))
  if (!connection) return { faults, count: 0 }
  const known = catalogue(connection.project_type)
  for (const pattern of config.sync.streams) attempt(() => selectStreams(known, [pattern]))
  for (const [name, { streams }] of Object.entries(config.sync.jobs)) {
    for (const pattern of streams) attempt(() => selectStreams(known, [pattern]), name)
  }
  if (faults.length > 0) return { faults, count: 0 }
  return { faults, count: selectStreams(known, config.sync.streams).length }
}

function scheduleFault(job: string, read: () => unknown, where?: string): JobFault[] {
  try {
    read()
    return []
  } catch (error) {
    const message = where === undefined ? messageOf(error) : `${where}: ${messageOf(error)}`
    return [{ job, about: 'schedules', code: codeOf(error), message }]
  }
}

function insertedFault(row: ScheduleRow, jobs: readonly string[]): JobFault[] {
  const { name } = row
  if (jobs.includes(name)) return scheduleFault(name, () => readSchedule(row), `schedule "${name}"`)
  const message = `schedule "${name}": there is no such job${suggestion(name, jobs)}`
  return [{ job: name, about: 'schedules', code: 'unknown_job', message }]
}

/** What rows define, and whether a stream was ever synced; undefined where there is no warehouse yet. */
const readDefinitions = ({ warehouse, config, signal }: JobsCheck) =>
  readState(
    { warehouse, config },
    async ({ db, names }, tables) => ({
      hasTables: [...tables].some((table) => table.startsWith(`${names.streams}.`)),
      // A warehouse of an older version lacks some.
      exports: tables.has(`${names.sync}.exports`) ? await readExports(db) : [],
      schedules: tables.has(`${names.sync}.schedules`) ? await readSchedules(db) : [],
    }),
    { signal },
  )
