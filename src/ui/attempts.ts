/** How often signing in has failed, so that nobody can try passwords by the thousand. */

const windowMs = 5 * 60_000
const mostOfOne = 5
/** Of all addresses together: each try costs a moment of the processor. */
const mostOfAll = 50

export class Attempts {
  readonly #failures = new Map<string, number[]>()

  /** Seconds until this address may try again; 0 when it may. */
  waitSeconds(address: string, now: Date): number {
    const since = now.getTime() - windowMs
    for (const [key, times] of this.#failures) {
      const recent = times.filter((at) => at > since)
      if (recent.length > 0) this.#failures.set(key, recent)
      else this.#failures.delete(key)
    }
    const own = this.#failures.get(address) ?? []
    const all = [...this.#failures.values()].flat().sort((a, b) => a - b)
    const blocking =
      own.length >= mostOfOne ? own.at(-mostOfOne) : all.length >= mostOfAll ? all.at(-mostOfAll) : undefined
    return blocking === undefined ? 0 : Math.ceil((blocking - since) / 1000)
  }

  /** Counts a try before it is known how it ends: those of one moment count, too. */
  begin(address: string, now: Date): void {
    this.#failures.set(address, [...(this.#failures.get(address) ?? []), now.getTime()])
  }

  succeed(address: string): void {
    this.#failures.delete(address)
  }
}
