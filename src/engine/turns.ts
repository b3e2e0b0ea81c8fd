/** Work that must not overlap, done one after another in the order of asking. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve()
  readonly #waiting: unknown[] = []

  /** Who is next, as they said themselves; undefined where nobody waits. */
  get next(): unknown {
    return this.#waiting[0]
  }

  async take<T>(work: () => Promise<T>, who?: unknown): Promise<T> {
    this.#waiting.push(who)
    const begin = () => {
      this.#waiting.shift()
      return work()
    }
    const turn = this.#last.then(begin, begin)
    this.#last = turn.catch(() => {})
    return turn
  }

  /** Resolves when it is the caller's turn, to what ends it. */
  hold(who?: unknown): Promise<() => void> {
    return new Promise((resolve) => {
      void this.take(() => new Promise<void>((leave) => resolve(leave)), who)
    })
  }
}
