/** `sync`: Iterable → warehouse. */
import type { Command } from 'commander'
import { ConfigError, exitCodes, withDocs } from '../errors.ts'
import type { SyncPlan, SyncReport, SyncRequest } from '../index.ts'
import { newColumnsText } from '../report/run-streams.ts'
import { action, type Context, type Runtime, withExamples } from './command.ts'
import type { Terminal } from './terminal.ts'
import { count, counted, seconds, time } from './text.ts'

interface SyncOptions {
  readonly fullRefresh?: boolean
  readonly from?: string
  readonly to?: string
  readonly dryRun?: boolean
  readonly strict?: boolean
}

export function syncCommand(program: Command, runtime: Runtime): void {
  const command = program
    .command('sync')
    .description('Replicate the configured (or named) streams into the warehouse.')
    .argument(
      '[stream...]',
      'names or globs of streams; !name excludes one, and alone it does so from those configured',
    )
    .option('--full-refresh', 'reload from start_date')
    .option('--from <day>', 'reload a slice of event streams from here on (MM/DD/YYYY or ISO 8601, UTC)')
    .option('--to <day>', 'the end of the slice; this instant is not part of it')
    .option('--dry-run', 'show the windows and API calls, and how long the rate limits make them take')
    .option('--strict', 'exit with 1 when rows were rejected')
  withExamples(command, "sync email_send 'email_*'", 'sync email_open --from 01/01/2026 --to 02/01/2026')
  command.action(action<SyncOptions, [readonly string[]]>(runtime, runSync))
}

async function runSync(context: Context, options: SyncOptions, streams: readonly string[]): Promise<number> {
  const request: SyncRequest = { streams, ...(await reachOf(options)), signal: context.signal }
  await using elt = await context.open()
  if (options.dryRun) {
    const plan = await elt.planSync(request)
    context.terminal.result(plan, () => sayPlan(context.terminal, plan))
    return exitCodes.success
  }
  const report = await syncWithProgress(context.terminal, (onProgress) =>
    elt.sync({ ...request, onProgress }),
  )
  const isFine = report.state === 'succeeded'
  context.terminal.outcome(report, { isFine }, () => sayReport(context.terminal, report))
  return exitCodeOf(report, options)
}

/** Syncs while showing progress. */
export async function syncWithProgress(
  terminal: Terminal,
  sync: (onProgress: NonNullable<SyncRequest['onProgress']>) => Promise<SyncReport>,
): Promise<SyncReport> {
  const { syncProgress } = await import('./progress.ts')
  const progress = syncProgress(terminal)
  try {
    return await sync(progress.onEvent)
  } finally {
    await progress.stop()
  }
}

function exitCodeOf({ state }: SyncReport, { strict }: SyncOptions): number {
  if (state === 'cancelled') return exitCodes.interrupted
  const isFailure = state === 'failed' || (strict && state === 'succeeded_with_rejects')
  return isFailure ? exitCodes.failed : exitCodes.success
}

/** What of the streams is asked for. @throws ConfigError */
async function reachOf({
  fullRefresh,
  from,
  to,
}: SyncOptions): Promise<Pick<SyncRequest, 'fullRefresh' | 'slice'>> {
  if (from === undefined && to === undefined) return { fullRefresh: fullRefresh ?? false }
  if (from === undefined || to === undefined) {
    throw usageError(`--from and --to go together; ${from === undefined ? '--from' : '--to'} is missing`)
  }
  if (fullRefresh) throw usageError('--full-refresh reloads everything, --from and --to a slice: choose one')
  const slice = { from: await instantOf('--from', from), to: await instantOf('--to', to) }
  if (slice.from >= slice.to) throw usageError(`--from ${from} is not before --to ${to}`)
  return { slice }
}

/** An option that is a day or an instant. @throws ConfigError */
export async function instantOf(option: string, text: string): Promise<Date> {
  const { instantSetting: instant } = await import('../config/values.ts')
  const { data, error } = instant.safeParse(text)
  if (data) return data
  throw usageError(`${option} ${JSON.stringify(text)}: ${error?.issues[0]?.message}`)
}

const usageError = (message: string) => new ConfigError(message, { code: 'usage' })

