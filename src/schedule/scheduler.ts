/** Schedules and workers as the library offers them. */
import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { ConfigError, InterruptedError } from '../errors.ts'
import { enqueue } from '../state/queue.ts'
import {
  databaseTime,
  findSchedule,
  type Happening,
  readSchedules,
  type ScheduleRow,
} from '../state/schedules.ts'
import {
  readLiveWorkers,
  type ScheduleStatus,
  statusOf,
  type WorkerStatus,
} from '../state/schedules-status.ts'
import type { RunState } from '../state/tables/sync.ts'
import type { Db } from '../state/tables.ts'
import type { Warehouse } from '../warehouse/session.ts'
import { enqueueBackfill, jobNamed, pauseSchedule, resumeSchedule, timesToBackfill } from './control.ts'
import { Dispatcher, type DispatcherInput } from './dispatcher.ts'
import { serveHealth } from './health.ts'
import type { JobDefinition, Jobs } from './job.ts'
import { currentSchedules, registerSchedules } from './register.ts'
import { runWorker, type WorkerEvent } from './worker.ts'

export interface WorkerRequest {
  /** Stops the worker: it takes nothing new, and what is at work has `graceMs` to end. */
  readonly signal?: AbortSignal
  /** Runs at the same time; that of the configuration by default. */
  readonly concurrency?: number
  /** Serves `/healthz` and `/metrics` there. */
  readonly healthPort?: number
  /** On this address; that of loopback by default. */
  readonly healthHost?: string
  readonly graceMs?: number
  readonly onEvent?: (event: WorkerEvent) => void
}

/** A run that was asked for, and how it ended. */
export interface RequestedRun {
  readonly run_id: string
  readonly job: string
  readonly state: RunState
  readonly nominal_at: string | null
  readonly error: string | null
  readonly error_code: string | null
}

export interface BackfillRequest {
  /** Nominal times in `[from, to)`. */
  readonly from: Date
  readonly to: Date
  /** Runs nothing. */
  readonly dryRun?: boolean
  readonly signal?: AbortSignal
  readonly onRun?: (run: RequestedRun) => void
}

export interface Backfill {
  readonly name: string
  readonly dry_run: boolean
  /** ISO 8601. */
  readonly nominal_times: readonly string[]
  readonly runs: readonly RequestedRun[]
}

export interface Scheduler {
  /** Runs what is due until it is stopped. @throws UserError `locked` when a DuckDB warehouse has a worker already. */
  worker(request?: WorkerRequest): Promise<void>
  /** Workers that are alive. */
  workers(): Promise<readonly WorkerStatus[]>
  schedules(): Promise<readonly ScheduleStatus[]>
  /** @throws ConfigError when there is no such schedule. */
  pauseSchedule(name: string, reason?: string): Promise<ScheduleStatus>
  resumeSchedule(name: string): Promise<ScheduleStatus>
  /** Runs a job now: here, unless a worker is quicker. Resolves when it has ended. */
  runJob(name: string, request?: { readonly signal?: AbortSignal }): Promise<RequestedRun>
  /** Runs a job for each nominal time of its schedule within a time that has passed, or will. */
  backfill(name: string, request: BackfillRequest): Promise<Backfill>
}

export interface SchedulerContext {
  readonly warehouse: Warehouse
  readonly jobs: Jobs
  readonly concurrency: number
  readonly disableAfterFailures: number
  /** One process at a time can have the warehouse (a DuckDB file): one worker, which looks less often. */
  readonly isSingle: boolean
  readonly announce: (db: Db, happening: Happening) => Promise<void>
  readonly deliver: () => Promise<void>
  readonly sleep: (delayMs: number, signal?: AbortSignal) => Promise<void>
}

/** A look at a file keeps others out of it for a moment; a look at a server costs nobody anything. */
const timings = {
  shared: { pollMs: 2_500, leaseMs: 10_000, refreshMs: 15_000 },
  single: { pollMs: 10_000, leaseMs: 300_000, refreshMs: 30_000 },
} as const
const usualGraceMs = 20_000
/** Tables whose new rows are work. */
const watched = ['run_requests', 'schedules', 'exports'] as const

