/** The pages that are read. */
import { streamSSE } from 'hono/streaming'
import { readActions } from '../report/actions.ts'
import { readCampaignTrends } from '../report/campaign-trends.ts'
import { readCourseSums, readLog, readSteps } from '../report/course.ts'
import { countMembers, readExportHistory, readSavedExports } from '../report/exports.ts'
import { readMart } from '../report/mart.ts'
import { readOverview } from '../report/overview.ts'
import { type Person, readPerson } from '../report/person.ts'
import { type PersonEvent, readPersonEvents } from '../report/person-events.ts'
import {
  type ChangeText,
  countPlanFields,
  type FieldCount,
  findPlanChanges,
  readPlanChanges,
} from '../report/plan-changes.ts'
import { type ReportSource, readAsOne, readTogether } from '../report/read.ts'
import { readBatches, readCompleteRun } from '../report/run-detail.ts'
import { readRun, readRunBefore, readRuns } from '../report/runs.ts'
import { readScheduleBook } from '../report/schedules.ts'
import { readStream } from '../report/stream.ts'
import { readViews } from '../report/views.ts'
import { readVolumes } from '../report/volume.ts'
import { Changes } from './changes.ts'
import { type App, answer, fail, pageFor, refuse, show, type Ui } from './context.ts'
import { CsvAnswer } from './csv-answer.ts'
import { documentOf } from './page.ts'
import { actionsView } from './pages/actions.ts'
import { linesShown, stepsDrawn } from './pages/course.ts'
import { errorsView } from './pages/errors.ts'
import { exportsView, exportView } from './pages/exports.ts'
import {
  type MartInput,
  martGoodMs,
  martOf,
  marts,
  martsView,
  martView,
  type Trends,
  trendDays,
} from './pages/marts.ts'
import { overviewDays, overviewView } from './pages/overview.ts'
import { personView } from './pages/person.ts'
import { changesShown, type PlanPageInput, planView } from './pages/plan.ts'
import { type RunInput, runStates, runsOnPage, runsView, runView } from './pages/runs.ts'
import { backfillView, previewOf, schedulesView } from './pages/schedules.ts'
import { streamDays, streamView } from './pages/stream.ts'

