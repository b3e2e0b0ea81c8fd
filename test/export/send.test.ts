import { expect } from 'vitest'
import { exportTest, people } from './support.ts'

const kinds = ['invalid', 'invalidData', 'notFound', 'conflict', 'forgotten'] as const
const codes = {
  invalid: 'invalid',
  invalidData: 'invalid_data',
  notFound: 'not_found',
  conflict: 'conflict',
  forgotten: 'forgotten',
}

exportTest(
  'each of the ten arrays of failures finds its row, and the rest is sent',
  async ({ elt, save, sandbox, members, warehouse }) => {
    const query = `
      ${people(20)} union all
      select * from (values ${kinds.map((kind, n) => `('${kind.toUpperCase()}@Example.com', ${n})`).join(', ')}) as e(email, n)`
    const ids = `select user_id, n from (values ${kinds.map((kind, n) => `('${kind}-Id', ${n})`).join(', ')}, ('fine', 9)) as u(user_id, n)`
    for (const kind of kinds) {
      sandbox.data.rowFailures.set(`${kind.toLowerCase()}@example.com`, kind)
      sandbox.data.rowFailures.set(`${kind}-Id`, kind)
    }
    await save('mails', { action: 'add' }, query)
    await save('ids', { action: 'add' }, ids)
    expect(await elt.export('mails')).toMatchObject({
      state: 'succeeded_with_rejects',
      sent: 20,
      rejected: 5,
      rows: 25,
    })
    expect(await elt.export('ids')).toMatchObject({
      state: 'succeeded_with_rejects',
      sent: 1,
      rejected: 5,
      rows: 6,
    })
    expect(members()).toHaveLength(21)
    const rejects = await warehouse.query('select source, code, row from iterable_sync.rejected_rows')
    for (const kind of kinds) {
      expect(rejects).toContainEqual({
        source: 'export:mails',
        code: codes[kind],
        row: expect.objectContaining({ email: `${kind.toUpperCase()}@Example.com` }),
      })
      expect(rejects).toContainEqual({
        source: 'export:ids',
        code: codes[kind],
        row: expect.objectContaining({ userId: `${kind}-Id` }),
      })
    }
  },
  { projectType: 'hybrid' },
)

exportTest(
  'a failure that names nobody is found by halving',
  async ({ elt, save, sandbox, members, warehouse }) => {
    sandbox.data.rowFailures.set('p7@example.com', 'unattributed')
    await save('vip', { action: 'add' }, people(16))
    expect(await elt.export('vip')).toMatchObject({
      state: 'succeeded_with_rejects',
      sent: 15,
      rejected: 1,
      batches: 1,
    })
    expect(members()).not.toContain('p7@example.com')
    expect(await warehouse.query('select code, row from iterable_sync.rejected_rows')).toEqual([
      { code: 'unattributed', row: { email: 'p7@example.com', dataFields: { score: 7 } } },
    ])
  },
)

exportTest(
  'a poison row is found by halving, the others arrive',
  async ({ elt, save, members, warehouse }) => {
    await save('vip', { action: 'add' }, `${people(30)} union all select 'poison@example.com', 1`)
    expect(await elt.export('vip')).toMatchObject({ state: 'succeeded_with_rejects', sent: 30, rejected: 1 })
    expect(members()).toHaveLength(30)
    const [reject] = await warehouse.query('select code, reason from iterable_sync.rejected_rows')
    expect(reject).toMatchObject({ code: 'refused', reason: expect.stringContaining('BadJsonBody') })
  },
)

exportTest(
  'a type conflict that refuses the whole batch rejects only its row',
  async ({ elt, save, sandbox, members }) => {
    sandbox.data.fields.score = 'long'
    await save(
      'vip',
      { action: 'add' },
      `select email, cast(score as varchar) as score from (${people(1, 8)}) as p`,
    )
    await save(
      'mixed',
      { action: 'add' },
      `select email, case when score = 3 then '"x"' else cast(score as varchar) end as score from (${people(8)}) as p`,
    )
    expect(await elt.export('vip')).toMatchObject({ rejected: 1 })
    await save(
      'mixed',
      { action: 'add', columns: [{ source: 'score', json: true }] },
      `select email, case when score = 3 then '"x"' else cast(score as varchar) end as score from (${people(8)}) as p`,
    )
    expect(await elt.export('mixed')).toMatchObject({ sent: 7, rejected: 1 })
    expect(members()).toHaveLength(7)
  },
  { typeConflicts: 'batch' },
)

