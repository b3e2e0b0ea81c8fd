/** What DuckDB says, said by DuckDB: another version of it may have other words. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  isAccessRefusal,
  isBeyondDates,
  isCsvLineTooLong,
  isDamagedDatabase,
  isFileAttached,
  isFileLocked,
  isNoDatabase,
  isOutOfMemory,
  isOutOfSpace,
  isOutsideTransaction,
  isParquetCut,
  isReadOnly,
  isRefusedJson,
  isUnwritable,
  isWrongStatement,
  lockingProcess,
} from '../../src/engine/errors.ts'
import { holdFile } from '../support/processes.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'elt-words-'))
  await run(`attach '${folder}/own.duckdb' as own; create table own.t as select 1 as n; detach own`)
  await writeFile(join(folder, 'text.duckdb'), 'no database at all'.repeat(1_000))
  await run(`attach '${folder}/damaged.duckdb' as damaged; detach damaged`)
  await writeFile(join(folder, 'damaged.duckdb'), 'X', { flag: 'r+' })
  await writeFile(join(folder, 'cut.parquet'), 'P')
  await writeFile(join(folder, 'endless.parquet'), 'P'.repeat(1_000))
  await writeFile(join(folder, 'long.csv'), `a\n${'x'.repeat(5_000)}\n`)
  await writeFile(join(folder, 'cut.ndjson'), '{"a":')
  await writeFile(join(folder, 'twice.ndjson'), '{"a":1,"a":2}')
  await writeFile(join(folder, 'long.ndjson'), `{"a":"${'x'.repeat(2 ** 25)}"}`)
  await writeFile(join(folder, 'bytes.ndjson'), Buffer.from('{"a":"\xff"}', 'latin1'))
})
afterAll(() => rm(folder, { recursive: true }))

/** Runs statements in a DuckDB of their own; resolves to what the last of them has. */
async function run(statements: string, memory = '200MB'): Promise<unknown> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '1', memory_limit: memory })
  const connection = await instance.connect()
  try {
    return (await connection.runAndReadAll(statements)).getRowObjectsJS()
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

const said = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'nothing was wrong',
    (error: unknown) => error,
  )

const json = (name: string) =>
  `from read_json('{folder}/${name}.ndjson', format = 'newline_delimited', columns = {a: 'JSON'})`

test.each([
  [isOutOfMemory, `set memory_limit = '20MB'; select list(i) from range(20_000_000) as r(i)`],
  [isOutsideTransaction, 'rollback'],
  [isOutOfSpace, `copy (select range from range(100_000)) to '/dev/full'`],
  [isUnwritable, `copy (select 1) to '/sys/nothing.csv'`],
  [isFileAttached, `attach '{folder}/own.duckdb' as one; attach '{folder}/own.duckdb' as other`],
  [isNoDatabase, `attach '{folder}/text.duckdb' as one`],
  [isDamagedDatabase, `attach '{folder}/damaged.duckdb' as one`],
  [isReadOnly, `attach '{folder}/own.duckdb' as one (read_only); insert into one.t values (2)`],
  [isReadOnly, `create table t (n integer); begin transaction read only; insert into t values (1)`],
  [isAccessRefusal, `set enable_external_access = false; from read_csv('{folder}/long.csv')`],
  [isAccessRefusal, `set enable_external_access = false; load httpfs`],
  [isWrongStatement, 'selec 1'],
  [isWrongStatement, 'select nothing'],
  [isWrongStatement, 'from nothing'],
  [isWrongStatement, `select 'x'::integer`],
  [isWrongStatement, `select strptime('x', '%Y')`],
  [isRefusedJson, json('cut')],
  [isRefusedJson, json('twice')],
  [isRefusedJson, json('long')],
  [isRefusedJson, json('bytes')],
  [isCsvLineTooLong, `from read_csv('{folder}/long.csv', max_line_size = 1000, columns = {a: 'varchar'})`],
  [isParquetCut, `from parquet_schema('{folder}/cut.parquet')`],
  [isParquetCut, `from parquet_schema('{folder}/endless.parquet')`],
  [isBeyondDates, `select timestamptz '290000-01-01'`],
])('%o knows: %s', async (knows, statements) => {
  expect(knows(await said(run(statements.replaceAll('{folder}', folder))))).toBe(true)
})

test('a file that another process has open is locked, and the process is known', async () => {
  await using holder = await holdFile(join(folder, 'own.duckdb'))
  const error = await said(run(`attach '${folder}/own.duckdb' as one`))
  expect(isFileLocked(error)).toBe(true)
  expect(lockingProcess(error)).toBe(String(holder.pid))
})
