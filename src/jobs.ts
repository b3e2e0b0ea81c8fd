/** Syncs, exports and the upkeep of a lake as jobs of schedules: who runs them, what their ends mean, and who is told. */
import type { JobFault } from './check/jobs.ts'
import type { Config } from './config/schema.ts'
import { loadExports } from './export/definition/saved.ts'
import type { Exporter } from './export/exporter.ts'
import type { Clock } from './iterable/clock.ts'
import { deliverMessages, type NotifyContext, recordHappening } from './notify/outbox.ts'
import { type MaintainRequest, maintenanceJob } from './report/maintain.ts'
import { kindOfAll } from './schedule/failures.ts'
import type { JobDefinition, JobResult, Jobs, RunContext } from './schedule/job.ts'
import { createScheduler, type Scheduler, type WorkerRequest } from './schedule/scheduler.ts'
import { databaseTime } from './state/schedules.ts'
import type { SyncReport } from './sync/progress.ts'
import type { SyncRequest } from './sync/request.ts'
import { furtherJob, isSyncJob } from './sync/shares.ts'
import { isDuckdb } from './warehouse/open.ts'
import type { Warehouse } from './warehouse/session.ts'

/** What jobs are made of. */
interface Work extends Exporter {
  sync(request: SyncRequest): Promise<SyncReport>
  maintain(request: MaintainRequest): Promise<unknown>
}

interface SchedulerInput {
  readonly config: Config
  readonly warehouse: Warehouse
  readonly notify: NotifyContext
  readonly clock: Clock
}

/** What keeps a job from running, in lines; null where nothing does. */
export const jobFaultLines = (job: string, faults: readonly JobFault[]): string | null =>
  faults
    .filter((fault) => fault.job === job)
    .map(({ message }) => message)
    .join('\n') || null

/** A worker that names, when it begins, what will not run; everything else does. */
export async function workerThatLooks(
  scheduler: Scheduler,
  request: WorkerRequest,
  jobFaults: (signal?: AbortSignal) => Promise<readonly JobFault[]>,
): Promise<void> {
  let looking: Promise<void> | undefined
  const look = async () => {
    for (const { message } of await jobFaults(request.signal)) {
      request.onEvent?.({ type: 'notice', message: `will not run: ${message}` })
    }
  }
  await scheduler.worker({
    ...request,
    onEvent(event) {
      request.onEvent?.(event)
      // Whoever cannot look works all the same.
      if (event.type === 'ready') looking ??= look().catch(() => {})
    },
  })
  await looking
}

/** Syncs and exports as jobs of schedules, and who is told about them. */
export function schedulerOf(work: Work, { config, warehouse, notify, clock }: SchedulerInput): Scheduler {
  const definitions = new Map<string, JobDefinition>()
  const jobs: Jobs = {
    async definitions() {
      const saved = await loadExports(warehouse, config.exports.directory, {
        now: clock.now(),
        notifications: config.notifications,
      })
      definitions.clear()
      definitions.set('sync', { job: 'sync', schedule: config.sync.schedule, definedIn: 'config' })
      for (const [name, { schedule }] of Object.entries(config.sync.jobs)) {
        const job = furtherJob(name)
        definitions.set(job, { job, schedule, definedIn: 'config' })
      }
      if (warehouse.upkeep.maintain) {
        const { schedule } = config.lake.maintenance
        definitions.set(maintenanceJob, { job: maintenanceJob, schedule, definedIn: 'config' })
      }
      for (const { name, definedIn, definition } of saved) {
        const { schedule, notify } = definition?.settings ?? {}
        definitions.set(`export:${name}`, {
          job: `export:${name}`,
          schedule,
          notify,
          definedIn: definedIn === 'file' ? 'file' : 'exports',
          isUnreadable: definition === undefined,
        })
      }
      return [...definitions.values()]
    },
    run: (run) => runJob(work, run),
  }
  return createScheduler({
    warehouse,
    jobs,
    concurrency: config.worker.concurrency,
    disableAfterFailures: config.worker.disable_after_failures,
    isSingle: isDuckdb(config.warehouse),
    announce: (db, happening) =>
      recordHappening(db, happening, definitions.get(happening.job)?.notify, notify),
    deliver: () => deliverMessages({ ...notify, warehouse, time: databaseTime }),
    sleep: clock.sleep,
  })
}

/** Runs a job as its schedule asks for it. */
async function runJob(
  work: Work,
  { job, runId, trigger, nominalAt, previousNominalAt, signal, stopping }: RunContext,
): Promise<JobResult> {
  if (isSyncJob(job)) {
    const { state, streams } = await work.sync({ job, runId, trigger, signal, stopping })
    const failed = streams.filter((stream) => stream.state === 'failed')
    return {
      state,
      kind: kindOfAll(failed.map(({ error_kind }) => error_kind)),
      error: failed[0] && {
        code: failed[0].error_code ?? 'failed',
        text: failed.map(({ stream, error }) => `${stream}: ${error}`).join('\n'),
      },
    }
  }
  if (job === maintenanceJob) {
    await work.maintain({ runId, trigger, signal: AbortSignal.any([signal, stopping]) })
    return { state: 'succeeded', kind: 'run' }
  }
  const { state, error, error_code, error_kind } = await work.export(job.replace(/^export:/, ''), {
    runId,
    trigger,
    // It finishes the batch on its way either way.
    signal: AbortSignal.any([signal, stopping]),
    ...(nominalAt && { nominalAt }),
    ...(previousNominalAt && { previousNominalAt }),
  })
  return {
    state,
    kind: error_kind ?? 'run',
    error: error === null ? undefined : { code: error_code ?? 'failed', text: error },
  }
}
