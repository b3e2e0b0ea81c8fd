/** Workers whose time is the test's: looks and runs happen one after another, as fast as the database goes. */

import type { z } from 'zod'
import { scheduleSchema } from '../../src/config/sync.ts'
import type { FailureCode } from '../../src/errors.ts'
import { Dispatcher } from '../../src/schedule/dispatcher.ts'
import type { JobDefinition, JobResult, RunContext } from '../../src/schedule/job.ts'
import type { Happening } from '../../src/state/schedules.ts'
import type { Warehouse } from '../../src/warehouse/session.ts'
import { openBare } from '../support/open.ts'
import type { TestWarehouse } from '../support/warehouse.ts'

export const openWarehouse = ({ config }: Pick<TestWarehouse, 'config'>): Promise<Warehouse> =>
  openBare(config)

export const scheduled = (job: string, schedule: z.input<typeof scheduleSchema>): JobDefinition => ({
  job,
  schedule: scheduleSchema.parse(schedule),
  definedIn: 'config',
})

export const succeeded: JobResult = { state: 'succeeded', kind: 'run' }
export const failed = (code: FailureCode, kind: JobResult['kind']): JobResult => ({
  state: 'failed',
  error: { code, text: `it ended with ${code}` },
  kind,
})

export interface SimulationOptions {
  readonly definitions: readonly JobDefinition[]
  readonly start: string
  readonly work?: (context: RunContext) => JobResult | Promise<JobResult>
  readonly concurrency?: number
  readonly disableAfterFailures?: number
}

/** One worker on a warehouse; `goTo` lets time pass as a worker that is always there sees it. */
export class Simulation implements AsyncDisposable {
  readonly warehouse: Warehouse
  readonly told: Happening[] = []
  readonly ran: RunContext[] = []
  definitions: readonly JobDefinition[]
  now: Date
  work: NonNullable<SimulationOptions['work']>
  dispatcher: Dispatcher
  readonly #options: SimulationOptions
  #workers = 0

  constructor(warehouse: Warehouse, options: SimulationOptions) {
    this.warehouse = warehouse
    this.#options = options
    this.definitions = options.definitions
    this.now = new Date(options.start)
    this.work = options.work ?? (() => succeeded)
    this.dispatcher = this.newWorker()
  }

  static async start(test: Pick<TestWarehouse, 'config'>, options: SimulationOptions): Promise<Simulation> {
    const simulation = new Simulation(await openWarehouse(test), options)
    await simulation.dispatcher.prepare()
    await simulation.dispatcher.refresh()
    await simulation.dispatcher.look({ canBegin: false })
    return simulation
  }

  newWorker(): Dispatcher {
    this.#workers += 1
    return new Dispatcher({
      warehouse: this.warehouse,
      jobs: {
        definitions: async () => this.definitions,
        run: async (context) => {
          this.ran.push(context)
          return this.work(context)
        },
      },
      workerId: `worker ${this.#workers}`,
      host: 'here',
      pid: this.#workers,
      concurrency: this.#options.concurrency ?? 4,
      disableAfterFailures: this.#options.disableAfterFailures ?? 5,
      leaseMs: 10_000,
      isAlone: false,
      announce: async (_, happening) => {
        this.told.push(happening)
      },
      time: () => this.now,
    })
  }

  /** Definitions that changed are read, as a worker does every few seconds. */
  async define(...definitions: readonly JobDefinition[]): Promise<void> {
    this.definitions = definitions
    await this.dispatcher.refresh()
    await this.dispatcher.look({ canBegin: false })
  }

  /** Looks and works until nothing is left to do now. Resolves to when something falls due. */
  async settle(): Promise<number | null> {
    for (;;) {
      const { begun, wakeInMs } = await this.dispatcher.look({ canBegin: true })
      for (const run of begun) {
        await this.dispatcher.conclude(run, await run.work(this.jobs, new AbortController().signal))
      }
      if (begun.length === 0 && wakeInMs !== 0) return wakeInMs
    }
  }

  get jobs() {
    return {
      run: async (context: RunContext) => {
        this.ran.push(context)
        return this.work(context)
      },
    }
  }

  /** Time passes with a worker at work: everything happens when it falls due. */
  async goTo(instant: string): Promise<void> {
    const end = new Date(instant)
    for (;;) {
      const wakeInMs = await this.settle()
      if (wakeInMs === null || this.now.getTime() + wakeInMs > end.getTime()) break
      this.now = new Date(this.now.getTime() + wakeInMs)
    }
    this.now = end
  }

  /** Time passes with no worker there; then one comes. */
  async awayUntil(instant: string): Promise<void> {
    this.now = new Date(instant)
    await this.settle()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.warehouse[Symbol.asyncDispose]()
  }
}
