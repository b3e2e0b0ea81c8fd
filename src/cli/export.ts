/** `export`: SQL rows → a list of Iterable. */
import { type Command, Option } from 'commander'
import { ConfigError, exitCodes, withDocs } from '../errors.ts'
import type { AdhocExport, ExportPlan, ExportReport, ExportRequest } from '../index.ts'
import { action, type Context, type Runtime, withExamples } from './command.ts'
import { sayPlanView } from './plan.ts'
import type { Terminal } from './terminal.ts'
import { count, counted, seconds } from './text.ts'

interface ExportOptions {
  readonly query?: string
  readonly queryFile?: string
  readonly result?: string
  readonly connection?: string
  readonly dryRun?: boolean
  readonly csv?: string
  readonly strict?: boolean
  readonly verify?: boolean
}

export function exportCommand(program: Command, runtime: Runtime): void {
  const command = program
    .command('export')
    .description('Run a saved export, or an ad-hoc query with Treasure Data result settings.')
    .argument('[name]', 'a saved export')
    .addOption(new Option('--query <sql>', 'an ad-hoc query').conflicts('queryFile'))
    .option('--query-file <file>', 'a file with an ad-hoc query')
    .option('--result <json>', 'where its rows go; @FILE and - read it from a file or standard input')
    .option('--connection <name>', 'connection of the configuration for an ad-hoc query')
    .option('--dry-run', 'show the plan and send nothing')
    .option('--csv <file>', 'with --dry-run: write every person and changed field of the plan')
    .option('--verify', 'read the list back after sending and compare')
    .option('--strict', 'exit with 1 when rows were rejected')
  withExamples(
    command,
    'export vip --dry-run',
    'export vip --dry-run --csv plan.csv',
    `export --query 'select email from iterable.users' --connection iterable --result '{"action":"add","list_id":123}'`,
  )
  command.action(action<ExportOptions, [string | undefined]>(runtime, runExport))
}

async function runExport(
  context: Context,
  options: ExportOptions,
  name: string | undefined,
): Promise<number> {
  const { terminal } = context
  if (options.csv !== undefined && !options.dryRun) throw usage('--csv writes a plan: give --dry-run with it')
  const what = await whatToExport(context, options, name)
  await using elt = await context.open()
  if (options.dryRun) {
    const onChanges = options.csv === undefined ? undefined : await csvReader(options.csv)
    const plan = await withProgress(context, (request) =>
      elt.planExport(what, { ...request, ...(onChanges && { onChanges }) }),
    )
    terminal.result(plan, () => sayPlan(terminal, plan))
    if (options.csv !== undefined) terminal.note(`every change of the plan is in ${options.csv}`)
    return plan.state === 'held'
      ? exitCodes.held
      : plan.state === 'failed'
        ? exitCodes.failed
        : exitCodes.success
  }
  const report = await withProgress(context, (request) =>
    elt.export(what, { ...request, verify: options.verify ?? false }),
  )
  const exitCode = exportExitCode(report, options.strict)
  terminal.outcome(report, { isFine: exitCode === 0 && report.rejected === 0 }, () =>
    sayExport(terminal, report),
  )
  return exitCode
}

async function csvReader(path: string) {
  const { planFile } = await import('./plan-file.ts')
  return planFile(path)
}

/** Runs work of an export while showing progress; the batches on their way may come to their end after Ctrl-C. */
export async function withProgress<T>(
  { terminal, signal, interruption }: Context,
  work: (request: ExportRequest) => Promise<T>,
): Promise<T> {
  const { exportProgress } = await import('./export-progress.ts')
  interruption.waitForTheEnd()
  const progress = exportProgress(terminal)
  try {
    return await work({ signal, onProgress: progress.onEvent })
  } finally {
    await progress.stop()
  }
}

/** 3 for a held plan, 2 where something must be changed first, 130 for an interruption that can be gone on from. */
export function exportExitCode({ state, error_kind, verified }: ExportReport, isStrict = false): number {
  if (state === 'cancelled') return exitCodes.interrupted
  if (state === 'held') return exitCodes.held
  if (state === 'failed') return error_kind === 'config' ? exitCodes.usage : exitCodes.failed
  const differs = verified !== undefined && verified.missing + verified.left_over > 0
  return differs || (isStrict && state === 'succeeded_with_rejects') ? exitCodes.failed : exitCodes.success
}

