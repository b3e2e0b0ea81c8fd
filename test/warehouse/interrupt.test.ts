/** The wish to stop is heard whenever it comes: before a statement, while it begins, in the middle of it. */
import { setTimeout as delay } from 'node:timers/promises'
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { openDuckdb } from '../../src/warehouse/duckdb/warehouse.ts'
import type { Warehouse } from '../../src/warehouse/session.ts'
import { readStatement } from '../../src/warehouse/statement.ts'
import { often } from '../support/often.ts'
import { openBare } from '../support/open.ts'
import { eachWarehouse, type TestWarehouse } from '../support/warehouse.ts'

const openOne = ({ config }: TestWarehouse): Promise<Warehouse> => openBare(config)

eachWarehouse(
  'a statement that would take for ever ends soon after any moment of asking',
  async (test) => {
    await using warehouse = await openOne(test)
    const endless =
      test.kind === 'duckdb'
        ? 'select sum(a.range) from range(10000000) a, range(10000000) b'
        : 'select pg_sleep(600)'
    const works = [
      (text: string) => warehouse.use(({ db }) => sql.raw(text).execute(db), { signal: stop.signal }),
      (text: string) =>
        warehouse.use(({ db }) => db.transaction().execute((trx) => sql.raw(text).execute(trx)), {
          signal: stop.signal,
        }),
      (text: string) =>
        warehouse.use(
          async (session) => {
            await using selection = await session.select(readStatement(text))
            for await (const _ of selection.rows);
          },
          { signal: stop.signal },
        ),
    ]
    let stop = new AbortController()
    const rounds = test.kind === 'duckdb' ? often(150, 6_000) : often(60, 900)
    for (let round = 0; round < rounds; round += 1) {
      stop = new AbortController()
      const work = works[round % works.length] as (typeof works)[number]
      // From before the beginning to well within.
      const timer = setTimeout(() => stop.abort(), (round * 0.37) % (test.kind === 'duckdb' ? 6 : 20))
      const ended = work(endless).then(
        () => 'ended by itself',
        () => 'interrupted',
      )
      const late = new AbortController()
      const outcome = await Promise.race([
        ended,
        delay(60_000, 'still running', { signal: late.signal }).catch(() => ''),
      ])
      expect(outcome, `round ${round}`).toBe('interrupted')
      late.abort()
      clearTimeout(timer)
      // What comes next is not hit by what was meant for it.
      if (round % 20 === 0) {
        const { rows } = await warehouse.use(({ db }) => sql<{ n: number }>`select 7 as n`.execute(db))
        expect(rows).toEqual([{ n: 7 }])
      }
    }
  },
  often(300_000, 1_800_000),
)

test(
  'a DuckDB file is attached and let go again and again, whatever else the engine does meanwhile',
  async () => {
    const { mkdtemp, rm } = await import('node:fs/promises')
    const { tmpdir } = await import('node:os')
    const { join } = await import('node:path')
    const folder = await mkdtemp(join(tmpdir(), 'elt-test-'))
    {
      await using warehouse = await openDuckdb({ source: join(folder, 'w.duckdb'), schema: 'iterable' })
      await warehouse.use(({ db }) => sql`create table t as select * from range(1000)`.execute(db))
      let isOver = false
      const beside = async () => {
        while (!isOver) await warehouse.engine.rows('select count(*) from duckdb_tables(), duckdb_columns()')
      }
      const locking = async () => {
        while (!isOver) {
          const lock = await warehouse.lock('sync')
          await lock[Symbol.asyncDispose]()
        }
      }
      // A transaction of another connection that has looked at the file keeps it for a moment.
      const lingering = async () => {
        while (!isOver) {
          const connection = await warehouse.engine.instance.connect()
          await connection.run('begin').catch(() => {})
          await connection.run('select count(*) from warehouse.main.t').catch(() => {})
          await delay(3)
          connection.closeSync()
          await delay(1)
        }
      }
      const others = [beside(), locking(), lingering()]
      try {
        for (let turn = 0; turn < often(100, 4_000); turn += 1) {
          await warehouse.use(({ db }) => sql`select count(*) from t`.execute(db))
        }
      } finally {
        isOver = true
        await Promise.all(others)
      }
    }
    await rm(folder, { recursive: true })
  },
  often(300_000, 1_800_000),
)
