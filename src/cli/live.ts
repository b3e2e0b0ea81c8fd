/** Lines at the foot of a terminal that change in place, and lines that pass above them: nothing else writes there. */
import { createLogUpdate } from 'log-update'
import { cutToWidth } from './text.ts'

const redrawMs = 120
/** What a terminal without a height is taken for. */
const usualRows = 24

/** Draws what `lines` says, again and again, until it is stopped. */
export class LiveLines {
  readonly #stream: NodeJS.WriteStream
  readonly #lines: () => readonly string[]
  readonly #draw: ReturnType<typeof createLogUpdate>
  readonly #timer: NodeJS.Timeout
  #drawn = 0

  constructor(stream: NodeJS.WriteStream, lines: () => readonly string[]) {
    this.#stream = stream
    this.#lines = lines
    this.#draw = createLogUpdate(stream)
    this.#timer = setInterval(() => this.redraw(), redrawMs)
    this.#timer.unref()
  }

  /** A line that stays, above those that change. */
  persist(text: string): void {
    this.#draw.persist(text)
    this.redraw()
  }

  /** Takes the lines away; the terminal is as it was. */
  stop(): void {
    clearInterval(this.#timer)
    this.#draw.clear()
    this.#draw.done()
  }

  /** Draws what the lines are now. A line that is wrapped, or pushed out above, could not be drawn over any more. */
  redraw(): void {
    const { columns = 80, rows = usualRows } = this.#stream
    const lines = this.#lines()
    const room = Math.max(1, rows - 2)
    const shown =
      lines.length > room ? [...lines.slice(0, room - 1), `… and ${lines.length - room + 1} more`] : lines
    // log-update 7.2 draws only what differs, and loses a line where one comes or goes above lines that stay.
    if (shown.length !== this.#drawn) this.#draw.clear()
    this.#drawn = shown.length
    this.#draw(shown.map((line) => cutToWidth(line, columns - 1)).join('\n'))
  }
}
