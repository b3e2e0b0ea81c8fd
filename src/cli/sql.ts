/** `sql`: one read-only query, its rows in the form that is asked for. */
import { type Command, Option } from 'commander'
import { ConfigError } from '../errors.ts'
import { action, type Context, type Runtime, withExamples } from './command.ts'
import { type Format, formats, writeRows } from './rows.ts'

interface SqlOptions {
  readonly format?: Format
}

export function sqlCommand(program: Command, runtime: Runtime): void {
  const command = program
    .command('sql')
    .description('Run a read-only query in the warehouse.')
    .argument('<query>', 'one SELECT (or with, from, values, describe …)')
    .addOption(
      new Option('--format <format>', 'form of the rows (default: table; json with --json)').choices(formats),
    )
  withExamples(
    command,
    'sql \'select "campaignId", count(*) from iterable.email_open group by 1\'',
    "sql 'select * from iterable.users' --format csv > users.csv",
  )
  command.action(action<SqlOptions, [string]>(runtime, runSql))
}

async function runSql(
  { open, terminal, signal }: Context,
  { format }: SqlOptions,
  query: string,
): Promise<undefined> {
  if (terminal.isJson && format !== undefined && format !== 'json') {
    throw new ConfigError(`--json prints JSON, --format ${format} does not: choose one`, { code: 'usage' })
  }
  await using elt = await open()
  const rows = elt.query(query, { signal })
  await writeRows(rows, format ?? (terminal.isJson ? 'json' : 'table'), terminal)
}