export function createScheduler(context: SchedulerContext): Scheduler {
  const { warehouse, jobs, isSingle, sleep, deliver } = context
  const timing = isSingle ? timings.single : timings.shared

  const dispatcherInput = (kind: 'worker' | 'guest'): DispatcherInput => ({
    ...context,
    workerId: `${kind}-${randomUUID()}`,
    host: hostname(),
    pid: process.pid,
    leaseMs: timing.leaseMs,
    isAlone: isSingle && kind === 'worker',
    isGuest: kind === 'guest',
  })

  /** Works with tables that are up to date with the definitions. */
  async function use<T>(
    work: (db: Db, now: Date, definitions: readonly JobDefinition[]) => Promise<T>,
  ): Promise<T> {
    const definitions = await jobs.definitions()
    return warehouse.use(async ({ db }) => {
      const now = await databaseTime(db)
      await registerSchedules(db, definitions)
      await currentSchedules(db, now, context.announce)
      return work(db, now, definitions)
    })
  }

  /** Works with one schedule. */
  const useSchedule = <T>(
    name: string,
    work: (db: Db, row: ScheduleRow, now: Date) => Promise<T>,
  ): Promise<T> =>
    use(async (db, now) => {
      const rows = await readSchedules(db)
      const job = jobNamed(
        name,
        rows.map((row) => row.name),
        'schedule',
      )
      return work(db, (await findSchedule(db, job)) as ScheduleRow, now)
    })

  /** Sees runs to their end, in order: here, or where a worker has them. */
  async function follow(
    runIds: readonly string[],
    signal: AbortSignal | undefined,
    onRun: (run: RequestedRun) => void = () => {},
  ): Promise<RequestedRun[]> {
    const dispatcher = new Dispatcher(dispatcherInput('guest'))
    const ended: RequestedRun[] = []
    for (const runId of runIds) {
      if (signal?.aborted) break
      const run = await seeToTheEnd(dispatcher, runId, signal)
      ended.push(run)
      onRun(run)
    }
    await deliver().catch(() => {})
    if (!signal?.aborted) return ended
    await warehouse.use(({ db }) => cancelWaiting(db, runIds))
    throw new InterruptedError('interrupted; what was not done yet is cancelled')
  }

  async function seeToTheEnd(
    dispatcher: Dispatcher,
    runId: string,
    signal?: AbortSignal,
  ): Promise<RequestedRun> {
    for (;;) {
      const run = await dispatcher.beginOne(runId)
      if (run) {
        const stop = () => run.stop('cancelled')
        signal?.addEventListener('abort', stop)
        const over = new AbortController()
        const keeping = keepLeases(dispatcher, over.signal)
        const outcome = await run.work(jobs, over.signal)
        over.abort()
        await keeping
        signal?.removeEventListener('abort', stop)
        await dispatcher.conclude(run, outcome)
      }
      const found = await warehouse.use(({ db }) => readRun(db, runId))
      if (signal?.aborted || (found.state !== 'queued' && found.state !== 'running')) return found
      await sleep(1_000, signal).catch(() => {})
    }
  }

  async function keepLeases(dispatcher: Dispatcher, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await sleep(timing.leaseMs / 4, signal).catch(() => {})
      if (!signal.aborted) await dispatcher.keep().catch(() => {})
    }
  }

  return {
    async worker(request = {}) {
      const { signal = new AbortController().signal, onEvent = () => {}, healthPort, healthHost } = request
      await using _lock = isSingle ? await warehouse.lock('worker') : undefined
      await using health =
        healthPort === undefined
          ? undefined
          : await serveHealth(healthPort, { pollMs: timing.pollMs, host: healthHost })
      if (health)
        onEvent({
          type: 'notice',
          message: `/healthz and /metrics are on ${health.host}, port ${health.port}`,
        })
      await runWorker({
        ...dispatcherInput('worker'),
        ...timing,
        concurrency: request.concurrency ?? context.concurrency,
        graceMs: request.graceMs ?? usualGraceMs,
        signal,
        deliver,
        watch: (onChange) => warehouse.watch(watched, onChange),
        sleep,
        onEvent(event) {
          health?.hear(event)
          onEvent(event)
        },
      })
    },
    workers: () => use((db, now) => readLiveWorkers(db, now)),
    schedules: () => use(async (db) => (await readSchedules(db)).map(statusOf)),
    pauseSchedule: (name, reason = 'paused by hand') =>
      useSchedule(name, (db, row, now) => pauseSchedule(db, row.name, reason, now)),
    resumeSchedule: (name) => useSchedule(name, (db, row, now) => resumeSchedule(db, row.name, now)),
    async runJob(name, { signal } = {}) {
      const runId = await use(async (db, now, definitions) => {
        const known = [
          ...definitions.map(({ job }) => job),
          ...(await readSchedules(db)).map((row) => row.name),
        ]
        const job = jobNamed(name, [...new Set(known)], 'job')
        return enqueue(db, { job, trigger: 'manual', nominalAt: null, dueAt: now })
      })
      const [run] = await follow([runId as string], signal)
      return run as RequestedRun
    },
    async backfill(name, { from, to, dryRun = false, signal, onRun }) {
      if (from >= to) throw new ConfigError('--from must be before --to')
      const { job, times, ids } = await useSchedule(name, async (db, row, now) => {
        const found = timesToBackfill(row, from, to)
        const queued = dryRun ? [] : await enqueueBackfill(db, row.name, found, now)
        return { job: row.name, times: found, ids: queued }
      })
      const runs = await follow(ids, signal, onRun)
      return { name: job, dry_run: dryRun, nominal_times: times.map((at) => at.toISOString()), runs }
    },
  }
}

async function readRun(db: Db, runId: string): Promise<RequestedRun> {
  const { run_id, job, state, nominal_at, error_text, error_code } = await db
    .selectFrom('runs')
    .selectAll()
    .where('run_id', '=', runId)
    .executeTakeFirstOrThrow()
  const nominal = nominal_at?.toISOString() ?? null
  return { run_id, job, state, nominal_at: nominal, error: error_text, error_code }
}

/** Whoever asked does not want it any more; a worker that has it finds the row so. */
async function cancelWaiting(db: Db, runIds: readonly string[]): Promise<void> {
  const now = await databaseTime(db)
  await db
    .updateTable('runs')
    .set({ state: 'cancelled', finished_at: now, error_code: 'cancelled', error_text: 'cancelled by hand' })
    .where('run_id', 'in', runIds)
    .where('state', 'in', ['queued', 'running'])
    .execute()
}
