import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { StreamStatus } from '../../src/report/streams.ts'
import { freshnessOf } from '../../src/ui/freshness.ts'
import { sightOf } from '../../src/ui/sight.ts'
import { exportTest, makeFixture } from '../export/support.ts'
import { holdFile } from '../support/processes.ts'
import { createTestWarehouse } from '../support/warehouse.ts'
import { holdMirror, pagesOf, servePage } from './support.ts'

exportTest('an empty warehouse has pages, too, and none of them writes', async ({ elt }) => {
  await using page = await servePage(elt)
  for (const path of ['/', '/runs', '/exports', '/schedules', '/person?who=x', '/marts', '/actions']) {
    expect((await page.visitor().get(path)).status, path).toBe(200)
  }
  expect((await page.visitor().get('/runs/abc')).status).toBe(404)
  expect((await page.visitor().get('/exports/nope')).status).toBe(404)
  expect((await page.visitor().get('/streams/emial_open')).body).toContain('did you mean')
})

exportTest(
  'a held mirror is approved under a name, the list follows, and all of it is on record',
  async (f) => {
    const held = await holdMirror(f)
    await using page = await servePage(f.elt)
    const visitor = page.visitor()
    expect((await visitor.get('/')).body).toContain(`/runs/${held}/plan`)
    const plan = await visitor.get(`/runs/${held}/plan`)
    expect(plan.body).toContain('removals')
    expect(plan.body).toContain('p7@example.com')
    const searched = await visitor.get(`/runs/${held}/plan?person=P7@`)
    expect(searched.body.match(/p\d+@example\.com/g)).toEqual(['p7@example.com'])
    const { headers, body: csv } = await visitor.get(`/runs/${held}/plan.csv`)
    expect(headers['content-type']).toContain('text/csv')
    expect(csv.split('\r\n')).toHaveLength(1 + 6 + 1)
    expect(csv).toContain('remove,p7@example.com,,,,')

    const approved = await visitor.post(`/runs/${held}/approve`, { by: 'head of <crm>', note: 'they left' })
    expect(approved).toMatchObject({ status: 303, headers: { location: `/runs/${held}` } })
    await expect.poll(() => f.members().length).toBe(4)
    await expect.poll(async () => (await f.elt.run(held)).state).toBe('succeeded')
    expect(
      await f.warehouse.query('select approved_by, note, decision from iterable_sync.approvals'),
    ).toEqual([{ approved_by: 'head of <crm>', note: 'they left', decision: 'approved' }])
    await expect
      .poll(() =>
        f.warehouse.query('select actor, role, action, subject, note, outcome from iterable_sync.actions'),
      )
      .toEqual([
        {
          actor: 'head of <crm>',
          role: 'operator',
          action: 'approve',
          subject: held,
          note: 'they left',
          outcome: 'succeeded',
        },
      ])
    const { body } = await visitor.get(`/runs/${held}`)
    expect(body).toContain('approved by head of &lt;crm&gt;')
    const log = body.split('<h2>Log</h2>')[1]?.split('<h2>')[0] ?? ''
    const told = [...log.matchAll(/<td class="text">([^<]+)<\/td><\/tr>/g)].map(([, message]) => message)
    expect(told).toEqual([
      '4 rows of the query: 0 to add, 0 to update, 6 to remove, 4 unchanged',
      expect.stringMatching(/^held.*: 0 sent, /),
      'sending 1 request about 6 people',
      'succeeded: 0 sent, 6 taken off the list, 0 rejected, 1 request acknowledged',
    ])
    // Ten people came with the run before; six of them went.
    for (const [what, now, before] of [
      ['to add', 0, 10],
      ['to remove', 6, 0],
      ['unchanged', 4, 0],
    ])
      expect(body).toContain(
        `${what}</td><td class="number">${now}</td><td class="number">${before}</td></tr>`,
      )

    // Somebody else has the page open still.
    const again = await visitor.post(`/runs/${held}/approve`, { by: 'somebody' })
    expect(again).toMatchObject({ status: 409, body: expect.stringContaining('is not held') })
    expect((await visitor.get('/actions')).body).toContain('is not held')
  },
)

