/** What the jobs of one sync share: one look at all of them at a time, and the turns in which files are fetched. */
import pLimit from 'p-limit'
import { IterableHttpError } from '../iterable/errors.ts'
import { type JobRecord, jobsForm } from '../iterable/jobs.ts'
import type { CountingClient } from './source.ts'

/** Files that are fetched at once. */
const fileTurns = 4

export class JobDesk {
  #look: Promise<readonly JobRecord[]> | undefined
  /** The key may not list jobs: each is looked at by itself. */
  #isRefused = false
  readonly fileTurn = pLimit(fileTurns)
  /** Iterable's number of exported bytes was met to be another measure than the bytes of the files. */
  countsOtherBytes = false

  /** All recent jobs of the project; whoever asks while a look is under way shares it. */
  look(client: CountingClient): Promise<readonly JobRecord[]> {
    this.#look ??= this.lookAnew(client).finally(() => {
      this.#look = undefined
    })
    return this.#look
  }

  /** The same as of now. Without any where the key may not list them. */
  async lookAnew(client: CountingClient): Promise<readonly JobRecord[]> {
    if (this.#isRefused) return []
    try {
      const { jobs } = await client.json('export_jobs', { form: jobsForm })
      return jobs
    } catch (error) {
      if (!(error instanceof IterableHttpError) || ![403, 404].includes(error.status)) throw error
      this.#isRefused = true
      return []
    }
  }
}
