/** Members of lists, and tables that are replaced as a whole. */
import { expect } from 'vitest'
import type { Sandbox } from '../../src/sandbox/index.ts'
import { expectedRows, hours, of, outcome, rowsOf, startProject, syncOnce } from '../support/sync.ts'
import { eachWarehouse, type TestWarehouse } from '../support/warehouse.ts'

const sync = { streams: ['lists', 'list_users', 'channels'] }

const people = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `person.${String(index).padStart(3, '0')}@example.com`)

/** Two lists of forty, and one that is empty. */
async function startLists(): Promise<Sandbox> {
  const sandbox = await startProject({ empty: true })
  for (const id of [1, 2, 3]) {
    sandbox.data.lists.push({ id, name: `List ${id}`, createdAt: 0, listType: 'Standard' })
  }
  for (const id of [1, 2]) sandbox.data.members(id).add(...people(40))
  return sandbox
}

const countsOf = async (warehouse: TestWarehouse): Promise<Record<string, unknown>> => {
  const rows = await warehouse.query(
    'select "listId" as id, count(*) as members from iterable.list_users group by 1 order by 1',
  )
  return Object.fromEntries(rows.map(({ id, members }) => [String(id), members]))
}

const rejectsOf = (warehouse: TestWarehouse) =>
  warehouse.query('select source, code, reason, "row" from iterable_sync.rejected_rows')

eachWarehouse('a list that exists no longer loses its rows, and new ones come', async (warehouse) => {
  await using sandbox = await startLists()
  await syncOnce(sandbox, warehouse, { sync })
  expect(await countsOf(warehouse)).toEqual({ 1: 40, 2: 40 })
  sandbox.data.lists.splice(0, 1)
  sandbox.data.lists.push({ id: 4, name: 'New', createdAt: 0, listType: 'Standard' })
  sandbox.data.members(4).add(...people(3))
  sandbox.data.members(2).delete('person.000@example.com')
  sandbox.advance(hours(1))
  await syncOnce(sandbox, warehouse, { sync })
  expect(await countsOf(warehouse)).toEqual({ 2: 39, 4: 3 })
  const members = sandbox.truth.listUsers().map((row) => ({ ...row, updatedAt: sandbox.now.getTime() }))
  expect(await rowsOf(warehouse, 'list_users')).toEqual(await expectedRows(warehouse, 'list_users', members))
})

eachWarehouse(
  'a list that cannot be read keeps its rows and is reported; the others go on',
  async (warehouse) => {
    await using sandbox = await startLists()
    await syncOnce(sandbox, warehouse, { sync })
    sandbox.data.members(1).add(...people(50))
    sandbox.data.members(2).add(...people(50))
    const times = Number.POSITIVE_INFINITY
    sandbox.faults.next({ fault: '5xx', times, path: '/api/lists/getUsers', query: { listId: '1' } })
    const report = await syncOnce(sandbox, warehouse, { sync, connection: { max_retries: 1 } })
    expect(outcome(report)).toEqual({ state: 'succeeded_with_rejects', wrong: [] })
    expect(of(report, 'list_users')).toMatchObject({ state: 'succeeded_with_rejects', rows_rejected: 1 })
    expect(await countsOf(warehouse)).toEqual({ 1: 40, 2: 50 })
    expect(await rejectsOf(warehouse)).toMatchObject([
      { source: 'stream:list_users', code: 'list_unreadable', row: { listId: 1, name: 'List 1' } },
    ])
    const [run] = await warehouse.query(
      `select rows_read, rows_written, rows_rejected from iterable_sync.runs where run_id = '${report.run_id}'`,
    )
    const { rows_read, rows_written, rows_rejected } = report
    expect(run).toEqual({ rows_read, rows_written, rows_rejected })
  },
)

eachWarehouse('a list deleted while the sync runs is reported, too', async (warehouse) => {
  await using sandbox = await startLists()
  const body = { msg: 'error.lists.invalidListId(2)', code: 'Success', params: { listId: 2 } }
  sandbox.faults.next({ fault: { status: 400, body }, path: '/api/lists/getUsers', query: { listId: '2' } })
  const report = await syncOnce(sandbox, warehouse, { sync })
  expect(report.state).toBe('succeeded_with_rejects')
  expect(await countsOf(warehouse)).toEqual({ 1: 40 })
  expect(await rejectsOf(warehouse)).toMatchObject([{ code: 'list_unreadable', row: { listId: 2 } }])
})

