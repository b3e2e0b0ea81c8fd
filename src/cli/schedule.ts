/** `schedule …`: which schedules there are, stopping and resuming them, running jobs now and for the past. */
import type { Command } from 'commander'
import { errorCodes, isErrorCode } from '../error-codes.ts'
import { ConfigError, exitCodes } from '../errors.ts'
import type { Elt, RequestedRun, ScheduleStatus } from '../index.ts'
import { action, type Context, type Runtime, withExamples } from './command.ts'
import { timesCommands } from './schedule-times.ts'
import { instantOf } from './sync.ts'
import type { Terminal } from './terminal.ts'
import { counted, oneLine, time } from './text.ts'

interface WhichOptions {
  readonly all?: boolean
}

interface BackfillOptions {
  readonly from: string
  readonly to: string
  readonly dryRun?: boolean
}

export function scheduleCommand(program: Command, runtime: Runtime): void {
  const schedule = program.command('schedule').description('When jobs run, and when they would.')
  withExamples(schedule, 'schedule list', 'schedule explain "0 6 * * mon" --timezone Europe/Berlin')

  const list = schedule.command('list').description('All schedules: what is next, what is paused and why.')
  withExamples(list, 'schedule list')
  list.action(action<object>(runtime, runList))

  timesCommands(schedule, runtime)

  const pause = schedule
    .command('pause')
    .description('Keep a schedule from running; its ticks are recorded as skipped.')
    .argument('[name]', 'sync, or the name of an export')
    .option('--all', 'every schedule')
    .option('--reason <text>', 'kept with the schedule')
  withExamples(pause, 'schedule pause vip --reason "list is being cleaned"', 'schedule pause --all')
  pause.action(action<WhichOptions & { readonly reason?: string }, [string?]>(runtime, runPause))

  const resume = schedule
    .command('resume')
    .description('Let a paused schedule go on with its next tick.')
    .argument('[name]', 'sync, or the name of an export')
    .option('--all', 'every schedule that is paused')
  withExamples(resume, 'schedule resume vip', 'schedule resume --all')
  resume.action(action<WhichOptions, [string?]>(runtime, runResume))

  const run = schedule
    .command('run')
    .description('Run a job now, as its schedule would, and wait for its end.')
    .argument('<name>', 'sync, or the name of an export')
  withExamples(run, 'schedule run sync')
  run.action(action<object, [string]>(runtime, runNow))

  const backfill = schedule
    .command('backfill')
    .description('Run a job for each nominal time of its schedule in the past.')
    .argument('<name>', 'sync, or the name of an export')
    .requiredOption('--from <time>', 'the first nominal time (MM/DD/YYYY or ISO 8601, UTC)')
    .requiredOption('--to <time>', 'the end; this instant is not part of it')
    .option('--dry-run', 'show the nominal times and run nothing')
  withExamples(backfill, 'schedule backfill vip --from 2026-01-01 --to 2026-01-08 --dry-run')
  backfill.action(action<BackfillOptions, [string]>(runtime, runBackfill))
}

async function runList({ open, terminal }: Context): Promise<undefined> {
  await using elt = await open()
  const schedules = await elt.schedules()
  terminal.result({ schedules }, () => saySchedules(terminal, schedules))
}

async function runPause(
  { open, terminal }: Context,
  { all, reason }: WhichOptions & { readonly reason?: string },
  name?: string,
): Promise<undefined> {
  await using elt = await open()
  const names = await namesOf(elt, ({ paused_at }) => paused_at === null, all, name)
  await forEachSchedule(terminal, names, all, async (one) => {
    const schedule = await elt.pauseSchedule(one, reason)
    const resume = `"iterable-elt schedule resume ${all ? '--all' : one}" lets it go on`
    return { schedule, said: `${schedule.name} is paused; ${terminal.proposing(resume)}` }
  })
}

async function runResume(
  { open, terminal }: Context,
  { all }: WhichOptions,
  name?: string,
): Promise<undefined> {
  await using elt = await open()
  const names = await namesOf(elt, ({ paused_at }) => paused_at !== null, all, name)
  await forEachSchedule(terminal, names, all, async (one) => {
    const schedule = await elt.resumeSchedule(one)
    return { schedule, said: `${schedule.name} goes on; next run ${time(schedule.next_due_at)}` }
  })
}

