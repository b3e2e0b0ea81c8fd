/**
 * Another program: opens a DuckDB file to write, adds a row of its own, and holds it until its standard input ends. With
 * `read` as its second argument it only reads.
 */
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { DuckDBInstance } from '@duckdb/node-api'

const path = process.argv[2] as string
const isReader = process.argv[3] === 'read'

/** While the tool commits, the file is its own for a moment. */
async function openWhenFree(): Promise<DuckDBInstance> {
  for (;;) {
    try {
      return await DuckDBInstance.create(path, isReader ? { access_mode: 'READ_ONLY' } : {})
    } catch (error) {
      if (!/lock/i.test(String(error))) throw error
      await delay(10)
    }
  }
}

const instance = await openWhenFree()
const connection = await instance.connect()
if (!isReader) await connection.run('create table if not exists main.notes as select 1 as note')
process.stdout.write('holding\n')
process.stdin.resume()
await once(process.stdin, 'end')
connection.closeSync()
instance.closeSync()
