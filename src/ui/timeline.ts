/** What happened beside each other, as bars over one time: for the eye, without a script; each lane says the same in words. */
import { counted, seconds, time } from '../words.ts'
import { type Html, html } from './html.ts'

export interface Bar {
  readonly from: string
  readonly to: string
  /** The first part of it, in which nothing could be done. */
  readonly waitedMs: number
  readonly isAgain: boolean
  readonly title: string
}

export interface Lane {
  readonly name: Html | string
  readonly label: string
  readonly bars: readonly Bar[]
}

const width = 1000
const height = 16

/** Lanes over the time from the first bar to the last. `noun` is what one bar is. */
export function timeline(title: string, noun: string, lanes: readonly Lane[]): Html {
  const bars = lanes.flatMap((lane) => lane.bars)
  const from = Math.min(...bars.map((bar) => Date.parse(bar.from)))
  const to = Math.max(...bars.map((bar) => Date.parse(bar.to)), from + 1)
  const at = (ms: number) => Math.round(((ms - from) / (to - from)) * width)
  return html`
    <figure class="timeline">
      <figcaption>${title}</figcaption>
      <table>
        <tbody>
          ${lanes.map(
            ({ name, label, bars }) => html`<tr>
              <th scope="row">${name}</th>
              <td><svg role="img" aria-label="${inWords(label, noun, bars)}" viewBox="0 0 ${width} ${height}" preserveAspectRatio="none">${bars.map((bar) => drawn(bar, at))}</svg></td>
            </tr>`,
          )}
        </tbody>
      </table>
      <p class="soft">From ${time(new Date(from).toISOString())} to ${time(new Date(to).toISOString())}, ${seconds((to - from) / 1000)}. What is pale was waiting; another colour: a request had to be sent again.</p>
    </figure>`
}

function drawn({ from, to, waitedMs, isAgain, title }: Bar, at: (ms: number) => number): Html {
  const [begin, end] = [Date.parse(from), Date.parse(to)]
  const [left, right] = [at(begin), at(end)]
  const middle = Math.min(right, at(begin + waitedMs))
  const waiting =
    middle > left &&
    html`<rect class="pale" x="${left}" y="0" width="${middle - left}" height="${height}"></rect>`
  return html`<g class="${isAgain ? 'again' : 'once'}"><title>${title}</title>${waiting}<rect x="${Math.min(middle, width - 2)}" y="0" width="${Math.max(2, right - middle)}" height="${height}"></rect></g>`
}

function inWords(label: string, noun: string, bars: readonly Bar[]): string {
  const ms = bars.reduce((sum, bar) => sum + Date.parse(bar.to) - Date.parse(bar.from), 0)
  const again = bars.filter(({ isAgain }) => isAgain).length
  return `${label}: ${counted(bars.length, noun)}, ${seconds(ms / 1000)} in all, ${again} with requests sent again`
}
