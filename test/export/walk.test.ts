/** How far an export walks that has nothing to do: what it asks of the database, and how often it opens the file. */
import { expect } from 'vitest'
import { statementsOf } from '../support/statements.ts'
import { exportTest, people } from './support.ts'

exportTest('an export that has nothing to do asks few questions', async ({ warehouse, save, elt }) => {
  await save('people', { action: 'mirror' }, people(50))
  await elt.export('people')
  const asked = await statementsOf(async () => {
    const report = await elt.export('people')
    expect(report).toMatchObject({ state: 'succeeded', planned: { unchanged: 50 }, sent: 0 })
  })
  const isDuckdb = warehouse.kind === 'duckdb'
  expect.soft(asked.filter((statement) => statement.startsWith('attach '))).toHaveLength(isDuckdb ? 4 : 0)
  expect(asked.length, asked.join('\n')).toBeLessThanOrEqual(30)
})