eachWarehouse('a list that comes back short is checked against its size', async (warehouse) => {
  await using sandbox = await startLists()
  const sizes = () => sandbox.requests.filter(({ path }) => path.endsWith('/size')).map(({ path }) => path)
  await syncOnce(sandbox, warehouse, { sync })
  // Whatever has no rows yet is compared, too: the answer has no end that could be told from a cut.
  expect(new Set(sizes()).size).toBe(sandbox.data.lists.length)
  const before = sizes().length
  // List 1 is truly smaller now; list 2 only comes back so.
  for (const person of people(10)) sandbox.data.members(1).delete(person)
  const query = { listId: '2' }
  sandbox.faults.next({ fault: 'shrink', times: 9, path: '/api/lists/getUsers', query })
  const report = await syncOnce(sandbox, warehouse, { sync })
  expect(await countsOf(warehouse)).toEqual({ 1: 30, 2: 40 })
  expect(report.state).toBe('succeeded_with_rejects')
  expect(await rejectsOf(warehouse)).toMatchObject([{ code: 'list_unreadable', row: { listId: 2 } }])
  expect(
    sizes()
      .slice(before)
      .filter((path) => !path.includes('/3/'))
      .sort(),
  ).toEqual(['/api/lists/1/size', '/api/lists/2/size'])
})

eachWarehouse('a list broken off with an error object is read again', async (warehouse) => {
  await using sandbox = await startLists()
  sandbox.faults.next({ fault: 'cut-line', path: '/api/lists/getUsers', query: { listId: '1' } })
  sandbox.faults.next({ fault: 'reset', path: '/api/lists/getUsers', query: { listId: '2' } })
  expect(outcome(await syncOnce(sandbox, warehouse, { sync }))).toEqual({ state: 'succeeded', wrong: [] })
  expect(await countsOf(warehouse)).toEqual({ 1: 40, 2: 40 })
  expect(await warehouse.query(`select email from iterable.list_users where email like '{%'`)).toEqual([])
})

eachWarehouse('a key that may not read members fails the stream', async (warehouse) => {
  await using sandbox = await startLists()
  const report = await syncOnce(sandbox, warehouse, {
    sync,
    connection: { api_key: sandbox.keys.readOnly },
  })
  expect(of(report, 'list_users')).toMatchObject({ state: 'failed', error_code: 'forbidden' })
  expect(of(report, 'lists').state).toBe('succeeded')
})

eachWarehouse('full tables lose what Iterable no longer has', async (warehouse) => {
  await using sandbox = await startProject()
  const full = { streams: ['channels', 'message_types', 'lists', 'metadata'] }
  await syncOnce(sandbox, warehouse, { sync: full })
  const { data, truth } = sandbox
  ;(data.channels as unknown[]).splice(0, 2)
  ;(data.messageTypes as unknown[]).splice(0, data.messageTypes.length)
  data.lists.splice(1, 1)
  ;(data.metadata as unknown[]).splice(3, 100)
  await syncOnce(sandbox, warehouse, { sync: full })
  const tables = {
    channels: data.channels,
    message_types: data.messageTypes,
    lists: data.lists.map((list) => ({ ...list })),
    metadata: truth.metadata(),
  }
  for (const [table, rows] of Object.entries(tables)) {
    expect(await rowsOf(warehouse, table), table).toEqual(await expectedRows(warehouse, table, rows))
  }
})

eachWarehouse('a list whose id no double holds loses its rows with the list', async (warehouse) => {
  await using sandbox = await startProject()
  const id = '9007199254740993'
  const answer = (path: string, body: string, query: Record<string, string> = {}) =>
    sandbox.faults.next({
      fault: { status: 200, body, headers: { 'content-type': 'text/plain' } },
      path,
      query,
    })
  answer('/api/lists/getUsers', 'ada@example.com\n', { listId: id })
  answer(`/api/lists/${id}/size`, '1')
  answer('/api/lists', `{"lists":[{"id":${id},"name":"Large"}]}`)
  const sync = { streams: ['list_users'] }
  await syncOnce(sandbox, warehouse, { sync })
  const ids = () =>
    warehouse.query('select distinct cast("listId" as varchar) as id from iterable.list_users')
  expect(await ids()).toEqual([{ id }])
  await syncOnce(sandbox, warehouse, { sync })
  expect(await ids()).not.toContainEqual({ id })
})
