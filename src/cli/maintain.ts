/** `maintain`: the files of a lake are merged, older states ended, and what nothing needs is removed. */
import type { Command } from 'commander'
import type { MaintenanceReport } from '../index.ts'
import { action, type Context, type Runtime, withExamples } from './command.ts'
import type { Terminal } from './terminal.ts'
import { count, size, table } from './text.ts'

export function maintainCommand(program: Command, runtime: Runtime): void {
  const command = program
    .command('maintain')
    .description('Maintain a lake: merge small files, end older states, remove files that nothing needs.')
    .option('--dry-run', 'show what would be done')
  withExamples(command, 'maintain --dry-run', 'maintain')
  command.action(action(runtime, runMaintain))
}

async function runMaintain(
  { open, terminal, signal }: Context,
  { dryRun = false }: { readonly dryRun?: boolean },
): Promise<undefined> {
  await using elt = await open()
  const upkeep = await elt.maintain({
    isDryRun: dryRun,
    signal,
    onTable: ({ table: name, before, after }) => {
      if (!dryRun && before.files !== after.files)
        terminal.note(`${name}: ${count(before.files)} files are now ${count(after.files)}`)
    },
  })
  terminal.outcome(upkeep, { isFine: !dryRun }, () => sayUpkeep(terminal, upkeep, dryRun))
}

function sayUpkeep(terminal: Terminal, upkeep: MaintenanceReport, isDryRun: boolean): void {
  const { tables, snapshots_expired, files_removed, orphans_removed, files_unknown } = upkeep
  terminal.say(
    table(
      ['table', 'files', isDryRun ? 'files then' : 'files now', 'size', ...(isDryRun ? [] : ['size now'])],
      tables.map(({ table: name, before, after }) => [
        ...[name, count(before.files), count(after.files), size(before.bytes)],
        ...(isDryRun ? [] : [size(after.bytes)]),
      ]),
      'lrrrr',
    ),
  )
  const would = isDryRun ? ' would be' : ''
  terminal.say(`\nolder states${would} ended: ${count(snapshots_expired)}`)
  terminal.say(`files that no state needs${would} removed: ${count(files_removed)}`)
  terminal.say(`files of loads that died${would} removed: ${count(orphans_removed)}`)
  if (files_unknown > 0)
    terminal.say(
      `files in the folder of the lake that are not of its syncs, and stay: ${count(files_unknown)}`,
    )
  if (isDryRun) terminal.say('\nNothing was changed.')
}
