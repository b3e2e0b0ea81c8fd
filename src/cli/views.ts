/** `views`: what the views for analysts answer, and their SQL. */
import type { Command } from 'commander'
import type { ViewStatus } from '../index.ts'
import { action, type Context, type Runtime, withExamples } from './command.ts'
import { table } from './text.ts'

interface ViewsOptions {
  readonly sql?: string
}

export function viewsCommand(program: Command, runtime: Runtime): void {
  const command = program
    .command('views')
    .description('List the views for analysts: grain, columns with their definitions, and what is missing.')
    .argument('[names...]', 'only these, with their columns')
    .option('--sql <name>', 'print the SQL of a view as it is made in the warehouse')
  withExamples(command, 'views', 'views campaign_performance', 'views --sql campaign_performance')
  command.action(action<ViewsOptions, [string[]]>(runtime, runViews))
}

async function runViews(
  { open, terminal }: Context,
  { sql }: ViewsOptions,
  names: readonly string[],
): Promise<undefined> {
  await using elt = await open()
  if (sql !== undefined) {
    const text = await elt.viewSql(sql)
    terminal.result({ view: sql, sql: text }, () => terminal.say(text))
    return
  }
  // Refuses names that are none.
  for (const name of names) await elt.viewSql(name)
  const views = (await elt.views()).filter(({ view }) => names.length === 0 || names.includes(view))
  terminal.result({ views }, () => {
    if (names.length === 0) {
      const rows = views.map((view) => [view.view, view.grain, stateText(view)])
      terminal.say(table(['view', 'one row is', 'state'], rows))
      return
    }
    for (const { view, about, grain, columns } of views) {
      terminal.say(`${terminal.colors.bold(view)}\n${about}\n\nOne row: ${grain}\n`)
      terminal.say(
        `${table(
          ['column', ''],
          columns.map((column) => [column.name, column.about]),
        )}\n`,
      )
    }
  })
}

/** `made`, or what is in the way. */
export function stateText({
  state,
  missing_streams,
  problem,
}: Pick<ViewStatus, 'state' | 'missing_streams' | 'problem'>): string {
  switch (state) {
    case 'made':
      return 'made'
    case 'failed':
      return `failed: ${problem}`
    case 'missing_streams':
      return `needs ${missing_streams.join(', ')}, not replicated`
    case 'waiting':
      return 'made by the next sync'
  }
}
