/** `views`: what the views for analysts answer, and their SQL. */
import type { Command } from 'commander'
import { ConfigError } from '../errors.ts'
import type { DbtProject, ViewStatus } from '../index.ts'
import { action, type Context, type Runtime, withExamples } from './command.ts'
import type { Terminal } from './terminal.ts'
import { counted, definitions } from './text.ts'

interface ViewsOptions {
  readonly sql?: string
  readonly materialize?: true
  readonly dbt?: string
  readonly force?: boolean
}

export function viewsCommand(program: Command, runtime: Runtime): void {
  const command = program
    .command('views')
    .description('List the views for analysts: grain, columns with their definitions, and what is missing.')
    .argument('[names...]', 'only these, with their columns')
    .option('--sql <name>', 'print the SQL of a view as it is made in the warehouse')
    .option('--materialize', 'fill the tables of these views anew (they must stand in marts.materialize)')
    .option('--dbt <folder>', 'write the tables and views as a dbt project; files that somebody changed stay')
    .option('--force', 'with --dbt: also write over files that somebody changed')
  withExamples(
    command,
    'views',
    'views campaign_performance',
    'views --sql campaign_performance',
    'views --materialize message_facts',
    'views --dbt dbt/iterable',
  )
  command.action(action<ViewsOptions, [string[]]>(runtime, runViews))
}

async function runViews(
  { open, terminal }: Context,
  { sql, materialize, dbt, force = false }: ViewsOptions,
  names: readonly string[],
): Promise<undefined> {
  await using elt = await open()
  if (dbt !== undefined) return await sayProject(terminal, dbt, await elt.dbtProject(), force)
  if (sql !== undefined) {
    const text = await elt.viewSql(sql)
    terminal.result({ view: sql, sql: text }, () => terminal.say(text))
    return
  }
  // Refuses names that are none.
  for (const name of names) await elt.viewSql(name)
  if (materialize) {
    if (names.length === 0) {
      throw new ConfigError('--materialize wants the names of views, of those in marts.materialize', {
        code: 'usage',
      })
    }
    for (const notice of await elt.rebuildViews(names)) terminal.warn(notice)
  }
  const views = (await elt.views()).filter(({ view }) => names.length === 0 || names.includes(view))
  terminal.result({ views }, () => {
    if (names.length === 0) {
      const rows = views.map((view) => [view.view, view.grain, stateText(view)])
      terminal.sayTable(['view', 'one row is', 'state'], rows)
      return
    }
    for (const { view, about, grain, key, columns, ...found } of views) {
      const without =
        found.absent_streams.length > 0 ? `, without ${found.absent_streams.join(', ')} (not replicated)` : ''
      terminal.say(
        `${terminal.colors.bold(view)} (${stateText(found)}${without})\n${about}\n\nOne row: ${grain}\nKey: ${key.join(', ') || 'none'}\n`,
      )
      const entries = columns.map((column) => [column.name, column.about] as const)
      terminal.say(`${definitions(entries, terminal.width)}\n`)
    }
  })
}

async function sayProject(
  terminal: Terminal,
  folder: string,
  project: DbtProject,
  force: boolean,
): Promise<undefined> {
  const { writeDbtProject } = await import('./dbt-files.ts')
  const files = await writeDbtProject(folder, project, { force })
  const { written, unchanged, kept } = files
  terminal.result({ folder, ...files, left_out: project.left_out }, () => {
    terminal.say(`${folder}: ${counted(written.length, 'file')} written, ${unchanged.length} as they were`)
    for (const { view, reason } of project.left_out) terminal.say(`${view} is not a model: it ${reason}`)
    if (written.includes('dbt_project.yml'))
      terminal.say('dbt wants a profile iterable_elt (docs/dbt-and-bi.md).')
  })
  for (const path of kept) terminal.warn(`${path} was changed by somebody and stays (--force writes over it)`)
}

/** `made`, or what is in the way. */
export function stateText({
  state,
  missing_streams,
  problem,
  is_table,
}: Pick<ViewStatus, 'state' | 'missing_streams' | 'problem'> &
  Partial<Pick<ViewStatus, 'is_table'>>): string {
  switch (state) {
    case 'made':
      return is_table ? 'made, kept as a table' : 'made'
    case 'failed':
      return `failed: ${problem}`
    case 'missing_streams':
      return `needs ${missing_streams.join(', ')}, not replicated`
    case 'waiting':
      return 'made by the next sync'
    case 'off':
      return 'not made: marts.enabled is false'
  }
}
