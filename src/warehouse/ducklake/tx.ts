/** One transaction of a lake: rows and names in DuckLake, our own tables in Postgres. */
import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { sql } from 'kysely'
import { appendTo, runOn } from '../duckdb/append.ts'
import { upsertIntoDuckdb } from '../duckdb/upsert.ts'
import type { Dialect, Tx } from '../session.ts'
import { literal, quoted } from '../sql.ts'
import { columnDefinitions } from '../tables.ts'
import { alterLakeTable } from './alter.ts'

export interface LakeTxOptions {
  readonly dialect: Dialect
  /** For files on their way. */
  readonly directory: string
}

/** A transaction of Postgres, and within it one of the lake, which is the first to commit. */
export function lakeTx(own: Tx, tables: Tx['tables'], { dialect, directory }: LakeTxOptions): Tx {
  const { names } = own
  const append = appendTo(tables)
  let copies = 0
  return {
    ...own,
    tables,
    dialect,
    append,
    upsert: (table, upsert) => upsertIntoDuckdb({ tables, append }, table, upsert),
    async createTable(table, columns, stream) {
      // What an attempt that failed has left holds nothing that anybody tells of.
      await runOn(tables, `create or replace table ${table} ${columnDefinitions(columns, dialect)}`)
      if (stream.replication !== 'append') return
      // Windows are deleted by time, and marts read some months of many.
      const time = quoted(stream.bookmark as string)
      await runOn(tables, `alter table ${table} set partitioned by (year(${time}), month(${time}))`)
      await runOn(tables, `alter table ${table} set sorted by (${time})`)
    },
    alterTable: (table, change) => alterLakeTable({ tables, names, dialect }, table, change),
    async analyze(table) {
      if (table.startsWith(`${quoted(names.sync)}.`)) await own.analyze(table)
    },
    async copied(columns, select) {
      copies += 1
      const name = `copied${copies}`
      await sql
        .raw(`create temp table ${name} ${columnDefinitions(columns, own.dialect)} on commit drop`)
        .execute(own.db)
      const list = columns.map((column) => quoted(column.name))
      // By way of a file: what this transaction has changed in the lake is seen by nobody else.
      const file = join(directory, `${randomUUID()}.parquet`)
      try {
        await sql`copy (${select}) to ${file} (format parquet)`.execute(tables)
        const read = `select ${list} from (from ${literal(file)}) as rows(${list})`
        await own.appendQuery(
          `pg_temp.${name}`,
          columns.map((column) => column.name),
          read,
        )
      } finally {
        await rm(file, { force: true })
      }
      return sql.table(`pg_temp.${name}`)
    },
  }
}
