/** What DuckDB takes to insert the same rows from one local file: same threads, same memory limit, same types. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { catalogue, storedType } from '../src/catalog/index.ts'
import { budgetFor } from '../src/engine/budget.ts'
import { roomHere } from '../src/engine/room.ts'

/** What one statement over the whole file needs with one thread. */
const memoryMb = { email_send: 110, users: 150 } as Record<string, number>

/** Loads the prepared file of a stream into a fresh DuckDB file. Returns the rows loaded. */
export async function duckdbBaseline(stream: string, directory: string): Promise<number> {
  const path = join(directory, 'baseline.duckdb')
  await rm(path, { force: true })
  const source = join(directory, `${stream}.ndjson`)
  const { threads, memory } = budgetFor(roomHere())
  const instance = await DuckDBInstance.create(':memory:', {
    threads: String(threads),
    memory_limit: `${Math.max(Number.parseInt(memory, 10), memoryMb[stream] ?? 150)}MB`,
    temp_directory: join(directory, 'tmp'),
  })
  const connection = await instance.connect()
  await connection.run(`set TimeZone = 'UTC'`)
  await connection.run(`attach '${path}' as base`)
  const columns = await columnsOf(stream, source, (sql) => connection.runAndReadAll(sql))
  const read = `read_json('${source}', format = 'newline_delimited', columns = {${columns
    .map(({ name, type }) => `'${name}': '${type === 'timestamptz' ? 'varchar' : type}'`)
    .join(', ')}})`
  const times = columns
    .filter(({ type }) => type === 'timestamptz')
    .map(
      ({ name }) =>
        `coalesce(try_strptime("${name}", '%Y-%m-%d %H:%M:%S %z'), try_cast("${name}" as timestamptz)) as "${name}"`,
    )
  const select = `select * replace (${times.join(', ')}) from ${read}`
  await connection.run(`create table base.target as ${select} limit 0`)
  const result = await connection.run(`insert into base.target ${select}`)
  await connection.run('detach base')
  return result.rowsChanged
}

/** The catalogue's columns, and every other field of the file as JSON. */
async function columnsOf(
  stream: string,
  source: string,
  query: (sql: string) => Promise<{ getRows(): unknown[][] }>,
): Promise<{ name: string; type: string }[]> {
  const fields = catalogue('email').find(({ name }) => name === stream)?.columns ?? {}
  const known = Object.entries(fields).map(([name, type]) => ({ name, type: storedType(type) as string }))
  const taken = new Set(known.map(({ name }) => name.toLowerCase()))
  const sample = await query(`select distinct unnest(json_keys(json)) from read_ndjson_objects('${source}')`)
  const others = sample
    .getRows()
    .map(([name]) => String(name))
    .filter((name) => !taken.has(name.toLowerCase()) && taken.add(name.toLowerCase()) && !name.includes("'"))
  return [...known, ...others.map((name) => ({ name, type: 'json' }))].map(({ name, type }) => ({
    name,
    type: type === 'text' ? 'varchar' : type,
  }))
}