exportTest('a held plan is cancelled under a name, and nothing is sent', async (f) => {
  const held = await holdMirror(f)
  await using page = await servePage(f.elt)
  const visitor = page.visitor()
  await visitor.get(`/runs/${held}/plan`)
  expect((await visitor.post(`/runs/${held}/cancel`, { by: 'head of crm', note: 'a bug' })).status).toBe(303)
  expect(await f.elt.run(held)).toMatchObject({
    state: 'cancelled',
    error_text: 'cancelled by head of crm',
    export: { approval: { by: 'head of crm', note: 'a bug', decision: 'cancelled' } },
  })
  expect(f.members()).toHaveLength(10)
})

exportTest('the page of a person says why they are on a list, and why not', async (f) => {
  const { elt, run, save } = f
  await run(
    'create table iterable.people as ' + "select 'in@x.org' as email union all select 'no mail' as email",
  )
  await save('vip', { action: 'mirror', skip_invalid_data: true }, 'select * from iterable.people')
  await save('other', { action: 'add', list_id: f.listId, send: 'changes' }, "select 'z@x.org' as email")
  await save('blind', { action: 'add', list_id: f.listId }, "select 'in@x.org' as email")
  await save('fresh', { action: 'add', list_id: f.listId }, "select 'y@x.org' as email")
  await elt.export('vip')
  await elt.export('other')
  await elt.export('blind')
  await using page = await servePage(elt)
  const about = async (who: string) =>
    (await page.visitor().get(`/person?${new URLSearchParams({ who })}`)).body.replace(/\s+/g, ' ')
  expect(await about('IN@x.org')).toMatch(/>vip<.*member.*acknowledged them.*/)
  expect(await about('IN@x.org')).toMatch(/>other<\/a>.*absent.*has not returned them/)
  expect(await about('IN@x.org')).toMatch(/>blind<\/a>.*untracked.*does not keep whom/)
  const blind = (await page.visitor().get('/exports/blind')).body
  expect(blind).toContain('<dt>on the list through it</dt><dd>not kept</dd>')
  expect((await page.visitor().get('/exports/vip')).body).toContain('<dd>1 person</dd>')
  expect(await about('IN@x.org')).toMatch(/>fresh<\/a>.*never.*has never run/)
  expect(await about('no mail')).toMatch(/>vip<.*rejected.*refused: /)
  await run("delete from iterable.people where email = 'in@x.org'")
  expect(await about('nobody@x.org')).toContain('Nobody of this name is in the warehouse')
})

/** Whatever can be called anything, is. */
const evil = '<script>alert(1)</script>"\'><img src=x onerror=alert(2)>&lt;'

