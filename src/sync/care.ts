/** How carefully a part is loaded: quickly at first, and with more care where the warehouse refuses what it was given. */
import { DriftError } from '../load/faults.ts'

export interface Care {
  /** Columns whose values are looked through before they are loaded. */
  readonly doubtful: ReadonlySet<string>
  /** Events outside of their window are left out. */
  readonly leavesOutStrays: boolean
  /** Every line is parsed here, and written anew. */
  readonly isCareful: boolean
}

export const noCare: Care = { doubtful: new Set(), leavesOutStrays: false, isCareful: false }

/** With what care the part is loaded after this error; undefined where more care does not help. */
export function moreCare(care: Care, error: unknown, bookmark: string | undefined): Care | undefined {
  if (error instanceof DriftError && error.column === bookmark && !care.leavesOutStrays) {
    return { ...care, leavesOutStrays: true }
  }
  if (care.isCareful) return undefined
  if (error instanceof DriftError && error.column && !care.doubtful.has(error.column)) {
    return { ...care, doubtful: new Set([...care.doubtful, error.column]) }
  }
  return error instanceof DriftError ? { ...care, isCareful: true } : undefined
}