exportTest(
  'a batch that is too large is halved',
  async ({ elt, save, members, writes }) => {
    await save('vip', { action: 'add' }, people(2_000))
    expect(await elt.export('vip')).toMatchObject({ state: 'succeeded', sent: 2_000, batches: 2 })
    expect(members()).toHaveLength(2_000)
    const taken = writes().filter(({ body }) => body.subscribers.length <= 300)
    expect(taken.reduce((sum, { body }) => sum + body.subscribers.length, 0)).toBe(2_000)
  },
  { maxBatchRows: 300 },
)

exportTest(
  'a rate limit uses up no attempt',
  async ({ elt, save, sandbox, members }) => {
    sandbox.faults.next({ fault: '429-bare', times: 12, path: '/api/lists/subscribe' })
    await save('vip', { action: 'add' }, people(10))
    expect(await elt.export('vip')).toMatchObject({ state: 'succeeded', sent: 10 })
    expect(members()).toHaveLength(10)
  },
  { maxRetries: 0 },
)

exportTest('a lost answer is followed by the very same request', async ({ elt, save, sandbox, members }) => {
  sandbox.faults.next({ fault: 'lost-answer', path: '/api/lists/subscribe' })
  sandbox.faults.next({ fault: '5xx', path: '/api/lists/subscribe' })
  await save('vip', { action: 'add' }, people(100))
  expect(await elt.export('vip')).toMatchObject({ state: 'succeeded', sent: 100, batches: 1 })
  expect(members()).toHaveLength(100)
  expect(sandbox.writes).toHaveLength(2)
  expect(new Set(sandbox.writes.map(({ hash }) => hash)).size).toBe(1)
})

exportTest(
  'an unknown list is a configuration error before anything is sent',
  async ({ elt, save, sandbox }) => {
    await save('vip', { action: 'add', list_id: 1 }, people(3))
    expect(await elt.export('vip')).toMatchObject({
      state: 'failed',
      error_code: 'unknown_list',
      error_kind: 'config',
      sent: 0,
    })
    expect(sandbox.writes).toEqual([])
  },
)

exportTest(
  'an error that comes as a success is no answer: the same rows are sent again, and none is refused',
  async ({ elt, save, sandbox, members }) => {
    await save('vip', { action: 'add' }, people(16))
    const body = { msg: 'An error occurred. Please try again later', code: 'GenericError', params: null }
    sandbox.faults.next({ fault: { status: 200, body }, path: '/api/lists/subscribe', times: 2 })
    expect(await elt.export('vip')).toMatchObject({ state: 'succeeded', sent: 16, rejected: 0 })
    expect(members()).toHaveLength(16)
    expect(sandbox.writes).toHaveLength(1)
  },
)

exportTest(
  'a success that counts no rows is no answer: nobody is refused for it, and the run fails if it stays so',
  async ({ elt, save, sandbox, members }) => {
    await save('vip', { action: 'mirror' }, people(16))
    for (const body of [{}, { msg: '', code: 'Success', params: null }]) {
      const times = Number.POSITIVE_INFINITY
      sandbox.faults.next({ fault: { status: 200, body }, path: '/api/lists/subscribe', times })
      expect(await elt.export('vip')).toMatchObject({
        state: 'failed',
        error_code: 'malformed_response',
        error_kind: 'transient',
        rejected: 0,
      })
      sandbox.faults.clear()
    }
    expect(await elt.export('vip')).toMatchObject({ state: 'succeeded', sent: 16 })
    expect(members()).toHaveLength(16)
  },
)

exportTest(
  'a row alone is judged by what is named, in whatever spelling; where the answer contradicts itself, it may be on the list',
  async ({ elt, save, sandbox, run }) => {
    const mirror = {
      action: 'mirror',
      max_reject_percent: 100,
      brakes: { removals: 'off', row_drop: 'off' },
    }
    const answer = (body: object) =>
      sandbox.faults.next({ fault: { status: 200, body }, path: '/api/lists/subscribe' })
    await save('vip', mirror, people(2))
    // Nobody knows this spelling, so both go out alone.
    answer({ successCount: 1, failCount: 1, failedUpdates: { forgottenEmails: ['P1@EXAMPLE'] } })
    answer({ successCount: 0, failCount: 1, failedUpdates: { forgottenEmails: ['P1@EXAMPLE'] } })
    answer({ successCount: 1, failCount: 1 })
    expect(await elt.export('vip')).toMatchObject({ sent: 0, rejected: 2 })
    const codes = await run('select member_key, code from iterable_sync.export_rejects order by member_key')
    expect(codes.map(({ code }) => code)).toEqual(['forgotten', 'unattributed'])
    // Whoever may be there is taken off when the query lets go.
    await save('vip', mirror, people(1, 2))
    expect(await elt.export('vip')).toMatchObject({ state: 'succeeded', planned: { add: 1, remove: 2 } })
  },
)