exportTest('hostile names and values are text on every page', async (f) => {
  const { elt, run, save, sandbox, listId } = f
  const held = await holdMirror(f)
  const sqlText = (value: string) => `'${value.replaceAll("'", "''")}'`
  const list = sandbox.data.lists.find(({ id }) => id === listId)
  if (list) Object.assign(list, { name: evil })
  await save(
    'hostile',
    { action: 'add', new_fields: 'hold' },
    `select 'p1@example.com' as email, ${sqlText(evil)} as "${evil.replaceAll('"', '""')}"`,
  )
  const { run_id: second } = await elt.export('hostile')
  await run(
    `insert into iterable_sync.runs (run_id, job, kind, trigger, state, started_at, error_code, error_text, details)
     values (${sqlText(evil)}, ${sqlText(`export:${evil}`)}, 'sync', ${sqlText(evil)}, 'failed', now(), ${sqlText(evil)}, ${sqlText(evil)},
       ${sqlText(JSON.stringify({ streams: [{ stream: evil, state: evil, notes: [evil] }] }))})`,
  )
  await run(
    `insert into iterable_sync.exports (name, query, settings, defined_in, created_at, updated_at)
     values (${sqlText(evil)}, ${sqlText(`select '${evil}' -- ${evil}`)}, ${sqlText(JSON.stringify({ action: evil, schedule: { cron: evil } }))}, 'sql', now(), now())`,
  )
  await run(
    `insert into iterable_sync.schedules (name, cron, timezone, problem) values (${sqlText(evil)}, ${sqlText(evil)}, ${sqlText(evil)}, ${sqlText(evil)})`,
  )
  await run(
    `insert into iterable_sync.rejected_rows (run_id, source, code, reason, raw, rejected_at)
     values ('${held}', 'stream:email_open', ${sqlText(evil)}, ${sqlText(evil)}, ${sqlText(evil)}, now())`,
  )
  await using page = await servePage(elt)
  const visitor = page.visitor()
  const paths = [
    ...pagesOf(held),
    ...[`/runs/${second}`, `/runs/${second}/plan`, `/runs/${encodeURIComponent(evil)}`, '/exports/hostile'],
    ...[`/exports/${encodeURIComponent(evil)}`, `/person?who=${encodeURIComponent(evil)}`],
    ...[`/runs?job=${encodeURIComponent(evil)}&state=x&offset=1e99`, `/streams/${encodeURIComponent(evil)}`],
    ...[`/schedules/${encodeURIComponent(evil)}/backfill?from=2026-01-01&to=2026-01-02`],
    ...[`/marts/campaign_performance?order=${encodeURIComponent(evil)}`, `/${encodeURIComponent(evil)}`],
    ...[`/query?saved=${encodeURIComponent(evil)}`],
  ]
  let shown = 0
  for (const path of paths) {
    const { body, status } = await visitor.get(path)
    expect(status, path).toBeLessThan(500)
    expect(body, path).not.toMatch(/<script>|<img/)
    shown += body.split('&lt;script&gt;').length - 1
  }
  const fields = (await visitor.get(`/runs/${second}/plan`)).body.split('<h2>Fields that change</h2>')[1]
  expect(fields?.split('<h2>')[0]).toMatch(/<td class="number">1<\/td>.*Iterable would create it/s)
  const query = await visitor.post('/query', {
    sql: `select ${sqlText(evil)} as "${evil.replaceAll('"', '""')}", 1 as n`,
  })
  expect(query.body).not.toMatch(/<script>|<img/)
  expect(query.body.split('&lt;script&gt;').length).toBeGreaterThan(2)
  expect(shown).toBeGreaterThan(30)
})

exportTest('a query reads, and nothing else; what is worth keeping is a file', async (f) => {
  await holdMirror(f)
  await using page = await servePage(f.elt, { ui: { queries: join(f.warehouse.tempDir, 'queries') } })
  const visitor = page.visitor()
  await visitor.get('/query')
  const sql = 'select email, score from iterable.people order by score'
  const answer = await visitor.post('/query', { sql })
  expect(answer.body).toContain('p3@example.com')
  expect(answer.body).toContain('data-chart')
  for (const refused of [
    'delete from iterable.people',
    'select 1; select 2',
    "copy (select 1) to '/tmp/never'",
  ]) {
    expect((await visitor.post('/query', { sql: refused })).body).toContain('role="alert"')
  }
  expect(await f.warehouse.query('select count(*) as n from iterable.people')).toEqual([{ n: 4 }])
  expect((await visitor.post('/query.csv', { sql })).body.split('\r\n')).toEqual([
    ...['email,score', 'p1@example.com,1', 'p2@example.com,2', 'p3@example.com,3', 'p4@example.com,4', ''],
  ])
  expect((await visitor.post('/queries', { sql, name: 'people' })).status).toBe(303)
  expect(await readFile(join(f.warehouse.tempDir, 'queries/people.sql'), 'utf8')).toBe(`${sql}\n`)
  expect((await visitor.get('/query?saved=people')).body).toContain(sql)
  expect((await visitor.post('/queries', { sql, name: 'people' })).body).toContain('already')
  for (const name of ['../people', 'a/b', '', '.x']) {
    expect((await visitor.post('/queries', { sql, name })).status, name).toBe(409)
  }
})

