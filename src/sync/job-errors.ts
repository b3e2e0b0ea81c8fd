/** How a job may end without bringing its window. */
import type { IterableHttpError } from '../iterable/errors.ts'
import type { ExportJobState } from '../state/tables/sync.ts'

/** A job was of no use; another one may be. */
export class JobError extends Error {
  override readonly name: string = 'JobError'
  readonly state: ExportJobState

  constructor(state: ExportJobState, message: string, options?: ErrorOptions) {
    super(message, options)
    this.state = state
  }
}

/** There is more of the window than one export brings: all that came is thrown away, and the window is halved. */
export class TruncatedJob extends JobError {
  override readonly name = 'TruncatedJob'

  constructor(message: string) {
    super('truncated', message)
  }
}

/** It waits for a place, and its window may be read without one. */
export class QueuedJob extends JobError {
  override readonly name = 'QueuedJob'
  readonly seconds: number

  constructor(jobId: number, seconds: number) {
    super('discarded', `export job ${jobId} has been waiting for a place for ${Math.round(seconds / 60)} min`)
    this.seconds = seconds
  }
}

/** No job is started for this window: another one would be refused, too. */
export class RefusedJob extends JobError {
  override readonly name = 'RefusedJob'
  /** It is not about the type that was asked for. */
  readonly isGeneral: boolean

  constructor(cause: IterableHttpError) {
    super('failed', cause.message, { cause })
    this.isGeneral = cause.status !== 400
  }
}
