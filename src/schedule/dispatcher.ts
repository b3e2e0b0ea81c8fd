/**
 * What a worker does each time it looks: definitions, due ticks, requests, the leases of the dead, its own heartbeat,
 * and runs to begin. Everything is decided by rows and by the database's time; nothing of it is remembered here.
 */

import { breakLeases, renewLeases, shortenLeases } from '../state/leases.ts'
import { nextRetry } from '../state/queue.ts'
import { type Announce, databaseTime } from '../state/schedules.ts'
import type { Db } from '../state/tables.ts'
import { forgetOldWorkers, writeWorker } from '../state/workers.ts'
import type { Warehouse } from '../warehouse/session.ts'
import { acceptRequests, claimDue } from './due.ts'
import { endJob, letGo, putBack } from './end.ts'
import type { JobDefinition, Jobs } from './job.ts'
import { currentSchedules, type KnownSchedule, registerSchedules } from './register.ts'
import { RunAtWork, type RunOutcome } from './run.ts'
import { takeRuns } from './take.ts'

export interface DispatcherInput {
  readonly warehouse: Warehouse
  readonly jobs: Jobs
  /** Unique among all workers that ever were. */
  readonly workerId: string
  readonly host: string
  readonly pid: number
  readonly concurrency: number
  readonly disableAfterFailures: number
  /** A worker that does not look again within this is dead. */
  readonly leaseMs: number
  /** It only does what it was asked for, and is not a worker that others rely on. */
  readonly isGuest?: boolean
  /** No other worker can be at work on this warehouse. */
  readonly isAlone: boolean
  /** Records what there is to tell. */
  readonly announce: Announce
  /** The time; the database's by default. */
  readonly time?: (() => Date) | undefined
}

/** What a look found. */
export interface Look {
  readonly begun: readonly RunAtWork[]
  /** When there is something to do again, in ms from now; null when nothing is planned. */
  readonly wakeInMs: number | null
}

export class Dispatcher {
  readonly #input: DispatcherInput
  readonly #atWork = new Map<string, RunAtWork>()
  /** Begun, but nobody has heard of it yet: the connection may break in between. */
  #fresh: RunAtWork[] = []
  #definitions: readonly JobDefinition[] = []
  #startedAt: Date | undefined

  constructor(input: DispatcherInput) {
    this.#input = input
  }

  get atWork(): readonly RunAtWork[] {
    return [...this.#atWork.values()]
  }

  /** Brings the tables up to date, once at the start. */
  async prepare(): Promise<void> {
    await this.#use(async (db, now) => {
      await forgetOldWorkers(db, now)
      // Whoever had them cannot be alive any more.
      if (this.#input.isAlone) await this.#breakLeases(db, now, true)
    })
  }

  /** Reads what is defined now. */
  async refresh(): Promise<void> {
    this.#definitions = await this.#input.jobs.definitions()
    await this.#use((db) => registerSchedules(db, this.#definitions))
  }