exportTest('schedules are paused, resumed and run, and each of it has a name to it', async (f) => {
  const { elt, save, members, listId } = f
  await save(
    'daily',
    { action: 'add', list_id: listId, schedule: { cron: '0 6 * * *', timezone: 'Europe/Berlin' } },
    "select 'p1@example.com' as email",
  )
  await elt.schedules()
  await using page = await servePage(elt)
  const visitor = page.visitor()
  const book = await visitor.get('/schedules')
  expect(book.body.match(/export:daily<\/a>: 0[45]:00/g)?.length).toBeGreaterThanOrEqual(6)
  const path = '/schedules/export%3Adaily'
  expect((await visitor.post(`${path}/pause`)).status).toBe(303)
  expect((await visitor.get('/schedules')).body).toContain('paused by somebody')
  expect((await visitor.post(`${path}/resume`)).status).toBe(303)
  expect((await elt.schedules())[0]).toMatchObject({ paused_at: null })
  expect((await visitor.get(`${path}/backfill?from=2026-01-01&to=2026-01-04`)).body).toContain('Run 3 times')
  expect((await visitor.post(`${path}/run`)).status).toBe(303)
  await expect.poll(members).toEqual(['p1@example.com'])
  expect((await visitor.post('/schedules/nope/run')).status).toBe(404)
  const actions = await f.warehouse.query('select action from iterable_sync.actions order by begun_at')
  expect(actions.map(({ action }) => action)).toEqual(['pause', 'resume', 'run', 'run'])
  expect((await visitor.get('/exports/daily')).body).toContain('next runs in Europe/Berlin')
})

exportTest('a page follows what happens', async (f) => {
  await using page = await servePage(f.elt)
  const answer = await fetch(`${page.url}live`)
  expect(answer.headers.get('content-type')).toContain('text/event-stream')
  const reader = (answer.body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream()).getReader()
  let heard = ''
  const until = async (event: string) => {
    while (!heard.includes(`event: ${event}`)) heard += (await reader.read()).value ?? ''
  }
  await until('ready')
  // Once and never again: what happens from now on is told.
  await f.run(
    `insert into iterable_sync.runs (run_id, job, kind, trigger, state, started_at)
     values ('r', 'sync', 'sync', 'manual', 'succeeded', now())`,
  )
  await until('changed')
  await reader.cancel()
})

test('while another program holds the file, the last state is shown with its time', async () => {
  await using warehouse = await createTestWarehouse('duckdb')
  await using f = await makeFixture(warehouse)
  const held = await holdMirror(f)
  await using page = await servePage(f.elt, { patience: { besideMs: 30_000 } })
  const visitor = page.visitor()
  expect((await visitor.get('/')).body).not.toContain('This is the state of')
  await using _holder = await holdFile(join(warehouse.tempDir, 'warehouse.duckdb'))
  const overview = await visitor.get('/')
  expect(overview.status).toBe(200)
  expect(overview.body).toMatch(/in use by process \d+\. This is the state of\s+<time/)
  expect(overview.body).toContain(`/runs/${held}/plan`)
  const unread = await visitor.get('/exports')
  expect(unread).toMatchObject({ status: 200, body: expect.stringContaining('has not been read before') })
})

