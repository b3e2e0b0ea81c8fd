/** Progress of a sync on stderr: live bars on a terminal, plain lines elsewhere. */
import { MultiBar, type SingleBar } from 'cli-progress'
import type { StreamReport, SyncEvent } from '../index.ts'
import type { Terminal } from './terminal.ts'
import { count, counted, cut, oneLine, seconds, size, time } from './text.ts'

/** Hears the events of a sync; `stop` leaves the terminal as it was. */
export interface Progress {
  readonly onEvent: (event: SyncEvent) => void
  stop(): void
}

/** Progress in the form that suits the terminal. */
export function syncProgress(terminal: Terminal): Progress {
  return terminal.isLive ? liveProgress(terminal) : plainProgress(terminal)
}

/** How far one stream has come. */
interface StreamProgress {
  readonly stream: string
  readonly startedMs: number
  readonly phase: string
  readonly label: string
  /** Bytes of each part, by its label. */
  readonly bytes: ReadonlyMap<string, number>
  readonly rows: number
  readonly done: number
  readonly total: number
  /** Set while the rate limit or a failing server is waited for. */
  readonly wait?: { readonly reason: string; readonly until: Date } | undefined
}

type Moved = Extract<SyncEvent, { type: 'progress' | 'wait' }>

/** The state of a stream after an event of it. */
function moved(before: StreamProgress | undefined, event: Moved): StreamProgress {
  const start = { stream: event.stream, startedMs: Date.now(), phase: 'waiting', label: '', rows: 0 }
  const state: StreamProgress = before ?? { ...start, bytes: new Map(), done: 0, total: 1 }
  if (event.type === 'wait') return { ...state, wait: { reason: event.reason, until: event.until } }
  const { phase, label, rows, done, total } = event
  const bytes = new Map(state.bytes).set(label, Math.max(event.bytes, state.bytes.get(label) ?? 0))
  return { ...state, phase, label, rows, done, total, bytes, wait: undefined }
}

/** Everything about a stream in one line, without its name. */
function describe({ startedMs, phase, label, bytes, rows, done, total, wait }: StreamProgress): string {
  const elapsed = Math.max(0.001, (Date.now() - startedMs) / 1000)
  const read = [...bytes.values()].reduce((sum, value) => sum + value, 0)
  const left = done > 0 && total > done ? `, about ${seconds((elapsed / done) * (total - done))} left` : ''
  const doing =
    wait && wait.until.getTime() > Date.now()
      ? `${waitText(wait.reason)} until ${time(wait.until.toISOString()).slice(11)}`
      : `${phase} ${label}`
  return `${done}/${total}, ${count(rows)} rows, ${count(Math.round(rows / elapsed))} rows/s, ${size(read)}${left}; ${doing}`
}

function waitText(reason: string): string {
  const known = new Map<string, string>(
    Object.entries({
      pace: 'keeping the rate limit, waiting',
      rate_limit: 'rate limited by Iterable, waiting',
      server_error: 'Iterable fails, waiting',
      connection: 'the connection fails, waiting',
    }),
  )
  return known.get(reason) ?? `${reason}, waiting`
}

function finishedText({ noteColors }: Terminal, report: StreamReport): string {
  const { stream, state, rows_read, rows_written, rows_rejected, error } = report
  const rows =
    rows_read === rows_written
      ? counted(rows_written, 'row')
      : `${counted(rows_read, 'row')} read, ${count(rows_written)} written`
  const rejected = rows_rejected > 0 ? `, ${count(rows_rejected)} rejected` : ''
  const color =
    { succeeded: noteColors.green, failed: noteColors.red }[state as 'failed'] ?? noteColors.yellow
  return `${color(state.replaceAll('_', ' '))} ${stream}: ${rows}${rejected}${error ? `; ${oneLine(error, 300)}` : ''}`
}

const noticeText = ({ stream, message }: Extract<SyncEvent, { type: 'notice' }>): string =>
  stream ? `${stream}: ${message}` : message

const plainEveryMs = 10_000

function plainProgress(terminal: Terminal): Progress {
  const active = new Map<string, StreamProgress>()
  const timer = setInterval(() => {
    for (const state of active.values()) terminal.note(`${state.stream}: ${describe(state)}`)
  }, plainEveryMs)
  timer.unref()
  return {
    onEvent(event) {
      if (event.type === 'finished') {
        active.delete(event.report.stream)
        terminal.note(finishedText(terminal, event.report))
      } else if (event.type === 'notice') terminal.note(noticeText(event))
      else if (event.type === 'started') {
        terminal.note(`run ${event.runId}: ${counted(event.streams.length, 'stream')}`)
      } else active.set(event.stream, moved(active.get(event.stream), event))
    },
    stop: () => clearInterval(timer),
  }
}

function liveProgress(terminal: Terminal): Progress {
  const bars = new Map<string, { readonly bar: SingleBar; state: StreamProgress }>()
  const multi = new MultiBar({
    stream: terminal.noteStream,
    hideCursor: true,
    clearOnComplete: true,
    emptyOnZero: true,
    fps: 8,
    // Ctrl-C belongs to the command.
    gracefulExit: false,
    format: (_options, _parameters, { state }: { state?: StreamProgress }) =>
      state ? barText(terminal, state) : '',
  })
  const say = (text: string) => multi.log(`${terminal.redacted(text)}\n`)
  return {
    onEvent(event) {
      if (event.type === 'started') return
      if (event.type === 'notice') return say(noticeText(event))
      if (event.type === 'finished') {
        const known = bars.get(event.report.stream)
        if (known) multi.remove(known.bar)
        bars.delete(event.report.stream)
        return say(finishedText(terminal, event.report))
      }
      const known = bars.get(event.stream)
      const state = moved(known?.state, event)
      if (known) known.state = state
      else bars.set(event.stream, { bar: multi.create(1, 0, { state }), state })
      bars.get(event.stream)?.bar.update(0, { state })
    },
    stop: () => multi.stop(),
  }
}

function barText(terminal: Terminal, state: StreamProgress): string {
  const width = 10
  const filled = Math.round((width * state.done) / Math.max(1, state.total))
  const bar = '█'.repeat(filled) + '░'.repeat(width - filled)
  return cut(terminal.redacted(`${state.stream.padEnd(17)} ${bar} ${describe(state)}`), terminal.columns - 1)
}
