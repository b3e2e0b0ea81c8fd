/**
 * A page never waits for long: while another program holds the DuckDB file, or the server is away, it shows what it saw
 * last, and when that was.
 */
import { TransientError, UserError } from '../errors.ts'
import type { ReportSource } from '../report/read.ts'
import type { Warehouse } from '../warehouse/session.ts'
import { markOfFile } from './marks.ts'

/** What a page shows, and since when it is known. While it is still being read, it will be newer in a moment. */
export type KnownState<T> =
  | {
      readonly isKnown: true
      readonly value: T
      readonly at: Date
      readonly held: string | null
      readonly isPending: boolean
    }
  | { readonly isKnown: false; readonly held: string; readonly isPending: boolean }

interface Kept {
  readonly value: unknown
  readonly at: Date
  /** Of the file when it was read. */
  readonly mark: string | undefined
  /** How long it took to read. */
  readonly tookMs: number
}

/** How new a reading must be, and how long it is waited for. */
export interface Wish {
  /** What is no older will do, whatever has changed. */
  readonly goodMs?: number
  /** That holds only for so many times as long as the reading took: what is quick is always read anew. */
  readonly restFactor?: number
  /** Since when somebody waits, as `performance.now()` counts. */
  readonly sinceMs?: number
}

/** How long people wait. */
export interface ReadPatience {
  /** For another program that holds the file: as long as a look of it takes. */
  readonly readMs: number
  /** For what is slow to read: then the page shows what it has, and the rest when it is there. */
  readonly besideMs: number
}

/** A file that has not changed is not opened anew, but for what only time changes. */
const goodForMs = 60_000

const usualPatience: ReadPatience = { readMs: 700, besideMs: 120 }
const mostKept = 200

export class LastStates {
  readonly #source: ReportSource
  readonly #besideMs: number
  readonly #kept = new Map<string, Kept>()
  readonly #working = new Map<string, Promise<Kept>>()
  /** Failures that nobody has seen yet. */
  readonly #failed = new Map<string, unknown>()

  constructor(
    { warehouse, config }: ReportSource,
    closing: AbortSignal,
    patience: Partial<ReadPatience> = {},
  ) {
    const { readMs, besideMs } = { ...usualPatience, ...patience }
    this.#source = {
      config,
      warehouse: impatient(warehouse, { patienceMs: readMs, closing, isFile: 'path' in config.warehouse }),
    }
    this.#besideMs = besideMs
  }

  /** For what is read once and not kept. @throws TransientError while the warehouse is held. */
  get source(): ReportSource {
    return this.#source
  }

  /** Reads anew, or resolves to what was read last under this key while that takes its time. */
  async read<T>(
    key: string,
    now: Date,
    report: (source: ReportSource) => Promise<T>,
    { goodMs: mostMs = 0, restFactor = Number.POSITIVE_INFINITY, sinceMs = performance.now() }: Wish = {},
  ): Promise<KnownState<T>> {
    const mark = await markOfFile(this.#source.config)
    const kept = this.#kept.get(key)
    if (kept) {
      const isSame = mark !== undefined && kept.mark === mark
      const ageMs = now.getTime() - kept.at.getTime()
      const goodMs = mostMs === 0 ? 0 : Math.min(mostMs, kept.tookMs * restFactor)
      if (ageMs < (isSame ? Math.max(goodForMs, goodMs) : goodMs)) return known(kept)
    }
    const working = this.#working.get(key) ?? this.#begin(key, { at: now, mark }, report)
    try {
      const read = await within(working, Math.max(0, sinceMs + this.#besideMs - performance.now()))
      if (read) return known(read)
      return lastOf(kept, heldBy(this.#failed.get(key)) ?? 'this is being read anew', true)
    } catch (error) {
      this.#failed.delete(key)
      const held = heldBy(error)
      if (held === undefined) throw error
      return lastOf(kept, held, false)
    }
  }

  /** Something was done: whoever comes next sees what came of it, not what was there before. */
  expire(): void {
    this.#working.clear()
  }

  /** Resolves when nothing is being read any more. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#working.values())
  }

  #begin<T>(
    key: string,
    facts: Pick<Kept, 'at' | 'mark'>,
    report: (source: ReportSource) => Promise<T>,
  ): Promise<Kept> {
    const failed = this.#failed.get(key)
    // What went wrong while nobody waited is told to whoever comes next.
    if (failed !== undefined && heldBy(failed) === undefined) return Promise.reject(failed)
    const begunMs = performance.now()
    const working = this.#report(report)
      .then((value) => {
        const read = { ...facts, value, tookMs: performance.now() - begunMs }
        keep(this.#kept, key, read)
        this.#failed.delete(key)
        return read
      })
      .catch((error) => {
        keep(this.#failed, key, error)
        throw error
      })
      .finally(() => {
        if (this.#working.get(key) === working) this.#working.delete(key)
      })
    working.catch(() => {})
    this.#working.set(key, working)
    return working
  }

  /** A view of many joins may need more memory than a small engine has. */
  #report<T>(report: (source: ReportSource) => Promise<T>): Promise<T> {
    return this.#source.warehouse.engine.withRoom(() => report(this.#source))
  }
}

const known = <T>({ value, at }: Kept): KnownState<T> => ({
  isKnown: true,
  value: value as T,
  at,
  held: null,
  isPending: false,
})

const lastOf = <T>(kept: Kept | undefined, held: string, isPending: boolean): KnownState<T> =>
  kept ? { ...known<T>(kept), held, isPending } : { isKnown: false, held, isPending }

/** Why a warehouse cannot be read for now; undefined where something else went wrong. */
const heldBy = (error: unknown): string | undefined =>
  error instanceof UserError && error.kind === 'transient' ? error.message : undefined

function keep<T>(all: Map<string, T>, key: string, one: T): void {
  all.delete(key)
  all.set(key, one)
  const [oldest] = all.keys()
  if (all.size > mostKept && oldest !== undefined) all.delete(oldest)
}

/** Undefined where it takes longer. */
async function within<T>(work: Promise<T>, patienceMs: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined
  const givingUp = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, patienceMs, undefined)
  })
  try {
    return await Promise.race([work, givingUp])
  } finally {
    clearTimeout(timer)
  }
}

/**
 * The same warehouse for somebody who waits no longer than so for a session to begin, and leaves when the page closes.
 * `isFile`: as long as another program has it; a session of our own, which may read for long, is waited for.
 */
function impatient(
  warehouse: Warehouse,
  { patienceMs, closing, isFile }: { patienceMs: number; closing: AbortSignal; isFile: boolean },
): Warehouse {
  return {
    ...warehouse,
    async use(work, options = {}) {
      const waiting = new AbortController()
      let holder = 'the warehouse is busy'
      let timer: NodeJS.Timeout | undefined
      let giveUp = () => {}
      const givingUp = new Promise<never>((_, reject) => {
        giveUp = () => {
          waiting.abort()
          reject(new TransientError('warehouse_locked', holder))
        }
      })
      if (!isFile) timer = setTimeout(giveUp, patienceMs)
      const using = warehouse.use(
        (session) => {
          clearTimeout(timer)
          return work(session)
        },
        {
          ...options,
          signal: AbortSignal.any([waiting.signal, closing, ...(options.signal ? [options.signal] : [])]),
          onWait(_, held) {
            holder = held
            timer ??= setTimeout(giveUp, patienceMs)
          },
        },
      )
      try {
        return await Promise.race([using, givingUp])
      } finally {
        clearTimeout(timer)
        // Whoever gave up wants to hear of nothing more.
        using.catch(() => {})
      }
    },
  }
}
