import { expect } from 'vitest'
import { exportTest, people } from './support.ts'

exportTest(
  'add sends every row of the query to the list',
  async ({ elt, save, members, writes, listId, warehouse }) => {
    await save('vip', { action: 'Add' }, people(2_500))
    const report = await elt.export('vip')
    expect(report).toMatchObject({
      export: 'vip',
      state: 'succeeded',
      planned: { add: 2_500, update: 0, remove: 0, unchanged: 0 },
      sent: 2_500,
      rejected: 0,
      skipped: 0,
      batches: 3,
      error: null,
    })
    expect(members()).toHaveLength(2_500)
    const [first] = writes()
    expect(first?.body.listId).toBe(listId)
    expect(first?.body.subscribers[0]).toEqual({ email: 'p1@example.com', dataFields: { score: 1 } })
    const [run] = await warehouse.query('select * from iterable_sync.runs')
    expect(run).toMatchObject({
      job: 'export:vip',
      kind: 'export',
      state: 'succeeded',
      rows_read: 2_500,
      rows_written: 2_500,
    })
    expect(await warehouse.query('select * from iterable_sync.plan')).toEqual([])
  },
)

exportTest(
  'remove sends identifiers only, with an explicit channelUnsubscribe',
  async ({ elt, save, members, writes, sandbox, listId }) => {
    sandbox.data.members(listId).add('p1@example.com', 'p2@example.com', 'other@example.com')
    await save('gone', { action: 'remove', campaign_id: 42 }, people(2))
    const report = await elt.export('gone')
    expect(report).toMatchObject({ state: 'succeeded', planned: { remove: 2 }, sent: 2, removed: 0 })
    expect(report.notices.join()).toContain('score')
    expect(members()).toEqual(['other@example.com'])
    expect(writes()[0]?.body).toEqual({
      listId,
      campaignId: 42,
      channelUnsubscribe: false,
      subscribers: [{ email: 'p1@example.com' }, { email: 'p2@example.com' }],
    })
  },
)

exportTest(
  'mirror adds, updates with the changed fields only, and removes',
  async ({ elt, save, run, members, writes, warehouse }) => {
    await run('create table iterable.people (email varchar, score int, city varchar)')
    await run(
      "insert into iterable.people values ('a@x.org', 1, 'Oslo'), ('b@x.org', 2, 'Rome'), ('c@x.org', 3, 'Bonn')",
    )
    await save('vip', { action: 'mirror' }, 'select * from iterable.people')
    expect(await elt.export('vip')).toMatchObject({ state: 'succeeded', planned: { add: 3 }, sent: 3 })
    expect(await elt.export('vip')).toMatchObject({
      state: 'succeeded',
      planned: { add: 0, unchanged: 3 },
      sent: 0,
      batches: 0,
    })
    await run("delete from iterable.people where email = 'a@x.org'")
    await run("update iterable.people set score = 20 where email = 'b@x.org'")
    await run("insert into iterable.people values ('d@x.org', 4, 'Graz')")
    const report = await elt.export('vip')
    expect(report).toMatchObject({
      planned: { add: 1, update: 1, remove: 1, unchanged: 1 },
      rows: 3,
      sent: 2,
      removed: 1,
      rejected: 0,
      batches: 3,
    })
    expect(members()).toEqual(['b@x.org', 'c@x.org', 'd@x.org'])
    const sent = writes().slice(1)
    expect(sent.find(({ body }) => body.subscribers[0]?.email === 'b@x.org')?.body.subscribers).toEqual([
      { email: 'b@x.org', dataFields: { score: 20 } },
    ])
    const managed = await warehouse.query('select member_key from iterable_sync.members order by 1')
    expect(managed.map(({ member_key }) => member_key)).toEqual(['e:b@x.org', 'e:c@x.org', 'e:d@x.org'])
  },
)

exportTest(
  'a dry run shows the plan and leaves nothing behind',
  async ({ elt, save, warehouse, sandbox }) => {
    sandbox.data.fields.score = 'string'
    await save('vip', { action: 'mirror' }, `select email, score, 1.5 as bonus from (${people(3)}) as p`)
    const plan = await elt.planExport('vip')
    expect(plan).toMatchObject({
      state: 'ready',
      rows: 3,
      planned: { add: 3 },
      requests: 1,
      list_name: 'Test',
      fields: { created: ['bonus'], conflicts: [{ field: 'score', declared: 'string', sent: 'long' }] },
    })
    expect(plan.samples[0]).toEqual({
      op: 'add',
      before: null,
      after: { email: 'p1@example.com', dataFields: { bonus: 1.5, score: 1 } },
    })
    expect(sandbox.writes).toEqual([])
    for (const table of ['runs', 'plan', 'batches', 'members', 'export_runs']) {
      expect(await warehouse.query(`select * from iterable_sync.${table}`)).toEqual([])
    }
  },
)
