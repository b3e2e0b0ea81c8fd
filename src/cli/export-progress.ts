/** Progress of an export on stderr: one live line on a terminal, plain lines elsewhere. */
import type { ExportEvent } from '../index.ts'
import type { Terminal } from './terminal.ts'
import { count, counted, seconds, time } from './text.ts'

export interface ExportProgress {
  readonly onEvent: (event: ExportEvent) => void
  stop(): Promise<void>
}

/** Hears the events of an export and shows where it is. */
export function exportProgress(terminal: Terminal): ExportProgress {
  const startedMs = Date.now()
  let line = 'starting'
  const shown = terminal.showProgress({ lines: () => [line], line: () => line })
  return {
    onEvent(event) {
      if (event.type === 'notice') terminal.note(event.message)
      else if (event.type !== 'started') line = textOf(event, (Date.now() - startedMs) / 1000)
    },
    stop: () => shown.stop(),
  }
}

function textOf(event: Exclude<ExportEvent, { type: 'started' | 'notice' }>, elapsed: number): string {
  if (event.type === 'progress') return `${event.phase}: ${counted(event.rows, 'row')}`
  if (event.type === 'wait')
    return `waiting until ${time(event.until.toISOString()).slice(11)}: ${event.reason.replaceAll('_', ' ')}`
  const { batches, batchesDone, rows, rowsDone } = event
  const left =
    batchesDone > 0 && batches > batchesDone
      ? `, about ${seconds((elapsed / batchesDone) * (batches - batchesDone))} left`
      : ''
  return `sending: ${count(rowsDone)} of ${counted(rows, 'row')}, ${count(batchesDone)} of ${counted(batches, 'batch').replace('batchs', 'batches')}${left}`
}
