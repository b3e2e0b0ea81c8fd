/** `exports`: the saved exports. */
import type { Command } from 'commander'
import { action, type Context, type Runtime, withExamples } from './command.ts'
import { count, oneLine, time } from './text.ts'

export function exportsCommand(program: Command, runtime: Runtime): void {
  const command = program
    .command('exports')
    .description('List the saved exports with schedule, state and last result.')
  withExamples(command, 'exports', 'exports --json')
  command.action(action<object>(runtime, runExports))
}

async function runExports({ open, terminal, signal }: Context): Promise<undefined> {
  await using elt = await open()
  const exports = await elt.exports({ signal })
  terminal.result({ exports }, () => {
    if (exports.length === 0)
      return terminal.say(`no exports; write one into ${elt.config.exports.directory}`)
    const rows = exports.map(
      ({ name, action: what, list_id, list, schedule, error, defined_in, last_run }) => [
        name,
        what ?? '–',
        list ?? (list_id === null ? '–' : String(list_id)),
        schedule === null ? '–' : `${schedule.cron || 'never'} ${schedule.timezone}`,
        defined_in,
        error === null ? (last_run?.state.replaceAll('_', ' ') ?? 'never run') : 'broken',
        time(last_run?.started_at?.toISOString() ?? null),
        last_run ? count(last_run.sent) : '–',
        last_run ? count(last_run.removed) : '–',
        last_run ? count(last_run.rejected) : '–',
      ],
    )
    const head = [
      'export',
      'action',
      'list',
      'schedule',
      'from',
      'state',
      'last run',
      'sent',
      'removed',
      'rejected',
    ]
    terminal.sayTable(head, rows, 'llrllllrrr', ['from', 'schedule', 'removed', 'action', 'last run'])
    for (const { name, error, last_run } of exports) {
      if (error !== null) terminal.say(`${terminal.colors.red('broken:')} ${error}`)
      else if (last_run?.error) terminal.say(`${name}: ${oneLine(last_run.error, 300)}`)
    }
  })
}
