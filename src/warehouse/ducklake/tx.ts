/** One transaction of a lake: rows and names in DuckLake, our own tables in Postgres. */
import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { sql } from 'kysely'
import { appendTo, runOn } from '../duckdb/append.ts'
import { upsertIntoDuckdb } from '../duckdb/upsert.ts'
import type { Dialect, Tx } from '../session.ts'
import { change, deleteBefore, literal, quoted } from '../sql.ts'
import { definitions } from '../tables.ts'
import { alterLakeTable } from './alter.ts'

export interface LakeTxOptions {
  readonly dialect: Dialect
  /** For files on their way. */
  readonly directory: string
}

/** A transaction of Postgres, and within it one of the lake, which is the first to commit. */
export function transactionOf(own: Tx, tables: Tx['tables'], { dialect, directory }: LakeTxOptions): Tx {
  const { names } = own
  const append = appendTo(tables)
  const copies = new Set<string>()
  /** By way of a file: what this transaction has changed in the lake is seen by nobody else. */
  const insertFrom: Tx['insertFrom'] = async (table, columns, select) => {
    const file = join(directory, `${randomUUID()}.parquet`)
    try {
      await sql`copy (${select}) to ${file} (format parquet)`.execute(tables)
      const names = columns.map(quoted).join(', ')
      await own.appendQuery(table, columns, `select ${names} from (from ${literal(file)}) as rows(${names})`)
    } finally {
      await rm(file, { force: true })
    }
  }
  return {
    ...own,
    tables,
    dialect,
    append,
    upsert: (table, upsert) => upsertIntoDuckdb({ tables, append }, table, upsert),
    async createTable(table, columns, stream) {
      // What an attempt that failed has left holds nothing that anybody tells of.
      await runOn(tables, `create or replace table ${table} ${definitions(columns, dialect)}`)
      if (stream.replication !== 'append') return
      // Windows are deleted by time, and marts read some months of many.
      const time = quoted(stream.bookmark as string)
      await runOn(tables, `alter table ${table} set partitioned by (year(${time}), month(${time}))`)
      await runOn(tables, `alter table ${table} set sorted by (${time})`)
    },
    dropBefore: (table, column, before) => change(tables, deleteBefore(table, column, before)),
    alterTable: (table, change) => alterLakeTable({ tables, names, dialect }, table, change),
    insertFrom,
    async analyze(table) {
      if (table.startsWith(`${quoted(names.sync)}.`)) await own.analyze(table)
    },
    async copied(table, columns) {
      const copy = sql.table('pg_temp.copied')
      if (copies.has(table)) return copy
      copies.add(table)
      const list = columns.map((name) => `${quoted(name)} text`).join(', ')
      await sql.raw(`create temp table copied (${list}) on commit drop`).execute(own.db)
      const read = sql.raw(`select ${columns.map(quoted).join(', ')} from ${table}`)
      await insertFrom('pg_temp.copied', columns, read)
      return copy
    },
  }
}
