/** `lists`: what an export may write to. */
import type { Command } from 'commander'
import { action, type Context, type Runtime, withExamples } from './command.ts'
import { count } from './text.ts'

export function listsCommand(program: Command, runtime: Runtime): void {
  const command = program
    .command('lists')
    .description('List the lists of the project: id, name, type, and members as of the last sync.')
    .option('--connection <name>', 'a connection of the configuration, where there are several')
  withExamples(command, 'lists', 'lists --json')
  command.action(action<{ readonly connection?: string }>(runtime, runLists))
}

async function runLists(
  { open, terminal, signal }: Context,
  { connection }: { readonly connection?: string },
): Promise<undefined> {
  await using elt = await open()
  const lists = await elt.lists({ signal, ...(connection !== undefined && { connection }) })
  terminal.result({ lists }, () => {
    if (lists.length === 0) return terminal.say('this project has no lists')
    const rows = lists.map(({ id, name, type, members }) => [
      String(id),
      name ?? '–',
      type ?? '–',
      count(members),
    ])
    terminal.sayTable(['id', 'name', 'type', 'members'], rows, 'rllr')
  })
}
