/** Time of a simulation: nobody waits, and whatever is slept takes its time all the same. */
import type { Clock } from '../../src/iterable/client.ts'

/** A clock that jumps to the next moment at which somebody wakes. */
export class JumpingClock implements Clock {
  #nowMs: number
  readonly #sleepers: { readonly atMs: number; readonly wake: () => void }[] = []

  constructor(now: Date) {
    this.#nowMs = now.getTime()
  }

  now(): Date {
    return new Date(this.#nowMs)
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((wake) => {
      this.#sleepers.push({ atMs: this.#nowMs + Math.max(0, delayMs), wake })
    })
  }

  async run<T>(work: Promise<T>): Promise<T> {
    let isOver = false
    const end = work.finally(() => {
      isOver = true
    })
    end.catch(() => {})
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve))
      if (isOver) return end
      const [first, ...others] = this.#sleepers
      if (!first) throw new Error('everybody waits for somebody else')
      const next = others.reduce((earliest, one) => (one.atMs < earliest.atMs ? one : earliest), first)
      this.#sleepers.splice(this.#sleepers.indexOf(next), 1)
      this.#nowMs = Math.max(this.#nowMs, next.atMs)
      next.wake()
    }
  }
}