exportTest(
  'a list that vanishes while sending stops the run, which can be gone on with',
  async ({ elt, save, sandbox, members }) => {
    await save('vip', { action: 'add' }, people(12_000))
    const body = { msg: 'error.lists.invalidListId(5001)', code: 'Success', params: {} }
    const times = Number.POSITIVE_INFINITY
    sandbox.faults.next({ fault: { status: 400, body }, path: '/api/lists/subscribe', skip: 8, times })
    const failed = await elt.export('vip')
    sandbox.faults.clear()
    expect(failed).toMatchObject({ state: 'failed', error_code: 'unknown_list', sent: 8_000, batches: 8 })
    const resumed = await elt.export('vip')
    expect(resumed).toMatchObject({ run_id: failed.run_id, state: 'succeeded', sent: 12_000, batches: 12 })
    expect(members()).toHaveLength(12_000)
    expect(sandbox.writes).toHaveLength(12)
  },
)

exportTest(
  'another try of the same tick sends what the first one did not, and no row twice',
  async ({ elt, save, sandbox, members }) => {
    await save('vip', { action: 'add' }, people(12_000))
    const tick = { nominalAt: new Date('2026-01-02T00:00:00Z') }
    const times = Number.POSITIVE_INFINITY
    sandbox.faults.next({ fault: { status: 503, body: {} }, path: '/api/lists/subscribe', skip: 8, times })
    const failed = await elt.export('vip', tick)
    sandbox.faults.clear()
    expect(failed).toMatchObject({ state: 'failed', error_kind: 'transient', sent: 8_000 })
    const again = await elt.export('vip', { ...tick, trigger: 'retry' })
    expect(again).toMatchObject({ run_id: failed.run_id, state: 'succeeded', sent: 12_000 })
    expect(members()).toHaveLength(12_000)
    expect(sandbox.writes).toHaveLength(12)
    // The next tick is another matter.
    await elt.export('vip', { nominalAt: new Date('2026-01-03T00:00:00Z') })
    expect(sandbox.writes).toHaveLength(24)
  },
)

exportTest(
  'an interruption lets the batches on their way arrive, and the next run goes on without its query',
  async ({ elt, save, run, sandbox, members }) => {
    await run(`create table iterable.people as ${people(20_000)}`)
    await save('vip', { action: 'add' }, 'select * from iterable.people')
    const stop = new AbortController()
    const cut = await elt.export('vip', {
      signal: stop.signal,
      onProgress: (event) => {
        if (event.type === 'sending') stop.abort()
      },
    })
    expect(cut).toMatchObject({ state: 'cancelled', error_code: 'interrupted', sent: 8_000 })
    await run('delete from iterable.people')
    expect(await elt.export('vip')).toMatchObject({ run_id: cut.run_id, state: 'succeeded', sent: 20_000 })
    expect(members()).toHaveLength(20_000)
    expect(new Set(sandbox.writes.map(({ hash }) => hash)).size).toBe(20)
    expect(sandbox.writes).toHaveLength(20)
  },
)

exportTest('too many refusals fail the run', async ({ elt, save, sandbox }) => {
  for (let n = 1; n <= 100; n += 1) sandbox.data.rowFailures.set(`p${n}@example.com`, 'invalid')
  await save('vip', { action: 'add' }, people(600))
  expect(await elt.export('vip')).toMatchObject({
    state: 'failed',
    error_code: 'too_many_rejects',
    sent: 500,
    rejected: 100,
  })
  await save('few', { action: 'add', max_reject_percent: 50 }, people(101))
  expect(await elt.export('few')).toMatchObject({ state: 'failed', rejected: 100 })
})

exportTest('refused rows are sent again on request', async ({ elt, save, sandbox, members }) => {
  sandbox.data.rowFailures.set('p1@example.com', 'conflict')
  sandbox.data.rowFailures.set('p2@example.com', 'forgotten')
  await save('vip', { action: 'mirror' }, people(5))
  expect(await elt.export('vip')).toMatchObject({ sent: 3, rejected: 2 })
  // A conflict may pass, who was forgotten is left alone.
  expect(await elt.export('vip')).toMatchObject({ planned: { add: 1, unchanged: 3 }, sent: 0, rejected: 2 })
  sandbox.data.rowFailures.clear()
  const [retried, ...others] = await elt.retryRejects()
  expect(others).toEqual([])
  expect(retried).toMatchObject({ export: 'vip', state: 'succeeded', sent: 1 })
  expect(members()).toHaveLength(4)
  expect(await elt.export('vip')).toMatchObject({ planned: { add: 0, unchanged: 4 }, rejected: 1 })
  expect(await elt.retryRejects()).toEqual([])
})

