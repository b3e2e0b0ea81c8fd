/** The pace that all processes of a warehouse keep together. */

/** When requests of a lane may go. */
export interface PaceBook {
  /** Takes the next free slot of a lane; resolves to the milliseconds until it. */
  takeSlot(lane: string, rate: Rate): Promise<number>
  /** Closes a lane for this long, for everybody. */
  hold(lane: string, waitMs: number): Promise<void>
  /** Milliseconds for which a lane stays closed. */
  heldMs(lane: string): Promise<number>
  /** What is known of all lanes, by their names. */
  lanes(): Promise<readonly PacedLane[]>
}

/** The latest requests of a lane, at least those of one period of its rate. */
export interface PacedLane {
  readonly lane: string
  /** When they went, or will go, in this order. */
  readonly slots: readonly Date[]
  readonly closedUntil: Date | undefined
}

/** So many requests in so many milliseconds. */
export interface Rate {
  readonly requests: number
  readonly perMs: number
}
