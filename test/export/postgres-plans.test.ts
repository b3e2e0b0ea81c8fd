/** What Postgres really does for an export, on a server that has no statistics but those that we make. */
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../support/embedded-postgres.ts'
import { createTestWarehouse, type TestWarehouse } from '../support/warehouse.ts'
import { makeFixture, people } from './support.ts'

interface PlanNode {
  readonly 'Node Type': string
  readonly 'Actual Rows': number
  readonly 'Actual Loops': number
  readonly 'Rows Removed by Filter'?: number
  readonly 'Rows Removed by Join Filter'?: number
  readonly 'Rows Removed by Index Recheck'?: number
  readonly Plans?: readonly PlanNode[]
}

/** Rows that passed through the parts of a plan, or were looked at and left out. */
function rowsTouched(node: PlanNode): number {
  const each =
    node['Actual Rows'] +
    (node['Rows Removed by Filter'] ?? 0) +
    (node['Rows Removed by Join Filter'] ?? 0) +
    (node['Rows Removed by Index Recheck'] ?? 0)
  return (node.Plans ?? []).reduce((sum, part) => sum + rowsTouched(part), each * node['Actual Loops'])
}

let server: EmbeddedPostgres

beforeAll(async () => {
  // The server tells the plan of every statement, with what it did, as a notice.
  server = await startEmbeddedPostgres({
    autovacuum: 'off',
    session_preload_libraries: 'auto_explain',
    'auto_explain.log_min_duration': '0',
    'auto_explain.log_analyze': 'on',
    'auto_explain.log_timing': 'off',
    'auto_explain.log_level': 'notice',
    'auto_explain.log_format': 'json',
  })
})
afterAll(() => server.stop())

const urlOf = ({ config }: TestWarehouse): string => ('url' in config ? config.url : '')

interface Statement {
  readonly text: string
  readonly rows: number
}

/** A pool that hears what each statement of its connections did. */
function watchedPool(url: string) {
  const pool = new pg.Pool({ connectionString: url })
  const statements: Statement[] = []
  pool.on('connect', (client) => {
    client.on('notice', ({ message }) => {
      const json = /plan:\n([\s\S]*)/.exec(message ?? '')?.[1]
      if (!json) return
      const { 'Query Text': text, Plan } = JSON.parse(json)
      statements.push({ text, rows: rowsTouched(Plan) })
    })
  })
  return { pool, statements, [Symbol.asyncDispose]: () => pool.end() }
}

test('no statement of a mirror looks at a row more than a few times, whatever Postgres knows of its tables', async () => {
  await using warehouse = await createTestWarehouse('postgres', server.url)
  await using watched = watchedPool(urlOf(warehouse))
  const { pool, statements } = watched
  await using fixture = await makeFixture(warehouse, { pool })
  const { elt, save, run, members } = fixture
  const count = 2_500
  // A row or so for each of a statement's two dozen steps; a loop of one table over another would be millions.
  const most = 30 * count
  const sendAll = async (settings: object, query: string) => {
    await save('vip', { action: 'mirror', ...settings }, query)
    statements.length = 0
    const report = await elt.export('vip', { verify: true })
    expect(report).toMatchObject({ state: 'succeeded', verified: { missing: 0, left_over: 0, others: 0 } })
    expect(statements.filter(({ rows }) => rows > most)).toEqual([])
    // The statements were seen: somebody read all people.
    expect(statements.some(({ rows }) => rows >= count)).toBe(true)
    return report.planned
  }
  const half = `select email, case when score > ${count / 2} then -score else score end as score from (${people(count)}) as p`
  expect(await sendAll({}, people(count))).toMatchObject({ add: count })
  expect(await sendAll({}, people(count, 400))).toMatchObject({ add: 400, remove: 400 })
  expect(await sendAll({}, `${people(count)} union all ${people(10)}`)).toMatchObject({ add: 400 })
  expect(await sendAll({}, half)).toMatchObject({ update: count / 2 })
  await run('delete from iterable_sync.members')
  expect(await sendAll({ baseline: 'adopt' }, half)).toMatchObject({ update: count, add: 0 })
  expect(members()).toHaveLength(count)
})

test('a plan that is being made ends at once when the user wants to stop, and is finished by the next run', async () => {
  await using warehouse = await createTestWarehouse('postgres', server.url)
  await using fixture = await makeFixture(warehouse)
  const { elt, save, members } = fixture
  await save('vip', { action: 'mirror' }, people(20))
  const other = new pg.Client({ connectionString: urlOf(warehouse) })
  await other.connect()
  try {
    // Makes the indexes, which would wait, too.
    await elt.planExport('vip')
    await other.query('begin')
    await other.query('lock table iterable_sync.export_rejects')
    const stop = new AbortController()
    const stopped = elt.export('vip', { signal: stop.signal })
    await expect.poll(() => waiting(other)).toBe(1)
    stop.abort()
    // The lock is still held: only a statement that is ended by us can end.
    await expect.poll(() => waiting(other)).toBe(0)
    await other.query('rollback')
    expect(await stopped).toMatchObject({ state: 'cancelled', sent: 0 })
  } finally {
    await other.end()
  }
  expect(await elt.export('vip')).toMatchObject({ state: 'succeeded', sent: 20 })
  expect(members()).toHaveLength(20)
})

/** How many statements wait for a lock. */
async function waiting(client: pg.Client): Promise<number> {
  const { rows } = await client.query(
    "select count(*)::int as n from pg_stat_activity where wait_event_type = 'Lock'",
  )
  return rows[0].n
}
