/** What people ask for: put on record under their name, done in the background, and its outcome kept beside it. */
import { randomUUID } from 'node:crypto'
import { messageOf } from '../errors.ts'
import { endAction, recordAction } from '../state/actions.ts'
import type { Warehouse } from '../warehouse/session.ts'

export interface Errand {
  readonly actor: string
  readonly role: string
  /** approve, cancel, pause … */
  readonly action: string
  readonly subject: string
  readonly note: string | null
}

/** Mistakes are found within this; what takes longer is under way, and its own page tells of it. */
const usualSettleMs = 1_500

export class Errands {
  readonly #warehouse: Warehouse
  readonly #now: () => Date
  readonly #settleMs: number
  readonly #open = new Set<Promise<unknown>>()

  constructor(warehouse: Warehouse, now: () => Date, settleMs = usualSettleMs) {
    this.#settleMs = settleMs
    this.#warehouse = warehouse
    this.#now = now
  }

  /**
   * Records the errand, then begins it. Resolves when it is done, or well under way; what `work` resolves to is kept as
   * its outcome.
   * @throws what went wrong within the first moments.
   */
  async begin(errand: Errand, work: () => Promise<string | undefined>): Promise<'done' | 'working'> {
    const { working } = await this.#start(errand, work, (outcome) => outcome)
    let timer: NodeJS.Timeout | undefined
    const patience = new Promise<'working'>((resolve) => {
      timer = setTimeout(resolve, this.#settleMs, 'working')
    })
    try {
      return await Promise.race([working.then(() => 'done' as const), patience])
    } finally {
      clearTimeout(timer)
    }
  }

  /** Records the errand and does it; resolves to what came of it. */
  async finish<T>(
    errand: Errand,
    work: () => Promise<T>,
    outcomeOf: (result: T) => string | undefined,
  ): Promise<T> {
    const { working } = await this.#start(errand, work, outcomeOf)
    return await working
  }

  /** Resolves when nothing is under way any more. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#open)
  }

  /** Resolves when it is on record, to what is under way then. */
  async #start<T>(
    errand: Errand,
    work: () => Promise<T>,
    outcomeOf: (result: T) => string | undefined,
  ): Promise<{ readonly working: Promise<T> }> {
    const id = randomUUID()
    await this.#warehouse.use(({ db }) => recordAction(db, { id, at: this.#now(), ...errand }))
    const working = this.#see(id, work, outcomeOf)
    this.#open.add(working)
    working.catch(() => {}).finally(() => this.#open.delete(working))
    return { working }
  }

  async #see<T>(
    id: string,
    work: () => Promise<T>,
    outcomeOf: (result: T) => string | undefined,
  ): Promise<T> {
    try {
      const result = await work()
      await this.#end(id, outcomeOf(result) ?? 'done')
      return result
    } catch (error) {
      await this.#end(id, messageOf(error)).catch(() => {})
      throw error
    }
  }

  #end(id: string, outcome: string): Promise<void> {
    return this.#warehouse.use(({ db }) => endAction(db, id, outcome, this.#now()))
  }
}
