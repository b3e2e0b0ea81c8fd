/** The demo's way out: SQL rows into lists of the sandbox, read back to prove it. */
import { writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { UserError } from '../errors.ts'
import { makeFolder } from '../folders.ts'
import type { ExportReport } from '../index.ts'
import type { Demo } from './demo-project.ts'
import { count } from './text.ts'

/** A query whose people are added to a list. */
export async function addToList(demo: Demo): Promise<unknown> {
  await save(demo, 'win_back', 'add', 0, winBack(demo.schema))
  return run(demo, 'win_back')
}

/** A query that a list is kept equal to. */
export async function mirrorList(demo: Demo): Promise<unknown> {
  await save(demo, 'active_clickers', 'mirror', 1, activeClickers(demo.schema))
  return run(demo, 'active_clickers')
}

/** The same mirror, a day later: only the difference is sent. */
export async function mirrorAgain(demo: Demo): Promise<unknown> {
  demo.terminal.say('Only what differs from what Iterable last acknowledged is sent.\n')
  return run(demo, 'active_clickers')
}

/** A query that has lost most of its people: the brake for removals holds the run. And what else the page can show. */
export async function holdMirror(demo: Demo): Promise<unknown> {
  const { elt, terminal, signal } = demo
  const schedule = 'schedule: { cron: "0 6 * * *", timezone: Europe/Berlin }\n'
  await save(demo, 'active_clickers', 'mirror', 1, activeClickers(demo.schema, '1 day'), schedule)
  await elt.schedules()
  await keepQuery(demo)
  const report = await elt.export('active_clickers', { signal })
  signal.throwIfAborted()
  if (report.state !== 'held') {
    throw new UserError(
      'failed',
      `the export of the demo ended as ${report.state}, and should have been held`,
    )
  }
  for (const { message } of report.brakes) terminal.say(`held: ${message}`)
  return report
}

const winBack = (schema: string): string => `-- who was written to in the last month and opened nothing
select u.email, u."firstName" as "firstName", count(*) as "mailsUnopened"
from ${schema}.users u
join ${schema}.email_send s on s.email = u.email
where s."createdAt" > $nominal_time - interval '30 days'
  and not exists (
    select 1 from ${schema}.email_open o
    where o.email = u.email and o."createdAt" > $nominal_time - interval '30 days'
  )
group by u.email, u."firstName"`

const activeClickers = (schema: string, reach = '7 days'): string => `-- who clicked lately, and how often
select email, count(*) as "clicksThisWeek"
from ${schema}.email_click
where "createdAt" > $nominal_time - interval '${reach}' and email is not null
group by email`

/** Writes an export as a file beside the demo's configuration, for the list of that place in the project. */
async function save(
  { terminal, configPath, elt, schema }: Demo,
  name: string,
  action: string,
  place: number,
  query: string,
  schedule = '',
): Promise<void> {
  const lists = elt.query(`select id, name from ${schema}.lists where "listType" = 'Standard' order by id`)
  const standard: Record<string, unknown>[] = []
  for await (const list of lists) standard.push(list)
  const list = standard[place]
  if (!list) throw new UserError('failed', 'the sandbox of the demo has too few lists')
  const text = `/*\naction: ${action}\nlist_id: ${list.id}   # ${list.name}\nnew_fields: create   # without it, the first run waits for approval\n${schedule}*/\n${query}\n`
  const path = join(dirname(configPath), 'sql', 'exports', `${name}.sql`)
  await makeFolder(dirname(path))
  await writeFile(path, text)
  terminal.say(`${path}:\n`)
  terminal.say(terminal.colors.cyan(text))
}

/** One that the page offers. */
async function keepQuery({ elt, schema }: Demo): Promise<void> {
  const { queries } = elt.config.ui
  await makeFolder(queries)
  await writeFile(
    join(queries, 'opens_by_day.sql'),
    `select cast("createdAt" as date) as day, count(*) as opens\nfrom ${schema}.email_open\ngroup by 1\norder by 1\n`,
  )
}

async function run({ elt, terminal, signal }: Demo, name: string): Promise<ExportReport> {
  const report = await elt.export(name, { signal, verify: true })
  signal.throwIfAborted()
  if (report.state !== 'succeeded' && report.state !== 'succeeded_with_rejects') {
    throw new UserError('failed', `the export ${name} of the demo ended as ${report.state}: ${report.error}`)
  }
  const { planned, verified } = report
  terminal.say(
    `${name}: ${count(report.rows)} rows of the query; added ${count(planned.add)}, updated ${count(planned.update)}, removed ${count(planned.remove)}, unchanged ${count(planned.unchanged)}, rejected ${count(report.rejected)}`,
  )
  if (verified) {
    terminal.say(
      `the list, read back: ${count(verified.expected)} people expected, ${count(verified.missing)} missing, ${count(verified.left_over)} left over`,
    )
  }
  return report
}
