/** Lists tell one of the identifiers of a person, and an export may know people by the other. */
import { expect } from 'vitest'
import { exportTest } from './support.ts'

const ids = (from: number, to: number) =>
  `select 'u-' || n as user_id from generate_series(${from}, ${to}) as g(n)`
const known = [1, 2, 3].map((n) => ({ email: `p${n}@example.com`, userId: `u-${n}` }))
const hybrid = { projectType: 'hybrid', region: 'eu' } as const

exportTest(
  '--verify finds the people of a hybrid project by the identifier that was sent',
  async ({ elt, save, sandbox, listId }) => {
    sandbox.data.users.put(...known)
    await save('ids', { action: 'mirror' }, ids(1, 2))
    expect(await elt.export('ids', { verify: true })).toMatchObject({
      verified: { expected: 2, missing: 0, others: 0 },
    })
    // Whoever comes by e-mail is told by it, in the same run.
    await save(
      'all',
      { action: 'add' },
      `select user_id, null as email from (${ids(1, 2)}) as u union all select null, 'p3@example.com'`,
    )
    sandbox.data.members(listId).add('stranger@example.com')
    expect(await elt.export('all', { verify: true })).toMatchObject({
      verified: { expected: 3, missing: 0, others: 1 },
    })
  },
  hybrid,
)

exportTest(
  '--verify does not take who came under the other identifier for left over',
  async ({ elt, save, sandbox, members }) => {
    sandbox.data.users.put(...known)
    const both = (first: string) =>
      `select * from (values (${first}, 'u-1'), ('p2@example.com', null), (null, 'u-3')) as t(email, user_id)`
    await save('vip', { action: 'mirror' }, both('null'))
    await elt.export('vip')
    await save('vip', { action: 'mirror' }, both(`'p1@example.com'`))
    expect(await elt.export('vip', { verify: true })).toMatchObject({
      planned: { add: 1, remove: 1, unchanged: 2 },
      verified: { expected: 3, missing: 0, left_over: 0, others: 0 },
    })
    expect(members()).toHaveLength(3)
  },
  hybrid,
)

exportTest(
  'baseline adopt knows people by userId where the query does',
  async ({ elt, save, sandbox, listId }) => {
    sandbox.data.users.put(...known)
    sandbox.data.members(listId).add('p1@example.com', 'p2@example.com', 'p3@example.com')
    await save('ids', { action: 'mirror', baseline: 'adopt' }, ids(1, 2))
    expect(await elt.export('ids')).toMatchObject({
      state: 'held',
      planned: { add: 0, update: 2, remove: 1 },
    })
  },
  hybrid,
)

exportTest(
  'who was left out because Iterable does not know them is not missing',
  async ({ elt, save, sandbox }) => {
    sandbox.data.users.put(...known)
    await save('ids', { action: 'add', update_existing_users_only: true }, ids(2, 5))
    expect(await elt.export('ids', { verify: true })).toMatchObject({
      sent: 2,
      skipped: 2,
      verified: { expected: 2, missing: 0 },
    })
  },
  hybrid,
)

exportTest(
  'a list of an email-based project cannot be compared with userIds, nor adopted by them',
  async ({ elt, save, sandbox }) => {
    sandbox.data.users.put(...known)
    await save('ids', { action: 'mirror' }, ids(1, 2))
    const notices: string[] = []
    const report = await elt.export('ids', {
      verify: true,
      onProgress: (event) => event.type === 'notice' && notices.push(event.message),
    })
    expect(report).toMatchObject({ state: 'succeeded', sent: 2 })
    expect(report.verified).toBeUndefined()
    expect(notices.join()).toContain('was not compared')
    await save('adopt', { action: 'mirror', baseline: 'adopt', list_id: 5_002 }, ids(1, 2))
    sandbox.data.lists.push({ id: 5_002, name: 'Other', createdAt: 0, listType: 'Standard' })
    expect(await elt.export('adopt')).toMatchObject({
      state: 'failed',
      error_code: 'missing_identifier',
      error: expect.stringContaining('e-mail address'),
    })
  },
)
