/** Progress of an export on stderr: one live line on a terminal, plain lines elsewhere. */
import { SingleBar } from 'cli-progress'
import type { ExportEvent } from '../index.ts'
import type { Terminal } from './terminal.ts'
import { count, counted, cut, seconds, time } from './text.ts'

export interface ExportProgress {
  readonly onEvent: (event: ExportEvent) => void
  stop(): void
}

const plainEveryMs = 10_000

/** Hears the events of an export and shows where it is. */
export function exportProgress(terminal: Terminal): ExportProgress {
  const startedMs = Date.now()
  let line = 'starting'
  const bar = terminal.isLive ? liveLine(terminal, () => line) : undefined
  const timer = bar ? undefined : setInterval(() => terminal.note(line), plainEveryMs)
  timer?.unref()
  return {
    onEvent(event) {
      if (event.type === 'notice') {
        bar?.pause()
        terminal.note(event.message)
        bar?.goOn()
      } else if (event.type !== 'started') line = textOf(event, (Date.now() - startedMs) / 1000)
      bar?.draw()
    },
    stop() {
      clearInterval(timer)
      bar?.pause()
    },
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

function liveLine(terminal: Terminal, text: () => string) {
  const bar = new SingleBar({
    stream: terminal.noteStream,
    hideCursor: true,
    clearOnComplete: true,
    gracefulExit: false,
    fps: 8,
    format: () => cut(terminal.redacted(text()), terminal.columns - 1),
  })
  bar.start(1, 0)
  return {
    draw: () => bar.update(0),
    pause: () => bar.stop(),
    goOn: () => bar.start(1, 0),
  }
}
