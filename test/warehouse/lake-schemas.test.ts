/** Tables and views of a lake are written as they were made, whatever happens beside it. */
import { sql } from 'kysely'
import { expect } from 'vitest'
import type { Tx, Warehouse } from '../../src/warehouse/session.ts'
import { type Taken, takeMemory } from '../support/full-engine.ts'
import { openBare } from '../support/open.ts'
import { onLake } from '../support/warehouse.ts'

const run = (tx: Tx, statement: string) => sql.raw(statement).execute(tx.tables)

/** Takes all memory of the process's DuckDB until it refuses: what it keeps in caches goes. */
async function exhaust({ engine }: Warehouse): Promise<void> {
  const connection = await engine.connect()
  try {
    await expect(connection.run('select list(i) from range(100_000_000) as numbers(i)')).rejects.toThrow(
      /out of memory/i,
    )
  } finally {
    connection.closeSync()
  }
}

onLake(
  'what was made stands in its schema, although memory ran short before the commit',
  async ({ config, query }) => {
    await using warehouse = await openBare(config)
    await warehouse.use(async () => {})
    const names = Array.from({ length: 6 }, (_, index) => `made_${index}`)
    for (const name of names) {
      await warehouse.transaction(async (tx) => {
        await run(tx, `create table iterable.${name} (n integer)`)
        await run(tx, `create view iterable_views.${name} as select n from iterable.${name}`)
        await exhaust(warehouse)
        await run(tx, `comment on table iterable.${name} is 'made'`)
        await exhaust(warehouse)
      })
      await warehouse.transaction(async (tx) => {
        await run(tx, `insert into iterable.${name} values (1), (2)`)
        await exhaust(warehouse)
        await run(tx, `delete from iterable.${name} where n = 2`)
      })
    }
    const counts = names.map(
      (name) => `select '${name}' as name, count(*) as rows from iterable_views.${name}`,
    )
    expect(await query(`${counts.join(' union all ')} order by 1`)).toEqual(
      names.map((name) => ({ name, rows: 1 })),
    )
  },
)

onLake('what several make at once stands in its schema', async ({ config, query }) => {
  await using warehouse = await openBare(config)
  await warehouse.use(async () => {})
  const made: string[] = []
  await Promise.all(
    ['a', 'b', 'c', 'd'].map(async (letter) => {
      for (let index = 0; index < 8; index += 1) {
        const name = `${letter}_${index}`
        await warehouse.transaction(async (tx) => {
          await run(tx, `create table iterable.${name} (n integer)`)
          await run(tx, `alter table iterable.${name} set sorted by (n)`)
          await run(tx, `create view iterable_views.${name} as select n from iterable.${name}`)
          await run(tx, `insert into iterable.${name} values (1)`)
        })
        made.push(name)
      }
    }),
  )
  const rows = await query(
    `select table_schema as schema, count(*) as tables from information_schema.tables
     where table_schema in ('iterable', 'iterable_views') group by 1 order by 1`,
  )
  expect(rows).toEqual([
    { schema: 'iterable', tables: made.length },
    { schema: 'iterable_views', tables: made.length },
  ])
})

onLake('where no memory is left, a transaction is begun anew with more', async ({ config, query }) => {
  await using warehouse = await openBare(config)
  await warehouse.transaction((tx) => run(tx, 'create table iterable.filled (n integer)'))
  const rooms = [2_000, 8_000, 32_000, 128_000]
  for (const room of rooms) {
    let taken: Taken | undefined
    try {
      await warehouse.transaction(async (tx) => {
        await run(tx, 'insert into iterable.filled from range(1000)')
        await run(tx, 'delete from iterable.filled where n >= 500')
        taken ??= await takeMemory(warehouse.engine, room)
      })
    } finally {
      taken?.free()
    }
  }
  expect(await query('select count(*) as rows from iterable.filled')).toEqual([{ rows: 500 * rooms.length }])
})
