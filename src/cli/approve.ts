/** `runs approve`, `runs cancel` and `rejects --retry`: what people say to runs of exports. */
import { userInfo } from 'node:os'
import type { Command } from 'commander'
import { exitCodes } from '../errors.ts'
import { action, type Context, type Runtime, withExamples } from './command.ts'
import { exportExitCode, sayExport, withProgress } from './export.ts'

interface ApproveOptions {
  readonly note?: string
  readonly as?: string
}

/** Adds itself to the command `runs`. */
export function approveCommand(program: Command, runtime: Runtime): void {
  const runs = program.commands.find((command) => command.name() === 'runs')
  if (!runs) throw new Error('runs comes before its subcommands: this is a fault of iterable-elt')
  const approve = runs
    .command('approve')
    .description('Send exactly the plan that a brake has held.')
    .argument('<run-id>', 'a held run, by its id or the beginning of it')
    .option('--note <text>', 'why; kept with the run')
    .option('--as <name>', 'who approves; $USER unless said')
  withExamples(approve, 'runs approve 508a1087 --note "spring cleaning"')
  approve.action(action<ApproveOptions, [string]>(runtime, runApprove))
  const cancel = runs
    .command('cancel')
    .description('End a run for good; what Iterable has acknowledged stays.')
    .argument('<run-id>', 'a run of an export, by its id or the beginning of it')
    .option('--note <text>', 'why; kept with the run')
    .option('--as <name>', 'who cancels; $USER unless said')
  withExamples(cancel, 'runs cancel 508a1087')
  cancel.action(action<ApproveOptions, [string]>(runtime, runCancel))
}

async function runApprove(context: Context, { note, as }: ApproveOptions, runId: string): Promise<number> {
  await using elt = await context.open()
  const by = actorName(context, as)
  const report = await withProgress(context, (request) =>
    elt.approve(runId, { ...request, by, ...(note !== undefined && { note }) }),
  )
  const exitCode = exportExitCode(report)
  context.terminal.outcome(report, { isFine: exitCode === 0 && report.rejected === 0 }, () =>
    sayExport(context.terminal, report),
  )
  return exitCode
}

async function runCancel(context: Context, { note, as }: ApproveOptions, runId: string): Promise<undefined> {
  await using elt = await context.open()
  const by = actorName(context, as)
  const cancelled = await elt.cancel(runId, { by, ...(note !== undefined && { note }) })
  context.terminal.result(cancelled, () => context.terminal.say(`run ${cancelled.run_id} cancelled`))
}

/** Who sits here, unless another name is given. */
export const actorName = ({ env }: Pick<Context, 'env'>, given?: string): string =>
  given ?? (env.USER || userInfo().username)

/** Sends rows again that Iterable refused. */
export async function runRetry(
  context: Context,
  { export: name }: { readonly export?: string },
): Promise<number> {
  const { terminal } = context
  await using elt = await context.open()
  const reports = await withProgress(context, (request) =>
    elt.retryRejects({ ...request, ...(name !== undefined && { export: name }) }),
  )
  terminal.result({ runs: reports }, () => {
    if (reports.length === 0) terminal.say('Iterable has refused no rows')
    for (const report of reports) sayExport(terminal, report)
  })
  return Math.max(exitCodes.success, ...reports.map((report) => exportExitCode(report)))
}
