/** The course of a run: its timeline, its steps one by one, and what it told. */
import type { LogStatus, StepStatus } from '../../report/course.ts'
import type { BatchStatus } from '../../report/run-detail.ts'
import { count, seconds, size } from '../../words.ts'
import { type Html, html } from '../html.ts'
import type { Page } from '../page.ts'
import { badge, htmlTable, runLink, streamLink, timeElement } from '../parts.ts'
import { type Lane, timeline } from '../timeline.ts'

/** Steps of a run that are drawn, those of them that are listed, and lines of its log. */
export const stepsDrawn = 1_000
export const stepsListed = 100
export const linesShown = 1_000

/** Windows and lists of a sync. */
export function stepsPart(steps: readonly StepStatus[]): Html | null {
  if (steps.length === 0) return null
  const lanes = new Map<string, Lane['bars'][number][]>()
  for (const step of steps) {
    const { stream, begun_at, ended_at, waited_ms, retries } = step
    const bars = lanes.get(stream) ?? []
    const title = `${step.step}: ${count(step.rows_read)} rows, ${seconds(tookMs(step) / 1000)}`
    lanes.set(stream, bars)
    bars.push({ from: begun_at, to: ended_at, waitedMs: waited_ms, isAgain: retries > 0, title })
  }
  const drawn = [...lanes].map(([stream, bars]) => ({ name: streamLink(stream), label: stream, bars }))
  return html`
    <h2>Course</h2>
    ${timeline('Windows, lists and tables, from the first byte to the commit', 'step', drawn)}
    <details>
      <summary>One by one</summary>
      ${stepsTable(steps.slice(0, stepsListed), 'stream')}
      ${steps.length > stepsListed && html`<p class="soft">The first ${stepsListed}; the table <code>run_steps</code> has all of them.</p>`}
    </details>`
}

/** Steps one by one, with the stream or the run that each is of. */
export const stepsTable = (steps: readonly StepStatus[], of: 'stream' | 'run'): Html =>
  htmlTable(
    'Steps',
    [
      ...[of, 'window, list or table', 'committed', 'took', 'waited', 'calls', 'sent again'],
      ...['read', 'written', 'rejected', 'size'],
    ],
    steps.map((step) => [
      of === 'stream' ? streamLink(step.stream) : runLink(step.run_id),
      ...[
        step.step,
        timeElement(step.ended_at),
        seconds(tookMs(step) / 1000),
        seconds(step.waited_ms / 1000),
      ],
      ...[count(step.api_calls), count(step.retries), count(step.rows_read), count(step.rows_written)],
      ...[count(step.rows_rejected), size(step.bytes_read)],
    ]),
    'lllrrrrrrrr',
  )

const tookMs = ({ begun_at, ended_at }: Pick<StepStatus, 'begun_at' | 'ended_at'>): number =>
  Math.max(0, Date.parse(ended_at) - Date.parse(begun_at))

/** Requests of an export. */
export function batchesPart(batches: readonly BatchStatus[], { now }: Pick<Page, 'now'>): Html | null {
  const lanes = new Map<string, Lane['bars'][number][]>()
  for (const { batch_no, op, rows, retries, waited_ms, sent_at, acked_at } of batches) {
    if (sent_at === null) continue
    const bars = lanes.get(op) ?? []
    lanes.set(op, bars)
    const title = `no. ${batch_no}: ${count(rows)} people`
    const to = acked_at ?? now.toISOString()
    bars.push({ from: sent_at, to, waitedMs: waited_ms, isAgain: retries > 0, title })
  }
  if (lanes.size === 0) return null
  return timeline(
    'Requests, from when they were sent to when Iterable had taken them',
    'request',
    [...lanes].map(([op, bars]) => ({ name: op, label: op, bars })),
  )
}

export const logPart = ({ see }: Page, lines: readonly LogStatus[]): Html => html`
  <h2>Log</h2>
  ${htmlTable(
    'Log',
    ['when', 'level', 'stream', 'message'],
    lines.map(({ at, level, stream, message }) => [
      ...[timeElement(at), badge(level), stream, see.reason(message)],
    ]),
  )}`
