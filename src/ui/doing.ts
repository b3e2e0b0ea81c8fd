/** What people do on the pages. Everything is done by the functions that the commands use. */
import { ConfigError, messageOf } from '../errors.ts'
import { printRows } from '../report/query.ts'
import { readRun } from '../report/runs.ts'
import { type App, answer, fail, pageFor, type RequestContext, refuse, type Ui } from './context.ts'
import { CsvAnswer } from './csv-answer.ts'
import type { Errand } from './errands.ts'
import { documentOf } from './page.ts'
import { dryRunView } from './pages/plan.ts'
import { chartKinds, type QueryInput, type QueryResult, queryView, rowsShown } from './pages/query.ts'
import { listQueries, readQuery, saveQuery } from './saved-queries.ts'

/** A query of a page ends after this; the command line waits for ever. */
const queryPatienceMs = 30_000

type Form = ReadonlyMap<string, string>

export function addActions(app: App, ui: Ui): void {
  const { elt, closing: signal } = ui

  app.use('/query', operatorsOnly)
  app.use('/query.csv', operatorsOnly)
  app.get('/query', async (c) => {
    try {
      const name = c.req.query('saved')
      const text = name === undefined ? '' : await readQuery(elt.config.ui.queries, name)
      return await showQuery(c, { text, chart: undefined, result: undefined, problem: undefined })
    } catch (error) {
      return refuse(ui, c, error)
    }
  })
  app.post('/query', async (c) => {
    const form = await formOf(c)
    const text = form.get('sql') ?? ''
    const chart = chartKinds.find((kind) => kind === form.get('chart'))
    try {
      return await showQuery(c, { text, chart, result: await runQuery(text), problem: undefined })
    } catch (error) {
      return showQuery(c, { text, chart, result: undefined, problem: messageOf(error) })
    }
  })
  app.post('/query.csv', async (c) => {
    const text = (await formOf(c)).get('sql') ?? ''
    try {
      const file = new CsvAnswer()
      let isFirst = true
      const limit = { signal: AbortSignal.any([signal, AbortSignal.timeout(queryPatienceMs)]) }
      for await (const { columns, rows } of printRows(ui.states.source.warehouse, text, limit)) {
        if (isFirst) file.add(columns.map(({ name }) => name))
        isFirst = false
        for (const row of rows) file.add(row)
      }
      return file.answer(c, 'query.csv')
    } catch (error) {
      return showQuery(c, { text, chart: undefined, result: undefined, problem: messageOf(error) })
    }
  })

  app.post('*', operatorsOnly)

  app.post('/runs/:id/approve', async (c) => {
    const form = await formOf(c)
    return errand(
      c,
      form,
      { action: 'approve', subject: await runIdOf(c) },
      async ({ actor: by, note, subject }) => {
        const report = await elt.approve(subject, { by, signal, ...(note !== null && { note }) })
        if (report.error !== null) throw new ConfigError(report.error)
        return report
      },
    )
  })
  app.post('/runs/:id/cancel', async (c) => {
    const form = await formOf(c)
    return errand(c, form, { action: 'cancel', subject: await runIdOf(c) }, ({ actor: by, note, subject }) =>
      elt.cancel(subject, { by, ...(note !== null && { note }) }),
    )
  })

  app.post('/schedules/:name/pause', async (c) => {
    const task = { action: 'pause', subject: c.req.param('name') }
    return errand(
      c,
      await formOf(c),
      task,
      ({ actor, subject }) => elt.pauseSchedule(subject, `paused by ${actor}`),
      '/schedules',
    )
  })
  app.post('/schedules/:name/resume', async (c) => {
    const task = { action: 'resume', subject: c.req.param('name') }
    return errand(c, await formOf(c), task, ({ subject }) => elt.resumeSchedule(subject), '/schedules')
  })
  app.post('/schedules/:name/run', async (c) => {
    const task = { action: 'run', subject: c.req.param('name') }
    return errand(c, await formOf(c), task, ({ subject }) => elt.runJob(subject, { signal }), '/runs')
  })
  app.post('/schedules/:name/backfill', async (c) => {
    const form = await formOf(c)
    const [from, to] = ['from', 'to'].map((key) => new Date(form.get(key) ?? '')) as [Date, Date]
    if (Number.isNaN(from.getTime()) || Number.isNaN(to.getTime())) {
      return fail(ui, c, 'A backfill needs its first day, and the day before which it ends.', 400)
    }
    const task = { action: 'backfill', subject: c.req.param('name') }
    return errand(c, form, task, ({ subject }) => elt.backfill(subject, { from, to, signal }), '/runs')
  })
  app.post('/definitions', async (c) =>
    errand(
      c,
      await formOf(c),
      { action: 'refresh', subject: 'definitions' },
      () => elt.schedules(),
      '/exports',
    ),
  )

  app.post('/exports/:name/plan', async (c) => {
    const page = pageFor(ui, c)
    const name = c.req.param('name')
    const task = taskOf(c, await formOf(c), { action: 'dry_run', subject: `export:${name}` })
    try {
      const plan = await ui.errands.finish(task, () => elt.planExport(name, { signal }), outcomeOf)
      return await answer(ui, c, documentOf(page, dryRunView(page, plan)))
    } catch (error) {
      return refuse(ui, c, error)
    }
  })
  app.post('/queries', async (c) => {
    const form = await formOf(c)
    const name = form.get('name') ?? ''
    return errand(
      c,
      form,
      { action: 'save_query', subject: name },
      () => saveQuery(elt.config.ui.queries, name, form.get('sql') ?? ''),
      `/query?${new URLSearchParams({ saved: name })}`,
    )
  })

  async function operatorsOnly(c: RequestContext, next: () => Promise<void>): Promise<Response | undefined> {
    if (c.get('session').role === 'operator') {
      await next()
      return undefined
    }
    return fail(ui, c, 'A viewer reads; this is for operators.', 403)
  }

  /** Does something in the name of whoever asks, then shows where it is told of. */
  async function errand(
    c: RequestContext,
    form: Form,
    { action, subject }: Pick<Errand, 'action' | 'subject'>,
    work: (errand: Errand) => Promise<unknown>,
    back = `/runs/${encodeURIComponent(subject)}`,
  ): Promise<Response> {
    const task = taskOf(c, form, { action, subject })
    try {
      await ui.errands.begin(task, async () => outcomeOf(await work(task)))
      ui.states.expire()
      return c.redirect(back, 303)
    } catch (error) {
      return refuse(ui, c, error)
    }
  }

  /** The whole id; what is given stays where no such run is known, and is refused by whoever acts. */
  async function runIdOf(c: RequestContext): Promise<string> {
    const given = c.req.param('id') ?? ''
    const run = await readRun(ui.states.source, given).catch(() => undefined)
    return run?.run_id ?? given
  }

  async function showQuery(c: RequestContext, input: Omit<QueryInput, 'saved'>): Promise<Response> {
    const page = pageFor(ui, c)
    const saved = await listQueries(elt.config.ui.queries)
    return answer(ui, c, documentOf(page, queryView(page, { ...input, saved })))
  }

  async function runQuery(text: string): Promise<QueryResult> {
    const startedMs = performance.now()
    const shown: (readonly (string | null)[])[] = []
    let columns: QueryResult['columns'] = []
    let hasMore = false
    const limit = { signal: AbortSignal.any([signal, AbortSignal.timeout(queryPatienceMs)]) }
    for await (const portion of printRows(ui.states.source.warehouse, text, limit)) {
      columns = portion.columns
      hasMore = shown.length + portion.rows.length > rowsShown
      shown.push(...portion.rows.slice(0, rowsShown - shown.length))
      if (hasMore) break
    }
    return { columns, rows: shown, hasMore, tookMs: performance.now() - startedMs }
  }
}

/** Under whose name something is done. */
function taskOf(
  c: RequestContext,
  form: Form,
  { action, subject }: Pick<Errand, 'action' | 'subject'>,
): Errand {
  const { name, role, isLocal } = c.get('session')
  const said = form.get('by')?.trim().slice(0, 100)
  const note = form.get('note')?.trim().slice(0, 500)
  return { action, subject, role, note: note || null, actor: isLocal && said ? said : name }
}

/** A run ends in a state, a plan would; whatever else was asked for is done. */
function outcomeOf(result: unknown): string | undefined {
  const { run_id, dry_run, state } = (result ?? {}) as Readonly<Record<string, unknown>>
  const hasState = typeof run_id === 'string' || dry_run === true
  return hasState && typeof state === 'string' ? state : undefined
}

/** Fields of a form that are text. */
async function formOf(c: RequestContext): Promise<Form> {
  const fields = Object.entries(await c.req.parseBody())
  return new Map(fields.flatMap(([name, value]) => (typeof value === 'string' ? [[name, value]] : [])))
}