export function addPages(app: App, ui: Ui): void {
  app.get('/', (c) =>
    show(
      ui,
      c,
      (source, { now }) =>
        readTogether(source, async (together) => {
          const overview = await readOverview(together, now)
          const { schedules } = await readScheduleBook(together)
          return overview && { overview, schedule: schedules.find(({ name }) => name === 'sync') }
        }),
      overviewView,
      { beside: (source, { now }) => readVolumes(source, { now, days: overviewDays }) },
    ),
  )

  app.get('/runs', (c) => {
    const job = c.req.query('job') ?? ''
    const state = runStates.find((one) => one === c.req.query('state'))
    const offset = Math.min(Math.max(0, Math.trunc(Number(c.req.query('offset') ?? 0)) || 0), 1_000_000)
    return show(
      ui,
      c,
      (source) =>
        readRuns(source, {
          ...(job !== '' && {
            job:
              ['sync', 'maintain', 'erase', 'migrate'].includes(job) || /^(sync|export):/.test(job)
                ? job
                : `export:${job}`,
          }),
          state,
          offset,
          limit: runsOnPage + 1,
        }),
      (page, runs) => runsView(page, runs, { job, state: state ?? '', offset }),
    )
  })

  app.get('/runs/:id', (c) =>
    show(
      ui,
      c,
      (source) => readAsOne(source, (together) => readRunPage(together, c.req.param('id'))),
      runView,
    ),
  )

  app.get('/runs/:id/plan', (c) => {
    const id = c.req.param('id')
    const person = (c.req.query('person') ?? '').trim().toLowerCase()
    return show<Omit<PlanPageInput, 'search'>, readonly FieldCount[]>(
      ui,
      c,
      // Whoever may see nobody could find out names letter by letter.
      (source, { see }) =>
        readAsOne(source, async (together) => {
          const run = await readCompleteRun(together, id, { countsFields: false })
          const search = { person, isWhole: see.isMasked, limit: changesShown + 1 }
          const changes = run.export?.plan ? await readChanges(together, run.run_id, search) : []
          return {
            run,
            changes: changes.slice(0, changesShown),
            hasMore: changes.length > changesShown,
          }
        }),
      (page, input, counts) => planView(page, { ...input, search: person }, counts),
      {
        beside: async (source, _page, { run }) =>
          run.export?.plan ? countPlanFields(source, run.run_id) : [],
        besideOf: `fields of ${id}`,
      },
    )
  })

  app.get('/runs/:id/plan.csv', async (c) => {
    if (pageFor(ui, c).see.isMasked)
      return fail(ui, c, 'The file holds personal data: an operator can download it.', 403)
    try {
      const file = new CsvAnswer()
      const columns = ['action', 'identifier', 'field', 'before', 'after', 'mark'] as const
      file.add(columns)
      const { run_id } = await readRun(ui.states.source, c.req.param('id'))
      await readPlanChanges(ui.states.source, run_id, (change) => {
        file.add(columns.map((name) => change[name]))
        return true
      })
      return file.answer(c, `plan-${run_id.slice(0, 8)}.csv`)
    } catch (error) {
      return refuse(ui, c, error)
    }
  })

  app.get('/streams/:name', (c) => {
    const withSamples = c.req.query('samples') === 'yes' && !pageFor(ui, c).see.isMasked
    const stream = c.req.param('name')
    return show(ui, c, (source) => readStream(source, stream, { withSamples }), streamView, {
      beside: (source, { now }) => readVolumes(source, { now, days: streamDays, stream }),
    })
  })

  app.get('/exports', (c) => show(ui, c, readSavedExports, exportsView))
  app.get('/exports/:name', (c) =>
    show(ui, c, (source) => readExportHistory(source, c.req.param('name')), exportView, {
      beside: (source) => countMembers(source, c.req.param('name')),
    }),
  )

  app.get('/schedules', (c) => show(ui, c, readScheduleBook, schedulesView))
  app.get('/schedules/:name/backfill', (c) => {
    const name = c.req.param('name')
    const { from = '', to = '' } = c.req.query()
    return show(ui, c, readScheduleBook, (page, { schedules }) => {
      const row = schedules.find((one) => one.name === name)
      const [first, last] = [new Date(from), new Date(to)]
      const isAsked = row !== undefined && !Number.isNaN(first.getTime()) && !Number.isNaN(last.getTime())
      return backfillView(page, name, {
        from,
        to,
        preview: isAsked ? previewOf(row, first, last) : undefined,
      })
    })
  })

  app.get('/person', (c) => {
    const who = (c.req.query('who') ?? '').trim().slice(0, 500)
    return show<Person | undefined, readonly PersonEvent[]>(
      ui,
      c,
      async (source) => (who === '' ? undefined : readPerson(source, who)),
      (page, person, events) => personView(page, { who, person, events }),
      {
        beside: async (source, { now }, person) =>
          person ? readPersonEvents(source, { email: person.email, userId: person.user_id }, { now }) : [],
      },
    )
  })

  app.get('/marts', (c) => show(ui, c, readViews, martsView))
  app.get('/marts/:view', (c) => {
    const mart = martOf(c.req.param('view'))
    if (!mart) return fail(ui, c, `There are pages of ${marts.map(({ view }) => view).join(', ')}.`, 404)
    const order = c.req.query('order') ?? mart.order
    const isAscending = c.req.query('direction') === 'asc'
    return show<Pick<MartInput, 'rows' | 'at'>, Trends>(
      ui,
      c,
      async (source, { now }) => {
        const { view, limit, chart: trend } = mart
        const rows = await readAsOne(source, (together) =>
          readMart(together, view, { order, isAscending, limit, trend }),
        )
        return { rows, at: now }
      },
      (page, input, trends) => martView(page, { mart, order, isAscending, ...input }, trends),
      {
        goodMs: martGoodMs,
        besideOf: 'campaigns',
        ...(mart.hasTrends && {
          beside: (source, { now }) => readCampaignTrends(source, { now, days: trendDays }),
        }),
      },
    )
  })

  app.get('/errors', (c) => {
    const page = pageFor(ui, c)
    return answer(ui, c, documentOf(page, errorsView(page)))
  })
  app.get('/actions', (c) => show(ui, c, (source) => readActions(source, { limit: 200 }), actionsView))

  const changes = new Changes(ui.states.source)
  app.get('/live', (c) =>
    streamSSE(c, async (stream) => {
      const unfollow = await changes.follow(() => {
        stream.writeSSE({ event: 'changed', data: '' }).catch(() => {})
      })
      if (!unfollow) return
      await stream.writeSSE({ event: 'ready', data: '' })
      if (!stream.aborted) {
        await new Promise<void>((resolve) => {
          stream.onAbort(resolve)
          ui.closing.addEventListener('abort', () => resolve(), { once: true })
        })
      }
      unfollow()
    }),
  )
}

/** The first changes of a plan, or those of whom somebody searches for. */
async function readChanges(
  source: ReportSource,
  runId: string,
  search: Parameters<typeof findPlanChanges>[2],
): Promise<readonly ChangeText[]> {
  if (search.person !== '') return findPlanChanges(source, runId, search)
  const changes: ChangeText[] = []
  await readPlanChanges(source, runId, (change) => changes.push(change) < search.limit)
  return changes
}

/** All of it from one state. */
async function readRunPage(source: ReportSource, id: string): Promise<RunInput> {
  const run = await readCompleteRun(source, id, { countsFields: false })
  const earlier = await readRunBefore(source, run)
  const before = earlier && (await readCompleteRun(source, earlier.run_id, { countsFields: false }))
  return {
    run,
    before,
    batches: await readBatches(source, run.run_id, stepsDrawn),
    steps: await readSteps(source, { run: run.run_id, limit: stepsDrawn }),
    log: await readLog(source, run.run_id, linesShown),
    sums: await readCourseSums(source, [run.run_id, ...(before ? [before.run_id] : [])]),
    actions: await readActions(source, { subject: run.run_id, limit: 20 }),
  }
}