/** The report as a table, with what went wrong below. */
function sayReport(terminal: Terminal, report: SyncReport): void {
  const { colors } = terminal
  const rows = report.streams.map((stream) => [
    stream.stream,
    stream.state.replaceAll('_', ' '),
    count(stream.rows_read),
    count(stream.rows_written),
    count(stream.rows_rejected),
    count(stream.windows),
    count(stream.api_calls),
    time(stream.bookmark),
  ])
  const head = ['stream', 'state', 'read', 'written', 'rejected', 'parts', 'calls', 'bookmark']
  terminal.sayTable(head, rows, 'llrrrrrl', ['calls', 'parts', 'read'])
  for (const { stream, new_columns, notes } of report.streams) {
    const columns = newColumnsText(new_columns)
    for (const note of columns === null ? notes : [columns, ...notes]) terminal.say(`${stream}: ${note}`)
  }
  for (const { stream, state, error, error_code } of report.streams) {
    if (state === 'skipped') terminal.say(`${stream}: ${error}`)
    else if (error !== null && state !== 'cancelled')
      terminal.say(`${colors.red('error:')} ${stream}: ${withDocs(error, error_code)}`)
  }
  terminal.say(
    `\nrun ${report.run_id} ${report.state.replaceAll('_', ' ')}: ${counted(report.rows_read, 'row')} read, ${count(report.rows_written)} written, ${count(report.rows_rejected)} rejected`,
  )
  const cancelled = report.streams.filter(({ state }) => state === 'cancelled').length
  if (cancelled > 0)
    terminal.say(`interrupted before ${counted(cancelled, 'stream')} finished; the next sync resumes there`)
  if (report.rows_rejected > 0)
    terminal.say(
      terminal.proposing(`"iterable-elt rejects --run ${report.run_id.slice(0, 8)}" shows the rejected rows`),
    )
}

function sayPlan(terminal: Terminal, plan: SyncPlan): void {
  const asked = plan.streams.filter(({ left_out }) => left_out === null)
  const rows = asked.map(({ stream, windows, routes, api_calls }) => [
    stream,
    count(windows.length),
    time(windows[0]?.from.toISOString() ?? null),
    time(windows.at(-1)?.to.toISOString() ?? null),
    routes.map((one) => routeText(one, routes.length)).join('; ') || '–',
    count(api_calls),
  ])
  terminal.sayTable(['stream', 'windows', 'from', 'to', 'route', 'API calls'], rows, 'lrlllr', ['route'])
  sayNamed(
    terminal,
    'a sweep is due: late rows are looked for in',
    plan,
    ({ sweep_from }) => sweep_from !== null,
  )
  sayNamed(
    terminal,
    'left out until tomorrow, the project lacks',
    plan,
    ({ left_out }) => left_out === 'lacking',
  )
  sayNamed(
    terminal,
    'left out until tomorrow, empty for a month:',
    plan,
    ({ left_out }) => left_out === 'quiet',
  )
  const isGuess = plan.streams.some(({ is_guess }) => is_guess)
  sayNamed(
    terminal,
    'days are counted one by one, since nothing is known yet (a sync reads one, and then as much at once as may be):',
    plan,
    ({ is_guess }) => is_guess,
  )
  const calls = `${counted(plan.api_calls, 'API call')} at ${isGuess ? 'most, unless a day brings too much' : 'least'}`
  terminal.say(
    `\n${calls}; the rate limits make them take ${isGuess ? 'up to' : 'about'} ${seconds(plan.seconds)}. Nothing was read.`,
  )
}

/** A line with the names of the streams that something is true of, where there are any. */
function sayNamed(
  terminal: Terminal,
  what: string,
  { streams }: SyncPlan,
  isTrueOf: (stream: SyncPlan['streams'][number]) => boolean,
): void {
  const names = streams.filter(isTrueOf).map(({ stream }) => stream)
  if (names.length > 0) terminal.say(`${what} ${names.join(', ')}`)
}

/** `direct (small)`, or `3 by jobs (large); 1 by direct (small)`. */
const routeText = (
  { route, reason, windows }: SyncPlan['streams'][number]['routes'][number],
  routes: number,
) => `${routes > 1 ? `${count(windows)} by ` : ''}${route} (${reason})`
