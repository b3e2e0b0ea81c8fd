/** What runs say of their streams, where somebody else has written into the table of runs. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { open } from '../../src/index.ts'
import { newColumnsText, remarksOf, streamsOfRun } from '../../src/report/run-streams.ts'
import { run, temporaryFolder, writeConfig } from '../cli/run.ts'
import { configFor, startProject } from '../support/sync.ts'

const nothing = {
  state: null,
  windows: null,
  api_calls: null,
  rows_read: null,
  rows_written: null,
  rows_rejected: null,
  bookmark: null,
  error: null,
  new_columns: [],
  notes: [],
}

test.each([
  [null, []],
  ['streams', []],
  [{ reach: 'full' }, []],
  [{ streams: { lists: 1 } }, []],
  [{ streams: [null, 1, [], {}, { stream: 5 }] }, []],
  [{ streams: ['lists'] }, [{ ...nothing, stream: 'lists' }]],
  [
    {
      streams: [
        { stream: 'lists', state: 'failed', rows_read: 7, windows: '1', notes: ['one', 2], error: {} },
      ],
    },
    [{ ...nothing, stream: 'lists', state: 'failed', rows_read: 7, notes: ['one'] }],
  ],
])('the details %j', (details, streams) => {
  expect(streamsOfRun(details)).toEqual(streams)
})

test('columns that are new share a line', () => {
  const columns = ['a', 'b', 'c', 'd'].map((name) => ({ name, type: 'text' }))
  expect(newColumnsText([])).toBe(null)
  expect(newColumnsText(columns.slice(0, 1))).toBe('new column "a" (text)')
  expect(newColumnsText(columns)).toBe('4 new columns: "a" (text), "b" (text), "c" (text) and 1 more')
  expect(remarksOf({ error: 'it broke', new_columns: columns.slice(3), notes: ['one', 'two'] })).toBe(
    'it broke; new column "d" (text); one; two',
  )
})

test('a run whose details are not ours breaks no command', async () => {
  await using folder = await temporaryFolder()
  const cwd = folder.path
  await using sandbox = await startProject({ empty: true })
  const config = configFor(sandbox, { config: { type: 'duckdb', path: join(cwd, 'warehouse.duckdb') } })
  await writeConfig(cwd, config)
  {
    await using elt = await open(config)
    const written = { job: 'sync', kind: 'sync', trigger: 'manual', started_at: new Date() }
    await elt.warehouse.use(async ({ db }) => {
      await db
        .insertInto('runs')
        .values([
          { ...written, run_id: 'ended', state: 'succeeded', details: '{"streams":[null]}' },
          { ...written, run_id: 'works', state: 'running', details: '{"streams":5}' },
        ])
        .execute()
    })
  }
  for (const args of [['runs', 'ended'], ['streams'], ['status'], ['status', '--json']]) {
    expect.soft(await run(args, { cwd }), args.join(' ')).toMatchObject({ exitCode: 0, stderr: '' })
  }
})
