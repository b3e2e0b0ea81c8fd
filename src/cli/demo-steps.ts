/** What the demo shows, in order. A step says what it does to the people watching, and resolves to facts for `--json`. */
import { UserError } from '../errors.ts'
import type { ResultRow, SyncReport } from '../index.ts'
import { addToList, holdMirror, mirrorAgain, mirrorList } from './demo-exports.ts'
import type { Demo } from './demo-project.ts'
import { writeResultRows } from './rows.ts'
import { syncWithProgress } from './sync.ts'
import { count, counted, seconds } from './text.ts'

export interface DemoStep {
  /** Key of its facts in `--json`. */
  readonly name: string
  readonly title: string
  readonly run: (demo: Demo) => Promise<unknown>
}

export const demoSteps: readonly DemoStep[] = [
  { name: 'sync', title: 'Sync a sandbox into an empty warehouse', run: firstSync },
  { name: 'tables', title: 'What landed', run: showTables },
  { name: 'queries', title: 'Two questions of an analyst', run: askQuestions },
  { name: 'export', title: 'From SQL to a list: add people', run: addToList },
  { name: 'mirror', title: 'A list that mirrors a query', run: mirrorList },
  {
    name: 'incremental',
    title: 'A day later: sync again, and only what is new is read',
    run: incrementalSync,
  },
  { name: 'mirror_again', title: 'The mirror follows', run: mirrorAgain },
  { name: 'next', title: 'What to try next', run: sayNext },
]

/** For the operations page: something to decide about. */
export const holdStep: DemoStep = {
  name: 'held',
  title: 'A plan that nobody should send unseen: it waits for approval',
  run: holdMirror,
}

async function firstSync(demo: Demo): Promise<unknown> {
  const { sandbox, elt, terminal } = demo
  const where = elt.config.warehouse.type === 'duckdb' ? `${demo.directory}/warehouse.duckdb` : 'Postgres'
  terminal.say(`A fake Iterable runs at ${sandbox.url}; its data goes to ${where}, schema ${demo.schema}.`)
  return sync(demo)
}

async function sync({ elt, terminal, signal }: Demo): Promise<unknown> {
  const startedMs = performance.now()
  const report = await syncWithProgress(terminal, (onProgress) => elt.sync({ signal, onProgress }))
  signal.throwIfAborted()
  const elapsed = (performance.now() - startedMs) / 1000
  refuseFailure(report)
  const calls = report.streams.reduce((sum, { api_calls }) => sum + api_calls, 0)
  terminal.say(
    `${counted(report.streams.length, 'stream')}, ${counted(report.rows_written, 'row')} written with ${counted(calls, 'API call')} in ${seconds(elapsed)}.`,
  )
  return { seconds: elapsed, ...report }
}

function refuseFailure({ state, streams }: SyncReport): void {
  if (state !== 'failed') return
  const failed = streams.filter(({ error }) => error !== null)
  throw new UserError(
    'failed',
    `the sync of the demo failed: ${failed.map(({ stream, error }) => `${stream}: ${error}`).join('; ')}`,
  )
}

async function showTables({ elt, terminal }: Demo): Promise<unknown> {
  const streams = (await elt.streams()).filter(({ selected }) => selected)
  const rows = streams.map((stream) => [
    stream.table,
    count(stream.rows),
    stream.replication,
    stream.primary_key.join(', ') || '–',
  ])
  terminal.sayTable(['table', 'rows', 'replication', 'primary key'], rows, 'lr', ['replication'])
  return streams.map((stream) => ({ table: stream.table, rows: stream.rows }))
}

async function askQuestions(demo: Demo): Promise<unknown> {
  const answers: unknown[] = []
  for (const question of questions(demo.schema)) answers.push(await ask(demo, question))
  return answers
}

async function ask(demo: Demo, [question, query]: Question): Promise<unknown> {
  demo.terminal.say(`${question}\n`)
  demo.terminal.say(demo.terminal.colors.cyan(query))
  demo.terminal.say()
  const rows = await showRows(demo, query)
  demo.terminal.say()
  return { question, sql: query, rows }
}

/** Runs a query and shows its rows, or gathers them for the JSON document. */
async function showRows({ elt, terminal, signal }: Demo, query: string): Promise<readonly ResultRow[]> {
  const rows: ResultRow[] = []
  if (!terminal.isJson) await writeResultRows(elt.print(query, { signal }), 'table', terminal)
  else for await (const row of elt.query(query, { signal })) rows.push(row)
  return rows
}

type Question = readonly [question: string, sql: string]

const questions = (schema: string): readonly Question[] => [
  [
    'Which campaigns do people (not machines) open most?',
    `select campaign_name as campaign, sent, delivered, human_opened, human_clicked,
  round(cast(100 * human_open_rate as numeric), 1) as opened_percent,
  round(cast(100 * human_click_rate as numeric), 1) as clicked_percent
from ${schema}_marts.campaign_performance
where sent > 0
order by human_open_rate desc nulls last, sent desc
limit 5`,
  ],
  [
    'Which lists hold the people who still click?',
    `select l.name as list, count(distinct m.email) as members, count(distinct k.email) as clicked_lately
from ${schema}.lists l
join ${schema}.list_users m on m."listId" = l.id
left join ${schema}.email_click k on k.email = m.email
  and k."createdAt" > (select max("createdAt") from ${schema}.email_click) - interval '14 days'
group by l.name
order by members desc`,
  ],
]

const growthQuestion = (schema: string): Question => [
  'Which lists have grown? Every sync sets the members of each list against those before, and keeps who came and went.',
  `select list_name as list, day, members, joined, left_list
from ${schema}_marts.list_growth_daily
where joined + left_list > 0
order by day, list_name`,
]

const dayMs = 86_400_000

async function incrementalSync(demo: Demo): Promise<unknown> {
  demo.advance(dayMs)
  demo.terminal.say(
    'The sandbox has moved on by a day. Bookmarks say where to go on; a day before is read again,',
  )
  demo.terminal.say('for events that came late, and replaces itself: nothing is there twice.')
  const synced = await sync(demo)
  demo.terminal.say()
  return { ...(synced as object), growth: await ask(demo, growthQuestion(demo.schema)) }
}

async function sayNext({
  sandbox,
  elt,
  terminal,
  invocation,
  isKept,
  configPath,
  schema,
}: Demo): Promise<unknown> {
  const isPostgres = elt.config.warehouse.type === 'postgres'
  const command = (words: string) => `${invocation} ${words}`
  const lines = [
    ...(isPostgres ? ['export DATABASE_URL=…   # the database of this demo'] : []),
    command(`status --config ${configPath}`),
    command(`sql --config ${configPath} "select * from ${schema}_views.users limit 3"`),
    command(`runs --config ${configPath}`),
    ...(isKept
      ? [
          command(`sync --config ${configPath}`),
          command(`export active_clickers --config ${configPath} --dry-run`),
          `curl ${sandbox.url}             # what the sandbox holds`,
        ]
      : [command('demo --keep            # leaves the sandbox running, for sync and export')]),
    command('init                   # your own project'),
  ]
  for (const line of lines) terminal.say(`  ${line}`)
  return lines
}
