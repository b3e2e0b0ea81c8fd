/** `sql`: one read-only query, its rows in the form that is asked for. */
import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { type Command, Option } from 'commander'
import { ConfigError, messageOf } from '../errors.ts'
import { action, type Context, type Runtime, withExamples } from './command.ts'
import { type Format, formats, writeResultRows } from './rows.ts'

interface SqlOptions {
  readonly format?: Format
  readonly expanded?: boolean
  readonly file?: string
}

export function sqlCommand(program: Command, runtime: Runtime): void {
  const command = program
    .command('sql')
    .description(
      'Run a read-only query in the warehouse. Values are printed as the database writes them, times in UTC.',
    )
    .argument(
      '[query]',
      'one SELECT (or with, from, values, describe …); - reads it from standard input; without one, a terminal gets a prompt',
    )
    .option('--file <file>', 'read the query from a file')
    .addOption(
      new Option('--format <format>', 'form of the rows (default: table; json with --json)').choices(formats),
    )
    .option('--expanded', 'one field a line, nothing cut; short for --format expanded')
  withExamples(
    command,
    'sql \'select "campaignId", count(*) from iterable.email_open group by 1\'',
    "sql 'select * from iterable.users' --format csv > users.csv",
    'sql --file report.sql --expanded',
    'sql',
  )
  command.action(action<SqlOptions, [string | undefined]>(runtime, runSql))
}

async function runSql(
  context: Context,
  options: SqlOptions,
  argument: string | undefined,
): Promise<undefined> {
  const { open, terminal, signal } = context
  const format = options.format ?? (options.expanded ? 'expanded' : undefined)
  if (options.expanded && format !== 'expanded') {
    throw new ConfigError(`--expanded is one format, --format ${format} another: choose one`, {
      code: 'usage',
    })
  }
  if (terminal.isJson && format !== undefined && format !== 'json') {
    throw new ConfigError(`--json prints JSON, --format ${format} does not: choose one`, { code: 'usage' })
  }
  if (argument === undefined && options.file === undefined && isAtTerminal(context)) {
    const { runShell } = await import('./shell.ts')
    await using elt = await open()
    await runShell(elt, context, format ?? 'table')
    return
  }
  const query = await queryOf(argument, options, context)
  await using elt = await open()
  await writeResultRows(
    elt.print(query, { signal }),
    format ?? (terminal.isJson ? 'json' : 'table'),
    terminal,
  )
}

/** Somebody can type, and sees what they type. */
const isAtTerminal = ({ stdin, terminal }: Context): boolean =>
  stdin.isTTY === true && terminal.noteStream.isTTY === true && !terminal.isJson

async function queryOf(
  argument: string | undefined,
  { file }: SqlOptions,
  { stdin }: Context,
): Promise<string> {
  if ((argument === undefined) === (file === undefined)) {
    throw new ConfigError(
      argument === undefined
        ? 'a query is expected, - for one on standard input, or --file FILE'
        : 'the query stands on the command line and in --file: choose one',
      { code: 'usage' },
    )
  }
  if (file === undefined) return argument === '-' ? text(stdin) : String(argument)
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    throw new ConfigError(`the query cannot be read from ${file}: ${messageOf(error)}`, {
      code: 'usage',
      cause: error,
    })
  }
}
