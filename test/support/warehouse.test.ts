import { DuckDBInstance } from '@duckdb/node-api'
import { expect } from 'vitest'
import { eachWarehouse } from './warehouse.ts'

eachWarehouse('rows look alike from both warehouses', async ({ config, query }) => {
  if (config.type === 'duckdb') (await DuckDBInstance.create(config.path)).closeSync()
  const rows = await query(`
    select cast(1 as bigint) as small, cast(9007199254740993 as bigint) as large,
      sum(cast(x as bigint)) as total, cast(0.5 as double precision) as half,
      timestamptz '2026-01-01T00:00:00+02' as t, cast('{"k": [1, "a"]}' as json) as j, cast(null as text) as n
    from (select 3 as x) as numbers`)
  expect(rows).toEqual([
    {
      small: 1,
      large: 9007199254740993n,
      total: 3,
      half: 0.5,
      t: new Date('2025-12-31T22:00:00Z'),
      j: { k: [1, 'a'] },
      n: null,
    },
  ])
})