exportTest(
  'people unknown to Iterable are left out, not rejected, where only existing ones are wanted',
  async ({ elt, save, sandbox, members }) => {
    sandbox.data.users.put({ userId: 'known' })
    await save(
      'vip',
      { action: 'add', update_existing_users_only: true },
      "select 'known' as user_id union all select 'stranger'",
    )
    expect(await elt.export('vip')).toMatchObject({ state: 'succeeded', sent: 1, skipped: 1, rejected: 0 })
    expect(members()).toEqual(['known'])
  },
  { projectType: 'userId' },
)

exportTest('who is not found is off the list', async ({ elt, save }) => {
  await save('gone', { action: 'remove' }, people(3))
  expect(await elt.export('gone')).toMatchObject({ state: 'succeeded', sent: 3, rejected: 0 })
})

exportTest(
  'two runs on one list exclude each other, also from another process',
  async ({ elt, save, warehouse, sandbox, listId }) => {
    await save('vip', { action: 'add' }, people(10))
    await using held = await elt.warehouse.lock(`list-${listId}`)
    expect(held).toBeDefined()
    await expect(elt.export('vip')).rejects.toMatchObject({
      code: 'locked',
      message: expect.stringContaining(`list ${listId}`),
    })
    expect(sandbox.writes).toEqual([])
    expect(await warehouse.query('select * from iterable_sync.runs')).toEqual([])
  },
)

exportTest('a run that is stopped while its query is read is cancelled', async ({ elt, save, writes }) => {
  await save('vip', { action: 'add' }, people(5_000))
  const stop = new AbortController()
  const onProgress = ({ type }: { type: string }) => type === 'progress' && stop.abort()
  expect(await elt.export('vip', { signal: stop.signal, onProgress })).toMatchObject({
    state: 'cancelled',
    error_code: 'interrupted',
    sent: 0,
  })
  expect(writes()).toEqual([])
})

exportTest(
  'who stops the comparison after sending has a run that is over',
  async ({ elt, save, members }) => {
    await save('vip', { action: 'mirror' }, people(3))
    const stop = new AbortController()
    const notices: string[] = []
    const report = await elt.export('vip', {
      verify: true,
      signal: stop.signal,
      onProgress(event) {
        if (event.type === 'sending' && event.batchesDone === event.batches) stop.abort()
        if (event.type === 'notice') notices.push(event.message)
      },
    })
    expect(report).toMatchObject({ state: 'succeeded', sent: 3 })
    expect(report.verified).toBeUndefined()
    expect(notices.join()).toContain('not compared')
    expect(members()).toHaveLength(3)
    expect(await elt.export('vip')).toMatchObject({ state: 'succeeded', rows: 3, sent: 0 })
  },
)

exportTest('--verify reads the list back', async ({ elt, save, sandbox, listId }) => {
  sandbox.data.members(listId).add('stranger@example.com')
  await save('vip', { action: 'add' }, people(5))
  expect(await elt.export('vip', { verify: true })).toMatchObject({
    verified: { expected: 5, missing: 0, left_over: 0, others: 1 },
  })
})

exportTest(
  'a cancelled run is not gone on with, and what may have happened is looked at anew',
  async ({ elt, save, run, sandbox, members }) => {
    await run(`create table iterable.people as ${people(3)}`)
    await save(
      'vip',
      { action: 'mirror', brakes: { empty_result: 'off', removals: 'off' } },
      'select * from iterable.people',
    )
    // Written, but the answer never comes.
    sandbox.faults.next({ fault: 'lost-answer', path: '/api/lists/subscribe', times: 9 })
    const failed = await elt.export('vip')
    expect(failed).toMatchObject({ state: 'failed', error_kind: 'transient', sent: 0 })
    expect(members()).toHaveLength(3)
    expect(await elt.cancel(failed.run_id.slice(0, 8))).toMatchObject({
      run_id: failed.run_id,
      state: 'cancelled',
    })
    sandbox.faults.clear()
    await run("delete from iterable.people where email = 'p1@example.com'")
    expect(await elt.export('vip')).toMatchObject({ state: 'succeeded', planned: { update: 2, remove: 1 } })
    expect(members()).toEqual(['p2@example.com', 'p3@example.com'])
  },
)
