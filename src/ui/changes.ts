/** Notices that something has changed, for pages that follow what happens. It looks only while somebody follows. */
import { type ReportSource, readState } from '../report/read.ts'
import { markOfFile } from './marks.ts'

const pollMs = 2_000
const mostFollowers = 100

export class Changes {
  readonly #source: ReportSource
  readonly #followers = new Set<() => void>()
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<void> | undefined
  #last: string | undefined

  constructor(source: ReportSource) {
    this.#source = source
  }

  /**
   * Calls back at each change until the function that it resolves to is called; that is undefined where too many follow.
   * What changes once it has resolved is told, however soon.
   */
  async follow(onChange: () => void): Promise<(() => void) | undefined> {
    if (this.#followers.size >= mostFollowers) return undefined
    const isFirst = this.#followers.size === 0
    this.#followers.add(onChange)
    if (isFirst) this.#last = undefined
    // The look that later ones are compared with.
    if (isFirst || this.#looking) await this.#look()
    return () => {
      this.#followers.delete(onChange)
      if (this.#followers.size === 0) clearTimeout(this.#timer)
    }
  }

  /** One at a time; the next one comes by itself while somebody follows. */
  #look(): Promise<void> {
    clearTimeout(this.#timer)
    this.#looking ??= this.#compare().finally(() => {
      this.#looking = undefined
      if (this.#followers.size > 0) this.#timer = setTimeout(() => this.#look(), pollMs)
    })
    return this.#looking
  }

  async #compare(): Promise<void> {
    // A warehouse that is away, or held, shows what has changed when it is back.
    const seen = await markOf(this.#source).catch(() => this.#last)
    if (this.#last !== undefined && seen !== this.#last) for (const tell of this.#followers) tell()
    this.#last = seen
  }
}

/** Something that differs after every change. A DuckDB file is not opened for it. */
async function markOf(source: ReportSource): Promise<string> {
  const file = await markOfFile(source.config)
  if (file !== undefined) return file
  const mark = await readState(source, async ({ db }) => {
    const runs = await db
      .selectFrom('runs')
      .select(['run_id', 'state', 'rows_read', 'rows_written', 'api_calls', 'finished_at'])
      .orderBy(({ fn, ref }) => fn.coalesce(ref('started_at'), ref('due_at')), 'desc')
      .limit(20)
      .execute()
    const schedules = await db.selectFrom('schedules').select(['name', 'revision', 'paused_at']).execute()
    return JSON.stringify([runs, schedules])
  })
  return mark ?? ''
}
