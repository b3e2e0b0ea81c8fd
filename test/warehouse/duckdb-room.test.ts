/** A DuckDB engine that runs out of room while it commits or lets the file go. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { isCommittedAllTheSame } from '../../src/engine/errors.ts'
import { openDuckdb } from '../../src/warehouse/duckdb/warehouse.ts'
import type { Session } from '../../src/warehouse/session.ts'
import { createTestWarehouse } from '../support/warehouse.ts'

const width = 110
const names = Array.from({ length: width }, (_, index) => `a${index}`)

/** Rows of many columns: each asks for a block of its own at a checkpoint. */
const insert = ({ db }: Session, rows: number) =>
  sql
    .raw(
      `insert into wide select i, ${names.map((_, index) => `md5((i + ${index})::varchar)`).join(', ')} from range(${rows}) as r(i)`,
    )
    .execute(db)

test('a checkpoint without room costs nothing that was committed, and the next session works', async () => {
  await using test = await createTestWarehouse('duckdb')
  const source = join(test.tempDir, 'narrow.duckdb')
  await using warehouse = await openDuckdb({ source, schema: 'iterable' })
  // 100 MB: the table fits, its checkpoint does not.
  await warehouse.engine.makeRoomFor(56, 0)
  // Another reader holds most of the engine's memory, as the parser may.
  const lines = join(test.tempDir, 'lines.ndjson')
  await writeFile(lines, `${JSON.stringify({ text: 'x'.repeat(100) })}\n`.repeat(400_000))
  const reader = await warehouse.engine.instance.connect()
  let committed = 0
  try {
    await warehouse.use(async (session) => {
      await sql
        .raw(`create table wide as select 0 as i, ${names.map((name) => `'' as ${name}`).join(', ')} limit 0`)
        .execute(session.db)
      const held = await reader.stream(
        `select * from read_json_objects('${lines}', format = 'newline_delimited', maximum_object_size = 38000000)`,
      )
      await held.fetchChunk()
      for (let turn = 0; turn < 12; turn += 1) {
        committed += 700
        await insert(session, 700)
      }
    })
  } catch (error) {
    expect(String(error)).toMatch(/block of size/)
    if (!isCommittedAllTheSame(error)) committed -= 700
    expect(await warehouse.engine.growAfter(error)).toBe(true)
  }
  reader.closeSync()
  const count = () =>
    warehouse.use(
      async ({ db }) => (await sql<{ n: number }>`select count(*) as n from wide`.execute(db)).rows[0]?.n,
    )
  expect(await count()).toBe(committed)
  // As the sync does it: once more, with more room.
  for (let isDone = false; !isDone; ) {
    try {
      await warehouse.use((session) => insert(session, 10))
      isDone = true
    } catch (error) {
      isDone = isCommittedAllTheSame(error)
      expect(await warehouse.engine.growAfter(error)).toBe(true)
    }
  }
  expect(await count()).toBe(committed + 10)
})
