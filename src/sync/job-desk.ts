/** What the jobs of one sync share: one look at all of them at a time, and the turns in which files are fetched. */
import pLimit from 'p-limit'
import { type JobRecord, jobsForm } from '../iterable/jobs.ts'
import type { CountingClient } from './source.ts'

/** Files that are fetched at once. */
const fileTurns = 4

export class JobDesk {
  #look: Promise<readonly JobRecord[]> | undefined
  readonly fileTurn = pLimit(fileTurns)
  /** Iterable's number of exported bytes was met to be another measure than the bytes of the files. */
  countsOtherBytes = false

  /** All recent jobs of the project; whoever asks while a look is under way shares it. */
  look(client: CountingClient): Promise<readonly JobRecord[]> {
    this.#look ??= client
      .json('export_jobs', { form: jobsForm })
      .then(({ jobs }) => jobs)
      .finally(() => {
        this.#look = undefined
      })
    return this.#look
  }
}
