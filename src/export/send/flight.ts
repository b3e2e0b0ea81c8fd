/** Batches on their way to Iterable, and what came of them. */
import type { Batch, PlannedRows } from '../../state/batches.ts'
import { type Courier, type Delivered, DeliveryError, deliver } from './deliver.ts'

/** A batch that is this process's to send. */
export interface Claimed {
  readonly batch: Batch
  readonly rows: PlannedRows
  readonly body: Buffer
}

export type Result = Claimed & (Delivered | { readonly error: DeliveryError })

/** Requests under way. */
export class Flying {
  readonly #batches = new Map<number, Batch>()
  #landed: Result[] = []
  #onLanding: () => void = () => {}

  get batches(): readonly Batch[] {
    return [...this.#batches.values()]
  }

  start(batch: Batch, result: Promise<Result>): void {
    const number = batch.batch_no
    this.#batches.set(number, batch)
    result.then((one) => {
      this.#landed.push(one)
      this.#onLanding()
    })
  }

  /** Resolves when so many have landed, or all. */
  landing(count: number): Promise<void> {
    return new Promise((resolve) => {
      this.#onLanding = () => {
        if (this.#landed.length >= Math.min(count, this.#batches.size)) resolve()
      }
      this.#onLanding()
    })
  }

  /** What has landed since the last time. */
  landed(): readonly Result[] {
    const landed = this.#landed
    this.#landed = []
    for (const { batch } of landed) this.#batches.delete(batch.batch_no)
    return landed
  }
}

/** Sends one batch; whatever comes of it is a result. */
export async function attempt(claimed: Claimed, courier: Courier): Promise<Result> {
  try {
    const { isRepeated, ...delivered } = await deliver({ ...claimed, op: claimed.batch.op }, courier)
    // As it was before it was claimed.
    const wasInFlight = claimed.batch.state === 'in_flight'
    return { ...claimed, ...delivered, isRepeated: isRepeated || wasInFlight }
  } catch (error) {
    return { ...claimed, error: error instanceof DeliveryError ? error : new DeliveryError(error, false) }
  }
}
