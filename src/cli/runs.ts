/** `runs`: the history, and one run in detail. */
import type { Command } from 'commander'
import { withDocs } from '../errors.ts'
import type { ExportDetail, RunDetail, RunSummary } from '../index.ts'
import { remarksOf, streamsOfRun } from '../report/run-streams.ts'
import { action, type Context, type Runtime, withExamples } from './command.ts'
import { sayPlanView } from './plan.ts'
import type { Terminal } from './terminal.ts'
import { count, cutToWidth, oneLine, seconds, size, time } from './text.ts'
import { wholeNumber } from './values.ts'

interface RunsOptions {
  readonly limit: number
}

export function runsCommand(program: Command, runtime: Runtime): void {
  const command = program
    .command('runs')
    .description('List the latest runs, or show one in detail.')
    .argument('[run-id]', 'a run, by its id or the beginning of it')
    .option('--limit <number>', 'how many runs to list', wholeNumber(1), 20)
  withExamples(command, 'runs --limit 5', 'runs 508a1087')
  command.action(action<RunsOptions, [string | undefined]>(runtime, runRuns))
}

async function runRuns(
  { open, terminal }: Context,
  { limit }: RunsOptions,
  runId: string | undefined,
): Promise<undefined> {
  await using elt = await open()
  if (runId !== undefined) {
    const run = await elt.run(runId)
    terminal.result(run, () => sayRun(terminal, run))
    return
  }
  const runs = await elt.runs({ limit })
  terminal.result({ runs }, () => sayRuns(terminal, runs))
}

/** Runs as a table. */
export function sayRuns(terminal: Terminal, runs: readonly RunSummary[]): void {
  if (runs.length === 0) {
    terminal.say('nothing has run yet')
    return
  }
  const rows = runs.map((run) => [
    run.run_id.slice(0, 8),
    run.job,
    run.state.replaceAll('_', ' '),
    time(run.started_at ?? run.due_at),
    tookText(run),
    count(run.rows_read),
    count(run.rows_written),
    count(run.rows_rejected),
    cutToWidth(oneLine(run.error_text ?? ''), 60),
  ])
  const head = ['run', 'job', 'state', 'started', 'took', 'read', 'written', 'rejected', 'error']
  terminal.sayTable(head, rows, 'lllllrrrl', ['read', 'took', 'rejected'])
}

function sayRun(terminal: Terminal, run: RunDetail & { readonly export: ExportDetail | null }): void {
  const facts: readonly (readonly [string, string])[] = [
    ['run', run.run_id],
    ['job', `${run.job} (${run.trigger})`],
    ['state', run.state.replaceAll('_', ' ')],
    ['started', time(run.started_at)],
    ['finished', time(run.finished_at)],
    ['took', tookText(run)],
    [
      'rows',
      `${count(run.rows_read)} read, ${count(run.rows_written)} written, ${count(run.rows_rejected)} rejected`,
    ],
    ['read', `${size(run.bytes_read)} in ${count(run.api_calls)} API calls`],
  ]
  for (const [name, value] of facts) terminal.say(`${name.padEnd(9)} ${value}`)
  if (run.error_text)
    terminal.say(
      `${'error'.padEnd(9)} ${run.error_code}: ${withDocs(terminal.proposing(run.error_text), run.error_code)}`,
    )
  if (run.export) sayExportDetail(terminal, run.run_id, run.export)
  const streams = streamsOfRun(run.details).filter(({ state }) => state !== null)
  if (streams.length > 0) {
    const rows = streams.map((stream) => [
      stream.stream,
      (stream.state ?? '').replaceAll('_', ' '),
      count(stream.rows_read),
      count(stream.rows_written),
      count(stream.rows_rejected),
      oneLine(remarksOf(stream), 80),
    ])
    terminal.say()
    terminal.sayTable(['stream', 'state', 'read', 'written', 'rejected', 'remarks'], rows, 'llrrrl', ['read'])
  }
  if (run.rejects.length > 0) {
    const rows = run.rejects.map(({ source, code, rows: rejected }) => [source, code, count(rejected)])
    terminal.say()
    terminal.sayTable(['rejected by', 'reason', 'rows'], rows, 'llr')
  }
}

function sayExportDetail(terminal: Terminal, runId: string, detail: ExportDetail): void {
  const { planned, plan, approval, brakes } = detail
  const line = (name: string, value: string) => terminal.say(`${name.padEnd(9)} ${value}`)
  line('list', `${detail.list_name ?? '?'} (${detail.list_id}), ${detail.action}`)
  line(
    'plan',
    `add ${count(planned.add)}, update ${count(planned.update)}, remove ${count(planned.remove)}, unchanged ${count(planned.unchanged)}, rejected ${count(detail.rejected)}, skipped ${count(detail.skipped)}`,
  )
  line('done', `${count(detail.sent)} sent, ${count(detail.removed)} taken off the list`)
  for (const { brake, verdict, message } of brakes) line('brake', `${brake} (${verdict}): ${message}`)
  if (approval) {
    const why = approval.note === null ? '' : `: ${approval.note}`
    line(approval.decision, `by ${approval.by}, ${time(approval.at)}${why}`)
  }
  if (!plan) return
  sayPlanView(terminal, plan)
  if (!approval)
    terminal.say(
      terminal.proposing(`\napprove it with: iterable-elt runs approve ${runId.slice(0, 8)} --note "why"`),
    )
}

function tookText({ started_at, finished_at }: RunSummary): string {
  if (started_at === null || finished_at === null) return '–'
  return seconds((Date.parse(finished_at) - Date.parse(started_at)) / 1000)
}