/** The one schedule that is named, or with `--all` those of which `isMeant` holds. */
async function namesOf(
  elt: Pick<Elt, 'schedules'>,
  isMeant: (schedule: ScheduleStatus) => boolean,
  all: boolean | undefined,
  name: string | undefined,
): Promise<readonly string[]> {
  if (all !== true && name !== undefined) return [name]
  if (all !== true || name !== undefined) {
    throw new ConfigError('name one schedule, or give --all', { code: 'usage' })
  }
  return (await elt.schedules()).filter(isMeant).map((schedule) => schedule.name)
}

/** With `--all` the result is a list, else the one schedule. */
async function forEachSchedule(
  terminal: Terminal,
  names: readonly string[],
  all: boolean | undefined,
  change: (name: string) => Promise<{ readonly schedule: ScheduleStatus; readonly said: string }>,
): Promise<void> {
  const changed: Awaited<ReturnType<typeof change>>[] = []
  for (const name of names) changed.push(await change(name))
  const schedules = changed.map(({ schedule }) => schedule)
  terminal.result(all ? schedules : schedules[0], () => {
    for (const { said } of changed) terminal.say(said)
    if (changed.length === 0) terminal.say('there is nothing to change')
  })
}

async function runNow({ open, terminal, signal }: Context, _options: object, name: string): Promise<number> {
  await using elt = await open()
  const run = await elt.runJob(name, { signal })
  const exitCode = exitCodeOf([run])
  terminal.outcome(run, { isFine: exitCode === exitCodes.success }, () => sayRun(terminal, run))
  return exitCode
}

async function runBackfill(
  { open, terminal, signal }: Context,
  { from, to, dryRun }: BackfillOptions,
  name: string,
): Promise<number> {
  const reach = { from: await instantOf('--from', from), to: await instantOf('--to', to) }
  await using elt = await open()
  const onRun = (run: RequestedRun) => terminal.note(runLine(run))
  const backfill = await elt.backfill(name, { ...reach, dryRun: dryRun ?? false, signal, onRun })
  const exitCode = exitCodeOf(backfill.runs)
  terminal.outcome(backfill, { isFine: exitCode === exitCodes.success && !dryRun }, () => {
    const { nominal_times, runs } = backfill
    if (dryRun) for (const at of nominal_times) terminal.say(time(at))
    const done = dryRun ? 'Nothing was run.' : `${counted(runs.length, 'run')} ended.`
    terminal.say(`${counted(nominal_times.length, 'nominal time')} of ${backfill.name}. ${done}`)
  })
  return exitCode
}

const sayRun = (terminal: Terminal, run: RequestedRun): void => terminal.say(runLine(run))

function runLine({ run_id, job, state, nominal_at, error }: RequestedRun): string {
  const of = nominal_at ? ` of ${time(nominal_at)}` : ''
  return `${job}${of} ${state.replaceAll('_', ' ')} (run ${run_id})${error ? `: ${oneLine(error, 300)}` : ''}`
}

/** As `sync` and `export` would have ended. */
function exitCodeOf(runs: readonly RequestedRun[]): number {
  const failed = runs.filter(({ state }) => state === 'failed')
  if (failed.length > 0) return failed.every(isWronglyDefined) ? exitCodes.usage : exitCodes.failed
  if (runs.some(({ state }) => state === 'cancelled')) return exitCodes.interrupted
  return runs.some(({ state }) => state === 'held') ? exitCodes.held : exitCodes.success
}

/** An export that cannot be: nothing was sent, and somebody has to change something. */
const isWronglyDefined = ({ job, error_code }: RequestedRun): boolean =>
  job.startsWith('export:') && isErrorCode(error_code) && errorCodes[error_code].kind === 'config'

/** Schedules as a table, and below it why some do not run. */
export function saySchedules(terminal: Terminal, schedules: readonly ScheduleStatus[]): void {
  if (schedules.length === 0) {
    terminal.say('no schedules; add "sync.schedule" to the configuration or "schedule" to an export')
    return
  }
  const rows = schedules.map((one) => [
    one.name,
    one.cron === '' ? 'never' : one.cron,
    one.timezone,
    one.paused_at ? 'paused' : one.problem ? 'broken' : time(one.retry_at ?? one.next_due_at),
    time(one.last_nominal_at),
    one.defined_in,
  ])
  const head = ['schedule', 'cron', 'time zone', 'next run', 'last nominal time', 'defined in']
  terminal.sayTable(head, rows, '', ['defined in', 'last nominal time'])
  for (const { name, paused_at, paused_reason, problem } of schedules) {
    if (paused_at)
      terminal.say(`${name} has been paused since ${time(paused_at)}: ${oneLine(paused_reason ?? '', 300)}`)
    if (problem) terminal.say(`${name} cannot run: ${problem}`)
  }
}