async function whatToExport(
  context: Context,
  { query, queryFile, result, connection }: ExportOptions,
  name: string | undefined,
): Promise<string | AdhocExport> {
  const isAdhoc = query !== undefined || queryFile !== undefined
  if (name !== undefined) {
    if (isAdhoc || result !== undefined || connection !== undefined) {
      throw usage(
        `a saved export has its own query and settings: leave out "${name}", or --query, --result and --connection`,
      )
    }
    return name
  }
  if (!isAdhoc) throw usage('name a saved export, or give --query and --result')
  if (result === undefined) {
    throw usage(
      '--query needs --result, e.g. \'{"type":"iterable","action":"add","list_id":123}\' with --connection',
    )
  }
  if (queryFile === '-' && result === '-')
    throw usage('standard input can hold the query or the result, not both')
  const text = query ?? (await read(queryFile === '-' ? '-' : `@${queryFile}`, '--query-file', context))
  const settings = await read(result, '--result', context)
  context.terminal.hide(
    [...settings.matchAll(/api_?key["']?\s*[:=]\s*["']?([^"',}\s]{8,})/gi)].map(([, key]) => key ?? ''),
  )
  return { query: text, result: settings, connection }
}

/** `@FILE` and `-` stand for what they hold. */
async function read(given: string, option: string, { stdin }: Context): Promise<string> {
  if (given === '-') {
    const chunks: Buffer[] = []
    for await (const chunk of stdin) chunks.push(Buffer.from(chunk))
    return Buffer.concat(chunks).toString('utf8')
  }
  if (!given.startsWith('@')) return given
  const { readFile } = await import('node:fs/promises')
  const file = given.slice(1)
  return readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw usage(`${option}: cannot read ${file} (${error.code})`)
  })
}

const usage = (message: string) => new ConfigError(message, { code: 'usage' })

/** What became of an export. */
export function sayExport(terminal: Terminal, report: ExportReport): void {
  const { colors } = terminal
  const { planned, sent, removed, rejected, skipped, rows, batches, brakes, error, verified } = report
  terminal.say(
    `run ${report.run_id.slice(0, 8)} of ${report.export} ${report.state.replaceAll('_', ' ')}: ${counted(rows, 'row')} of the query = ${count(sent)} sent + ${count(planned.unchanged)} unchanged + ${count(rejected)} rejected + ${count(skipped)} skipped`,
  )
  if (removed > 0)
    terminal.say(`${counted(removed, 'person').replace('persons', 'people')} taken off the list`)
  if (batches > 0) terminal.say(`${counted(batches, 'request')} acknowledged`)
  for (const { brake, verdict, message } of brakes)
    terminal.say(`${colors.yellow(verdict)} ${brake}: ${message}`)
  if (error !== null)
    terminal.say(
      report.state === 'held'
        ? error
        : `${colors.red('error:')} ${withDocs(terminal.proposing(error), report.error_code)}`,
    )
  if (report.state === 'held')
    terminal.say(
      terminal.proposing(
        `"iterable-elt runs ${report.run_id.slice(0, 8)}" shows the plan; approve it with: iterable-elt runs approve ${report.run_id.slice(0, 8)} --note "why"`,
      ),
    )
  if (rejected > 0)
    terminal.say(
      terminal.proposing(`"iterable-elt rejects --run ${report.run_id.slice(0, 8)}" shows the rejected rows`),
    )
  if (verified) {
    const { expected, missing, left_over, others, examples } = verified
    terminal.say(
      `read back: ${count(expected)} expected, ${count(missing)} missing, ${count(left_over)} left over, ${count(others)} others${examples.length > 0 ? ` (e.g. ${examples.join(', ')})` : ''}`,
    )
  }
}

function sayPlan(terminal: Terminal, plan: ExportPlan): void {
  const { planned } = plan
  terminal.say(
    `${plan.export} → list ${plan.list_name ?? '?'}: ${counted(plan.rows, 'row')} of the query; add ${count(planned.add)}, update ${count(planned.update)}, remove ${count(planned.remove)}, unchanged ${count(planned.unchanged)}, rejected ${count(plan.rejected)}, skipped ${count(plan.skipped)}`,
  )
  sayPlanView(terminal, plan)
  for (const { brake, verdict, message } of plan.brakes) terminal.say(`${verdict} ${brake}: ${message}`)
  terminal.say(
    `\n${counted(plan.requests, 'request')}, about ${seconds(plan.seconds)}; ${{ ready: 'ready', held: 'the run would be held for approval', failed: 'the run would fail', nothing_to_do: 'nothing to do' }[plan.state]}. Nothing was sent.`,
  )
}