  /** Looks once. `canBegin` is false while the worker is stopping. */
  async look({ canBegin }: { readonly canBegin: boolean }): Promise<Look> {
    const wakeInMs = await this.#use(async (db, now) => {
      const until = new Date(now.getTime() + this.#input.leaseMs)
      await this.#heartbeat(db, now, until)
      await this.#breakLeases(db, now, false)
      await shortenLeases(db, now, this.#input.leaseMs)
      const known = await currentSchedules(db, now, this.#input.announce)
      const due = await claimDue(db, known, now)
      await acceptRequests(db, (job) => this.#isKnown(job, known), now)
      const slots = canBegin ? this.#input.concurrency - this.#atWork.size : 0
      await this.#begin(db, { now, until, known, slots })
      const wakes = [due, await nextRetry(db, now)].flatMap((at) => (at ? [at.getTime()] : []))
      return wakes.length > 0 ? Math.max(0, Math.min(...wakes) - now.getTime()) : null
    })
    return { begun: this.#handOver(), wakeInMs }
  }

  /** Begins one run that waits, if nobody else has it. */
  async beginOne(runId: string): Promise<RunAtWork | undefined> {
    await this.#use(async (db, now) => {
      const until = new Date(now.getTime() + this.#input.leaseMs)
      const known = await currentSchedules(db, now, this.#input.announce)
      await this.#begin(db, { now, until, known, slots: 1, runId })
    })
    return this.#handOver()[0]
  }

  /** Records how a run ended. False when it is another worker's by now. */
  async conclude(run: RunAtWork, outcome: RunOutcome): Promise<boolean> {
    const isOurs = await this.#use(async (db, now) => {
      if (outcome.kind === 'lost') return letGo(db, run.taken)
      if (outcome.kind === 'ended') return endJob(db, run.taken, outcome.result, { ...this.#input, now })
      return putBack(
        db,
        run.taken,
        outcome.kind === 'locked' ? new Date(now.getTime() + lockedPauseMs) : null,
      )
    })
    this.#atWork.delete(run.taken.runId)
    return isOurs
  }

  /** Keeps the leases of what is at work, without looking for more. */
  async keep(): Promise<void> {
    await this.#use((db, now) => this.#heartbeat(db, now, new Date(now.getTime() + this.#input.leaseMs)))
  }

  /** Says that this worker is gone. */
  async leave(): Promise<void> {
    await this.#use((db, now) => this.#write(db, now, now, now))
  }

  async #use<T>(work: (db: Db, now: Date) => Promise<T>): Promise<T> {
    const { warehouse, time } = this.#input
    return warehouse.use(async ({ db }) => work(db, time?.() ?? (await databaseTime(db))), {
      isRepeatable: true,
    })
  }

  /** Renews what is ours, and stops what no longer is. */
  async #heartbeat(db: Db, now: Date, until: Date): Promise<void> {
    await this.#write(db, now, until, null)
    // Runs may end while the rows are read.
    const atWork = new Map(this.#atWork)
    if (atWork.size === 0) return
    const held = await renewLeases(db, this.#input.workerId, until)
    const cancelled = await db
      .selectFrom('runs')
      .select('run_id')
      .where('run_id', 'in', [...atWork.keys()])
      .where('state', '=', 'cancelled')
      .execute()
    for (const [runId, run] of atWork) {
      if (held.get(runId) !== run.taken.lease.token) run.stop('fenced')
      else if (cancelled.some(({ run_id }) => run_id === runId)) run.stop('cancelled')
    }
  }

  #breakLeases(db: Db, now: Date, isAlone: boolean) {
    return breakLeases(db, { now, self: this.#input.workerId, running: [...this.#atWork.keys()], isAlone })
  }

  async #begin(
    db: Db,
    options: { now: Date; until: Date; known: readonly KnownSchedule[]; slots: number; runId?: string },
  ): Promise<void> {
    // A run that was taken away (a worker that slept) is stopped by the heartbeat; nothing of its job begins here before
    // it has ended, or two attempts of one run would work side by side.
    const busy = new Set(this.atWork.map(({ taken }) => taken.job))
    await takeRuns(db, { owner: this.#input.workerId, busy, ...options }, (taken) => {
      const run = new RunAtWork(taken)
      this.#atWork.set(taken.runId, run)
      this.#fresh.push(run)
    })
  }

  #handOver(): readonly RunAtWork[] {
    const begun = this.#fresh
    this.#fresh = []
    return begun
  }

  #isKnown(job: string, known: readonly KnownSchedule[]): boolean {
    return (
      this.#definitions.some((definition) => definition.job === job) ||
      known.some(({ row }) => row.name === job)
    )
  }

  async #write(db: Db, now: Date, until: Date, stoppedAt: Date | null): Promise<void> {
    const { workerId, host, pid, concurrency, isGuest } = this.#input
    if (isGuest) return
    this.#startedAt ??= now
    await writeWorker(db, {
      worker_id: workerId,
      host,
      pid,
      concurrency,
      running: this.#atWork.size,
      started_at: this.#startedAt,
      seen_at: now,
      until,
      stopped_at: stoppedAt,
    })
  }
}

/** A job that another process has (a sync by hand) is asked for again after this. */
const lockedPauseMs = 5_000
