/** Where a sync is, as its events tell it, and the lines that say so. Pure, but for the time that is given. */
import type { SyncEvent } from '../index.ts'
import { count, seconds, size, time } from './text.ts'

type Of<Type extends SyncEvent['type']> = Extract<SyncEvent, { type: Type }>

interface StreamAtWork {
  readonly stream: string
  /** What each part that is not done is at, by its label, in the order of their beginning. */
  readonly parts: Map<string, { readonly phase: Of<'progress'>['phase']; readonly bytes: number }>
  rows: number
  done: number
  total: number
  wait: { readonly reason: string; readonly until: Date } | undefined
}

export class SyncState {
  readonly #startedMs: number
  readonly #atWork = new Map<string, StreamAtWork>()
  #whole: Of<'whole'> | undefined
  #finishedRows = 0
  #bytes = 0

  constructor(nowMs: number) {
    this.#startedMs = nowMs
  }

  hear(event: SyncEvent): void {
    switch (event.type) {
      case 'whole':
        this.#whole = event
        return
      case 'progress':
        this.#move(event)
        return
      case 'wait':
        this.#streamOf(event.stream).wait = { reason: event.reason, until: event.until }
        return
      case 'finished':
        this.#atWork.delete(event.report.stream)
        this.#finishedRows += event.report.rows_written
        return
      case 'started':
      case 'notice':
        return
    }
  }

  /** The whole in one line, then a line for each stream at work. */
  lines(nowMs: number, columns: number): readonly string[] {
    const atWork = [...this.#atWork.values()].filter((stream) => isAtWork(stream, nowMs))
    const isPaced = atWork.some(({ wait }) => isWaiting(wait, nowMs) && wait.reason === 'pace')
    return [this.wholeLine(nowMs), ...atWork.map((stream) => streamLine(stream, { nowMs, columns, isPaced }))]
  }

  wholeLine(nowMs: number): string {
    const elapsed = Math.max(0, (nowMs - this.#startedMs) / 1000)
    const { streamsDone = 0, streams = 0, done = 0, total = 0 } = this.#whole ?? {}
    const rows = [...this.#atWork.values()].reduce((sum, stream) => sum + stream.rows, this.#finishedRows)
    const left = this.#secondsLeft(elapsed)
    return [
      `${streamsDone}/${streams} streams`,
      `${done}/${total} parts`,
      `${count(rows)} rows`,
      size(this.#bytes),
      seconds(elapsed),
      ...(left === undefined ? [] : [`about ${seconds(left)} left`]),
    ].join(', ')
  }

  /** What the rate limits make of the rest, or what the parts until now make of it, if that is more. */
  #secondsLeft(elapsed: number): number | undefined {
    const { done = 0, total = 0, secondsLeft = 0 } = this.#whole ?? {}
    if (done >= total) return undefined
    if (done === 0) return secondsLeft > 0 ? secondsLeft : undefined
    return Math.max(secondsLeft, (elapsed / done) * (total - done))
  }

  #move({ stream, phase, label, bytes, rows, done, total }: Of<'progress'>): void {
    const known = this.#streamOf(stream)
    Object.assign(known, { rows, done, total })
    const before = known.parts.get(label)
    if (phase === 'downloading' || phase === 'downloaded') {
      // A part that is read once more begins at nothing; its bytes came all the same.
      const seen = before?.phase === 'downloading' && before.bytes <= bytes ? before.bytes : 0
      this.#bytes += bytes - seen
    }
    if (phase === 'done') known.parts.delete(label)
    else known.parts.set(label, { phase, bytes })
    if (phase === 'downloading' && bytes > 0) known.wait = undefined
  }

  #streamOf(stream: string): StreamAtWork {
    const known = this.#atWork.get(stream)
    if (known) return known
    const parts: StreamAtWork['parts'] = new Map()
    const made: StreamAtWork = { stream, parts, rows: 0, done: 0, total: 0, wait: undefined }
    this.#atWork.set(stream, made)
    return made
  }
}

/** A stream whose part waits for others to end is not at work, however long it has been known. */
const isAtWork = ({ parts, wait }: StreamAtWork, nowMs: number): boolean =>
  [...parts.values()].some(({ phase }) => phase !== 'waiting') || isWaiting(wait, nowMs)

const isWaiting = (wait: StreamAtWork['wait'], nowMs: number): wait is NonNullable<StreamAtWork['wait']> =>
  wait !== undefined && wait.until.getTime() > nowMs

const narrow = 110

interface Moment {
  readonly nowMs: number
  readonly columns: number
  /** Somebody waits for the rate limit: who comes behind waits for him. */
  readonly isPaced: boolean
}

/** Everything about a stream in one line. */
function streamLine(stream: StreamAtWork, moment: Moment): string {
  const { done, total, rows } = stream
  const { columns } = moment
  const bar = columns < narrow ? '' : ` ${barOf(done, total)}`
  const parts = `${done}/${total}`.padStart(7)
  return `${stream.stream.padEnd(20)}${bar} ${parts} ${count(rows).padStart(11)} rows  ${stateOf(stream, moment)}`
}

const barWidth = 20

function barOf(done: number, total: number): string {
  const filled = Math.round((barWidth * done) / Math.max(1, total))
  return '█'.repeat(filled) + '░'.repeat(barWidth - filled)
}

/** What is being done now. Reading runs ahead of loading: what holds the stream up is told. */
function stateOf({ parts, wait }: StreamAtWork, { nowMs, columns, isPaced }: Moment): string {
  // Of a window its beginning is enough, where there is no room for more.
  const named = (label: string) => (columns < narrow ? (label.split(' … ', 1)[0] as string) : label)
  const all = [...parts]
  const loading = all.find(([, { phase }]) => phase === 'loading')
  if (loading) return `loading ${named(loading[0])}`
  if (isWaiting(wait, nowMs)) return waitText(wait)
  const downloading = all.find(([, { phase }]) => phase === 'downloading')
  if (!downloading) return 'waits for its turn'
  const [label, { bytes }] = downloading
  if (bytes > 0) return `${size(bytes)} of ${named(label)}`
  return isPaced ? 'waits for its turn' : `asked for ${named(label)}`
}

function waitText({ reason, until }: { readonly reason: string; readonly until: Date }): string {
  const at = time(until.toISOString()).slice(11)
  switch (reason) {
    case 'pace':
      return `rate limit, until ${at}`
    case 'rate_limit':
      return `told to wait until ${at}`
    case 'server_error':
      return `Iterable fails, again ${at}`
    default:
      return `no connection, again ${at}`
  }
}
