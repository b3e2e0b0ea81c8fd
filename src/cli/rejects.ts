/** `rejects`: rows that could not be loaded or sent, with the reason. */
import { type Command, Option } from 'commander'
import { runRetry } from './approve.ts'
import { action, type Context, type Runtime, withExamples } from './command.ts'
import { counted, cutToWidth, oneLine, time } from './text.ts'
import { wholeNumber } from './values.ts'

interface RejectsOptions {
  readonly run?: string
  readonly stream?: string
  readonly export?: string
  readonly limit: number
  readonly retry?: boolean
}

export function rejectsCommand(program: Command, runtime: Runtime): void {
  const command = program
    .command('rejects')
    .description('List rejected rows with their reason, newest first.')
    .option('--run <run-id>', 'those of one run')
    .option('--stream <name>', 'those of one stream')
    .addOption(new Option('--export <name>', 'those of one export').conflicts('stream'))
    .option('--limit <number>', 'how many to list', wholeNumber(1), 50)
  command.option('--retry', 'send rows that Iterable refused again (of all exports, or of --export)')
  withExamples(command, 'rejects --stream email_open --limit 10', 'rejects --run 508a1087 --json')
  command.action(action<RejectsOptions>(runtime, runRejects))
}

async function runRejects(context: Context, options: RejectsOptions): Promise<number | undefined> {
  if (options.retry) return runRetry(context, options)
  const { open, terminal } = context
  await using elt = await open()
  const page = await elt.rejects({ run: options.run, source: sourceOf(options), limit: options.limit })
  terminal.result(page, () => {
    if (page.total === 0) return terminal.say('no rejected rows')
    const rows = page.rejects.map(({ run_id, source, code, reason, row, raw, rejected_at }) => [
      time(rejected_at),
      run_id.slice(0, 8),
      source,
      code,
      oneLine(reason, 60),
      cutToWidth(oneLine(raw ?? JSON.stringify(row), 60), 60),
    ])
    terminal.sayTable(['rejected', 'run', 'source', 'code', 'reason', 'row'], rows, '', ['rejected', 'run'])
    terminal.note(
      page.total > rows.length
        ? `${rows.length} of ${counted(page.total, 'row')}`
        : counted(page.total, 'row'),
    )
  })
  return undefined
}

function sourceOf({ stream, export: name }: RejectsOptions): string | undefined {
  if (stream !== undefined) return `stream:${stream}`
  return name === undefined ? undefined : `export:${name}`
}
