import { sql } from 'kysely'
import { expect, test } from 'vitest'
import type { Elt } from '../../src/index.ts'
import { RunLog } from '../../src/state/run-log.ts'
import { seconds } from '../../src/words.ts'
import { openOn, startProject } from '../support/sync.ts'
import { eachWarehouse, everyWarehouse } from '../support/warehouse.ts'
import { servePage } from './support.ts'

const change = (elt: Elt, statement: string) => elt.warehouse.use(({ db }) => sql.raw(statement).execute(db))

everyWarehouse(
  'the pages show what a sync did step by step, what it waited for and what it told',
  async (w) => {
    await using sandbox = await startProject({ faults: '429' })
    const streams = ['email_send', 'email_open', 'lists', 'list_users']
    await using elt = await openOn(sandbox, w, { sync: { streams } })
    const report = await elt.sync()
    expect(report.state).toBe('succeeded')
    const steps = await w.query(`
    select stream, count(*) as steps, sum(rows_written) as written, sum(api_calls) as calls, sum(retries) as retries,
      sum(case when begun_at <= ended_at and waited_ms >= 0 then 0 else 1 end) as wrong,
      sum(case when window_from is null then 1 else 0 end) as without_window,
      max(steps_done) as done, max(steps_total) as total
    from iterable_sync.run_steps where run_id = '${report.run_id}' group by stream order by stream`)
    const numbers = steps.map((row) =>
      Object.fromEntries(
        Object.entries(row).map(([name, value]) => [name, name === 'stream' ? value : Number(value)]),
      ),
    )
    for (const { stream, rows_written, windows, api_calls } of report.streams) {
      expect(
        numbers.find((row) => row.stream === stream),
        stream,
      ).toMatchObject({
        steps: windows,
        written: rows_written,
        calls: api_calls,
        wrong: 0,
        without_window: stream.startsWith('email_') ? 0 : windows,
      })
    }
    const all = report.streams.reduce((sum, { windows }) => sum + windows, 0)
    expect(Math.max(...numbers.map(({ done }) => done as number))).toBe(all)
    expect(Math.max(...numbers.map(({ total }) => total as number))).toBe(all)
    const refused = sandbox.requests.filter(({ fault }) => fault === '429').length
    expect(refused).toBeGreaterThan(0)
    expect(numbers.reduce((sum, { retries }) => sum + (retries as number), 0)).toBe(refused)

    await using page = await servePage(elt, { now: () => sandbox.now })
    const visitor = page.visitor()
    const { body } = await visitor.get(`/runs/${report.run_id}`)
    expect(body).toMatch(/<svg role="img" aria-label="email_open: \d steps?, /)
    expect(body).toContain('rate limit')
    expect(body).toContain('succeeded: ')
    const stream = (await visitor.get('/streams/email_open')).body
    expect(stream.split('<h2>Windows</h2>')[1]).toContain(`/runs/${report.run_id}`)

    // The next one is compared with it, and tells only of itself.
    const second = await elt.sync({ streams: ['lists', 'email_send'] })
    const next = (await visitor.get(`/runs/${second.run_id}`)).body.replace(/\s+/g, ' ')
    expect(next).toMatch(
      new RegExp(`windows, lists and tables</td><td class="number">1</td><td class="number">${all}</td>`),
    )
    const windows = report.streams.find(({ stream }) => stream === 'email_send')?.windows
    expect(next).toMatch(
      new RegExp(
        `>email_send</a></td>.*?<td class="number">0 <span class="soft">\\(${windows}\\)</span></td>`,
      ),
    )
    expect(next).toMatch(/>lists<\/a><\/td><td class="text">.{0,90}<\/td><td class="number">1<\/td>/)
    expect(next).not.toContain('aria-label="email_open: ')

    // While it was at work, the first page told how far it was.
    await change(
      elt,
      `update iterable_sync.runs set state = 'running', finished_at = null where run_id = '${report.run_id}'`,
    )
    await change(elt, `update iterable_sync.run_steps set steps_total = 40 where run_id = '${report.run_id}'`)
    await using later = await servePage(elt, { now: () => new Date(sandbox.now.getTime() + 60_000) })
    const overview = (await later.visitor().get('/')).body.replace(/\s+/g, ' ')
    expect(overview.split('<h2>Streams</h2>')[0]).toMatch(
      new RegExp(`></progress> ${all} of 40 steps, about ${seconds(((40 - all) * 60) / all)} left`),
    )
  },
)

everyWarehouse('the first page tells how much of the pace of an endpoint is used', async (w) => {
  await using sandbox = await startProject()
  await using elt = await openOn(sandbox, w, {
    sync: { streams: ['email_send', 'email_open'] },
    connection: { rate_limits: { export: '30/min' } },
  })
  // Postgres keeps the time itself.
  const now = () => (w.kind === 'duckdb' ? sandbox.now : new Date())
  /** Its row, as a page that begins now shows it. */
  const paceRow = async () => {
    await using page = await servePage(elt, { now })
    const { body } = await page.visitor().get('/')
    return /<td class="text">iterable\/export<\/td>(.*?)<\/tr>/.exec(body.replace(/\s+/g, ' '))?.[1]
  }
  expect(await paceRow()).toBeUndefined()
  const report = await elt.sync()
  const calls = report.streams.reduce((sum, { api_calls }) => sum + api_calls, 0)
  const [used, last] = [`<td class="number">${calls}</td>`, '<td class="text"><time [^>]+>[^<]+</time></td>']
  const waiting = '<td class="number">0</td>'
  await expect.poll(paceRow).toMatch(new RegExp(`^ ?${used}${waiting}${last}<td class="text">–</td>`))
  await elt.warehouse.paceBook?.hold('iterable/export', 3_600_000)
  await expect.poll(paceRow).toMatch(new RegExp(`^ ?${used}${waiting}${last}${last}`))
})

everyWarehouse('the page of a person says since when they are on a list', async (w) => {
  await using sandbox = await startProject({ empty: true })
  sandbox.data.lists.push({ id: 7, name: 'Seven', createdAt: 0, listType: 'Standard' })
  sandbox.data.members(7).add('first@example.com')
  await using elt = await openOn(sandbox, w, { sync: { streams: ['lists', 'list_users'] } })
  await elt.sync()
  sandbox.data.members(7).add('second@example.com')
  sandbox.advance(86_400_000)
  await elt.sync()
  await using page = await servePage(elt, { now: () => sandbox.now })
  const listsOf = async (who: string) =>
    (await page.visitor().get(`/person?${new URLSearchParams({ who })}`)).body.split(
      '<h2>Lists in Iterable</h2>',
    )[1]
  expect(await listsOf('first@example.com')).toMatch(
    /Seven<\/td><td class="text">before <time datetime="2026-02-01T/,
  )
  expect(await listsOf('SECOND@example.com')).toMatch(
    /Seven<\/td><td class="text"><time datetime="2026-02-02T/,
  )
})

eachWarehouse('the course of runs is bounded by age and by number', async (w) => {
  await using sandbox = await startProject()
  await using elt = await openOn(sandbox, w, { sync: { streams: ['lists'] } })
  await elt.sync()
  const old = "timestamptz '2025-10-01 00:00:00+00'"
  await change(
    elt,
    `insert into iterable_sync.run_steps
    select 'old', 'lists', 'all', null, null, ${old}, ${old}, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0`,
  )
  await change(
    elt,
    `insert into iterable_sync.run_log
    select case when n <= 100000 then 'many' else 'old' end, n,
      case when n <= 100000 then timestamptz '2026-01-31 00:00:00+00' + n * interval '1 millisecond' else ${old} end,
      'info', null, 'said' from generate_series(1, 100003) as g(n)`,
  )
  await elt.sync()
  const counts = async (table: string) =>
    (
      await w.query(`select count(*) as n, sum(case when run_id = 'old' then 1 else 0 end) as old
      from iterable_sync.${table}`)
    ).map(({ n, old: left }) => [Number(n), Number(left)])
  expect(await counts('run_steps')).toEqual([[2, 0]])
  const [[lines = 0, left] = []] = await counts('run_log')
  expect(left).toBe(0)
  expect(lines).toBe(100_000)
})

test('a log holds no secret, no address and no more than a thousand lines', () => {
  const log = new RunLog(
    () => new Date(0),
    (text) => text.replaceAll('s3cret', '***'),
  )
  log.say('info', 'list 7: the key s3cret may not read jane.doe+x@example.org\0', 'lists')
  for (let n = 0; n < 2_000; n += 1) log.say('warn', 'x'.repeat(2_000))
  const lines = log.take()
  expect(lines[0]).toMatchObject({ stream: 'lists', message: 'list 7: the key *** may not read •••@•••' })
  expect(lines).toHaveLength(1_000)
  expect(lines.at(-1)?.message).toBe('further lines are left out')
  expect(Math.max(...lines.map(({ message }) => message.length))).toBe(500)
  log.giveBack(lines)
  expect(log.unwritten).toEqual(lines)
})
