/** Progress of a sync on stderr: lines that change in place on a terminal, a plain line now and then elsewhere. */
import type { StreamReport, SyncEvent } from '../index.ts'
import { SyncState } from './sync-state.ts'
import type { Terminal } from './terminal.ts'
import { count, counted, oneLine } from './text.ts'

/** Hears the events of a sync; `stop` leaves the terminal as it was. */
export interface ProgressDisplay {
  readonly onEvent: (event: SyncEvent) => void
  stop(): Promise<void>
}

/** Progress in the form that suits the terminal. */
export function syncProgress(terminal: Terminal): ProgressDisplay {
  const state = new SyncState(Date.now())
  const shown = terminal.showProgress({
    lines: () => state.lines(Date.now(), terminal.columns),
    line: () => state.wholeLine(Date.now()),
  })
  return {
    onEvent(event) {
      state.hear(event)
      const line = lineOf(terminal, event)
      if (line !== undefined) terminal.note(line)
    },
    stop: () => shown.stop(),
  }
}

/** What is said once, and stays. */
function lineOf(terminal: Terminal, event: SyncEvent): string | undefined {
  switch (event.type) {
    case 'notice':
      return event.stream ? `${event.stream}: ${event.message}` : event.message
    case 'finished':
      // Of an interruption one sentence is said in the end, not one for each stream.
      return event.report.state === 'cancelled' ? undefined : finishedText(terminal, event.report)
    case 'started':
      return terminal.isLive ? undefined : `run ${event.runId}: ${counted(event.streams.length, 'stream')}`
    default:
      return undefined
  }
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
