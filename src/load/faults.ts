/** Why a load is given up, and what its caller may do instead. */
import { messageOf, TransientError } from '../errors.ts'

/** The fast path met a value that it cannot take; the careful path can. */
export class DriftError extends Error {
  override readonly name = 'DriftError'
  /** The column that it stands in, where that is known. */
  readonly column: string | undefined

  constructor(cause: unknown) {
    super('a value does not fit its column', { cause })
    this.column = driftIn(cause)
  }
}

/** The column of the value that our macros refused, where it was they who ended the statement. */
export const driftIn = (error: unknown): string | undefined => /\bdrift:([^\n]*)/.exec(messageOf(error))?.[1]

/** A re-read brought fewer rows than the table holds for that interval. */
export class ShrunkWindow extends Error {
  override readonly name = 'ShrunkWindow'
  readonly held: number
  readonly read: number

  constructor(held: number, read: number) {
    super(`the table holds ${held} rows of this interval, the export now brings ${read}`)
    this.held = held
    this.read = read
  }
}

/** An answer that has bad lines and no good one: it is asked for again, in parts, and never published. */
export class UnansweredError extends TransientError {
  override readonly name = 'UnansweredError'

  constructor(what: string) {
    super(
      'malformed_response',
      `${what}; nothing of it has been used. Check base_url, and any proxy on the way`,
    )
  }
}
