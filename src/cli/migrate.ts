/** `migrate`: what a warehouse that is there already becomes at one's wish. */
import type { Command } from 'commander'
import { exitCodes } from '../errors.ts'
import type { Partitioning } from '../index.ts'
import { action, type Context, type Runtime, withExamples } from './command.ts'
import type { Terminal } from './terminal.ts'
import { count, table } from './text.ts'

interface MigrateOptions {
  readonly dryRun?: boolean
}

export function migrateCommand(program: Command, runtime: Runtime): void {
  const command = program
    .command('migrate')
    .description(
      'Convert a warehouse that is there: --partition gives the event tables of Postgres a part a month.',
    )
    .argument('[stream...]', 'names or globs of streams of events; !name excludes one')
    .requiredOption('--partition', 'the tables of events become tables of parts, one for each month')
    .option('--dry-run', 'show what would be done')
  withExamples(command, 'migrate --partition --dry-run', 'migrate --partition email_send email_open')
  command.action(action<MigrateOptions, [string[]]>(runtime, runMigrate))
}

async function runMigrate(
  { open, terminal, signal }: Context,
  { dryRun = false }: MigrateOptions,
  streams: string[],
): Promise<number> {
  await using elt = await open()
  let line = 'looking at the tables'
  const progress = dryRun ? undefined : terminal.showProgress({ line: () => line, lines: () => [line] })
  const done = await elt
    .partition({
      streams,
      isDryRun: dryRun,
      signal,
      onMonth: ({ table: name, month, rows }) => {
        line = `${name}: ${count(rows)} rows of ${month ?? 'no month'} are copied`
      },
    })
    .finally(() => progress?.stop())
  const isWhole = done.tables.every(({ state }) => state !== 'refused')
  terminal.outcome(done, { isFine: isWhole && !dryRun }, () => sayPartitioning(terminal, done, dryRun))
  return isWhole ? exitCodes.success : exitCodes.failed
}

function sayPartitioning(terminal: Terminal, { tables }: Partitioning, isDryRun: boolean): void {
  if (tables.length === 0) {
    terminal.say('The warehouse has no such table yet.')
    return
  }
  const words = {
    converted: isDryRun ? 'to be converted' : 'converted',
    partitioned_already: 'has its parts already',
    refused: 'as it was',
  }
  terminal.say(
    table(
      ['table', 'rows', 'months', ''],
      tables.map(({ table: name, state, rows, months }) => [
        ...[name, rows === null ? '' : count(rows), count(months), words[state]],
      ]),
      'lrrl',
    ),
  )
  for (const { table: name, reason } of tables) if (reason) terminal.say(`\n${name}: ${reason}`)
  if (isDryRun) terminal.say('\nNothing was changed.')
}