exportTest(
  'a dry run is on record under the name of who made it, and errors lead to what helps',
  async (f) => {
    await f.save('vip', { action: 'add' }, "select 'a@x.org' as email")
    await f.save('broken', { action: 'add' }, 'select nothing from nowhere')
    await f.elt.exports()
    await using page = await servePage(f.elt)
    const visitor = page.visitor()
    expect((await visitor.get('/exports/vip')).body).toContain('Dry run')
    expect((await visitor.post('/exports/vip/plan')).body).toContain('Nothing was sent')
    const refused = await visitor.post('/exports/broken/plan')
    expect(refused.status).toBe(409)
    const actions = await f.warehouse.query(
      'select actor, action, subject, outcome from iterable_sync.actions order by begun_at',
    )
    expect(actions).toEqual([
      { actor: 'somebody', action: 'dry_run', subject: 'export:vip', outcome: 'ready' },
      { actor: 'somebody', action: 'dry_run', subject: 'export:broken', outcome: expect.any(String) },
    ])
    const { run_id, error_code } = await f.elt.export('broken')
    const run = await visitor.get(`/runs/${run_id}`)
    expect(run.body).toContain(`<a href="/errors#${error_code}">`)
    expect((await visitor.get('/errors')).body).toContain(`id="${error_code}"`)
  },
)

exportTest('what is slow to read shows itself when it is there, and what was known until then', async (f) => {
  await using page = await servePage(f.elt, { patience: { besideMs: 0 } })
  const visitor = page.visitor()
  const first = await visitor.get('/exports')
  expect(first).toMatchObject({
    status: 200,
    body: expect.stringContaining('shows itself as soon as it can'),
  })
  await expect.poll(async () => (await visitor.get('/exports')).body).toContain('<h1>Exports</h1>')
  await f.save('vip', { action: 'add' }, "select 'a@x.org' as email")
  await f.elt.exports()
  const meanwhile = (await visitor.get('/exports')).body
  expect(meanwhile).toContain('this is being read anew. This is the state of')
  expect(meanwhile).toContain('data-pending')
  await expect.poll(async () => (await visitor.get('/exports')).body).toContain('/exports/vip')
  // What goes wrong while nobody waits is told to whoever comes next.
  await visitor.get('/streams/nonsense')
  await expect.poll(async () => (await visitor.get('/streams/nonsense')).status).toBe(404)
})

test('between two looks the file is free for other programs', async () => {
  await using warehouse = await createTestWarehouse('duckdb')
  await using f = await makeFixture(warehouse)
  await using page = await servePage(f.elt)
  await page.visitor().get('/')
  const live = await fetch(`${page.url}live`)
  await using _holder = await holdFile(join(warehouse.tempDir, 'warehouse.duckdb'))
  await live.body?.cancel()
})

test.each([
  ['fresh', { state: 'succeeded', at: '2026-01-01T10:01:00Z' }],
  ['late', { state: 'succeeded', at: '2026-01-01T09:59:00Z' }],
  ['failed', { state: 'failed', at: '2026-01-01T10:01:00Z' }],
  ['running', { state: 'running', at: '2026-01-01T09:00:00Z' }],
  ['never', null],
])('a stream is %s', (freshness, last) => {
  const stream = { rows: null, last_sync: last && { run_id: 'x', ...last } } as StreamStatus
  expect(freshnessOf(stream, new Date('2026-01-01T10:00:00Z'))).toBe(freshness)
})

test('a viewer sees what happened, and not to whom', () => {
  const see = sightOf('viewer')
  expect(see.person('jane.doe@example.org')).toBe('j•••@e•••')
  expect(see.text('no mail to <jane.doe@example.org>, campaign "Spring"')).toBe(
    'no mail to <j•••@e•••>, campaign "Spring"',
  )
  expect(see.reason('"user 7" is no e-mail, nor is jane@example.org')).toBe(
    '"•••" is no e-mail, nor is j•••@e•••',
  )
  expect(see.reason('no e-mail: {"email":"jane","age":7\nall of them: rejects')).toBe(
    'no e-mail: •••\nall of them: rejects',
  )
  expect([see.value('x'), see.value(null)]).toEqual(['•••', null])
  expect(sightOf('operator').person('jane.doe@example.org')).toBe('jane.doe@example.org')
})
