/** `schedule next` and `schedule explain`: when an expression or a schedule fires, and what an expression means. */
import { type Command, Option } from 'commander'
import { ConfigError, messageOf, UserError } from '../errors.ts'
import type { ScheduleStatus } from '../index.ts'
import { action, type Context, type Runtime, withExamples } from './command.ts'
import { instantOf } from './sync.ts'
import { time } from './text.ts'
import { wholeNumber } from './values.ts'

interface TimesOptions {
  readonly timezone?: string
  readonly dialect?: Dialect
  readonly count: number
  readonly from?: string
}

type Dialect = 'treasuredata' | 'standard'

export function timesCommands(schedule: Command, runtime: Runtime): void {
  const next = schedule
    .command('next')
    .description('The coming run times of an expression, of one schedule, or of all.')
    .argument('[expression...]', 'a cron expression, or the name of a schedule')
  withExamples(timesOptions(next), 'schedule next "@daily" --timezone Asia/Tokyo', 'schedule next sync')
  next.action(action<TimesOptions, [readonly string[]]>(runtime, runNext))

  const explain = schedule
    .command('explain')
    .description('Say in words what an expression does; needs no configuration.')
    .argument('<expression...>', 'a cron expression')
  withExamples(timesOptions(explain), 'schedule explain "0 0 */5 * mon" --count 5')
  explain.action(action<TimesOptions, [readonly string[]]>(runtime, runExplain))
}

const timesOptions = (command: Command): Command =>
  command
    .option('--timezone <name>', 'IANA time zone (default: UTC, or that of the schedule)')
    .addOption(
      new Option(
        '--dialect <name>',
        'how the expression is read (default: treasuredata, or as the schedule says)',
      ).choices(['treasuredata', 'standard']),
    )
    .option('--from <time>', 'runs after this instant; now by default')
    .option('--count <n>', 'how many run times', wholeNumber(1, 10_000), 10)

async function runNext(
  context: Context,
  options: TimesOptions,
  words: readonly string[],
): Promise<undefined> {
  if (isExpression(words)) return runExplain(context, options, words, { isBrief: true })
  const [name] = words
  const schedules = await timesOfAll(await schedulesNamed(context, name), options)
  const [one] = schedules
  if (name !== undefined && one?.problem) throw new ConfigError(`${one.name} cannot run: ${one.problem}`)
  const { terminal } = context
  terminal.result(name === undefined ? { schedules } : one, () => {
    const lines = schedules.flatMap(({ name, timezone, next }) =>
      next.map((at) => [time(at), name, timezone]),
    )
    const soonest = lines.sort(([a = ''], [b = '']) => (a < b ? -1 : 1)).slice(0, options.count)
    terminal.sayTable(['nominal time', 'schedule', 'time zone'], soonest)
    for (const { name, warnings, problem } of schedules) {
      for (const warning of warnings) terminal.say(`Note on ${name}: ${warning}.`)
      if (problem) terminal.say(`${name} cannot run: ${problem}`)
    }
  })
}

/** Whether the words are an expression; else they name a schedule, or nothing. */
const isExpression = (words: readonly string[]): boolean =>
  words.length > 1 || (words.length === 1 && /^$|^@|\s|^none$/i.test(words[0] as string))

/** The schedule of this name, or all of them. */
async function schedulesNamed(
  context: Pick<Context, 'open'>,
  name: string | undefined,
): Promise<readonly ScheduleStatus[]> {
  await using elt = await context.open()
  const all = await elt.schedules()
  if (name === undefined) return all
  const chosen = all.filter((one) => one.name === name || one.name === `export:${name}`)
  if (chosen.length > 0) return chosen
  throw new ConfigError(
    `there is no schedule ${JSON.stringify(name)}; "iterable-elt schedule list" shows them`,
  )
}

/** When each fires; one that cannot be read keeps nobody from seeing the others. */
async function timesOfAll(schedules: readonly ScheduleStatus[], options: TimesOptions) {
  const { explainCron } = await import('../schedule/cron/explain.ts')
  const { count } = options
  const from = await fromOf(options)
  // A wrong option is nobody's schedule.
  if (options.timezone !== undefined)
    explainCron('', { dialect: 'standard', timezone: options.timezone, from, count })
  return schedules.map((schedule) => {
    const { name, cron, start_at, end_at } = schedule
    const dialect = options.dialect ?? (schedule.dialect as Dialect)
    const timezone = options.timezone ?? schedule.timezone
    // A run may be at the start itself.
    const beginsAt = start_at === null ? from : new Date(Math.max(from.getTime(), Date.parse(start_at) - 1))
    try {
      const explained = explainCron(cron, { dialect, timezone, from: beginsAt, count })
      const { expression, ignored } = explained
      const next = explained.next.filter((at) => end_at === null || Date.parse(at) < Date.parse(end_at))
      const warnings = [...explained.warnings, ...otherReading(schedule, options)]
      return {
        name,
        expression,
        dialect,
        timezone: explained.timezone,
        ignored,
        warnings,
        next,
        problem: null,
      }
    } catch (error) {
      if (!(error instanceof UserError)) throw error
      const problem = messageOf(error)
      return { name, expression: cron, dialect, timezone, ignored: null, warnings: [], next: [], problem }
    }
  })
}

/** What was asked for is not what the schedule says of itself. */
function otherReading(own: ScheduleStatus, { timezone, dialect }: TimesOptions): readonly string[] {
  return [
    ...(timezone !== undefined && timezone.toLowerCase() !== own.timezone.toLowerCase()
      ? [`the schedule itself is read in ${own.timezone}`]
      : []),
    ...(dialect !== undefined && dialect !== own.dialect
      ? [`the schedule itself is read in the dialect ${own.dialect}`]
      : []),
  ]
}

async function runExplain(
  { terminal }: Context,
  options: TimesOptions,
  words: readonly string[],
  { isBrief = false } = {},
): Promise<undefined> {
  if (words.length > 1 && words.length !== 5) {
    throw new ConfigError(
      `the shell made ${words.length} words of the expression; put it in quotes: "0 6 * * *"`,
      { code: 'usage' },
    )
  }
  const { explainCron } = await import('../schedule/cron/explain.ts')
  const { dialect = 'treasuredata', timezone = 'UTC', count } = options
  const explained = explainCron(words.join(' '), { dialect, timezone, from: await fromOf(options), count })
  const { expression, ignored, warnings, next } = explained
  const document = { expression, dialect, timezone: explained.timezone, ignored, warnings, next }
  terminal.result(document, () => {
    if (!isBrief) terminal.say(explained.words)
    for (const warning of warnings) terminal.say(`Note: ${warning}.`)
    if (!isBrief && explained.differs) terminal.say(explained.differs)
    if (next.length === 0) return
    if (!isBrief || warnings.length > 0) terminal.say()
    const rows = explained.runs.map(({ local, utc, transition }) => [local, utc, transition ?? ''])
    terminal.sayTable([explained.timezone, 'UTC', ''], rows)
  })
}

async function fromOf({ from }: TimesOptions): Promise<Date> {
  return from === undefined ? new Date() : instantOf('--from', from)
}
