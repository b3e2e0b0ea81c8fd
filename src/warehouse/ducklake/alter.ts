/**
 * A table of a lake changes in a transaction that commits before our own tables tell of it: after a crash in between, it has
 * more than they know. So it is looked at first, and what a change finds done, or half done, is not a fault.
 */
import { type QueryExecutorProvider, sql } from 'kysely'
import type { ColumnType } from '../../catalog/index.ts'
import { runOn } from '../duckdb/append.ts'
import type { SchemaNames } from '../schema-names.ts'
import type { Dialect, TableChange } from '../session.ts'
import { quoted } from '../sql.ts'

interface AlterPlace {
  readonly tables: QueryExecutorProvider
  readonly names: SchemaNames
  readonly dialect: Dialect
}

/** `Tx.alterTable`. */
export async function alterLakeTable(
  { tables, names, dialect }: AlterPlace,
  table: string,
  { added, widened }: TableChange,
): Promise<void> {
  const types = await typesOf(tables, names, table)
  const alter = (change: string) => runOn(tables, `alter table ${table} ${change}`)
  for (const { name, type } of added) {
    // Nobody tells of it, so it holds nothing.
    if (types.has(name)) await alter(`drop column ${quoted(name)}`)
    await alter(`add column ${quoted(name)} ${dialect.typeName[type]}`)
  }
  for (const { column, from } of widened) {
    const is = columnTypeOf(dialect, types.get(column.name)) ?? from
    const name = quoted(column.name)
    if (is === column.type) continue
    if (is === 'bigint' && column.type === 'double') {
      await alter(`alter column ${name} set data type ${dialect.typeName.double}`)
      continue
    }
    // No other change of type is known to DuckLake.
    const widerName = `${column.name} (wider)`
    const wider = quoted(widerName)
    if (types.has(widerName)) await alter(`drop column ${wider}`)
    await alter(`add column ${wider} ${dialect.typeName[column.type]}`)
    await runOn(
      tables,
      `update ${table} set ${wider} = ${dialect.widen(name, is, column.type)} where ${name} is not null`,
    )
    await alter(`drop column ${name}`)
    await alter(`rename column ${wider} to ${name}`)
  }
}

async function typesOf(
  tables: QueryExecutorProvider,
  { streams }: SchemaNames,
  table: string,
): Promise<ReadonlyMap<string, string>> {
  const { rows } = await sql<{ name: string; type: string }>`
    select column_name as name, data_type as type from information_schema.columns
    where table_catalog = current_database() and table_schema = ${streams}
      and ${table} = ${`${quoted(streams)}.`} || '"' || replace(table_name, '"', '""') || '"'
  `.execute(tables)
  return new Map(rows.map(({ name, type }) => [name, type]))
}

const columnTypeOf = ({ typeName }: Dialect, type: string | undefined): ColumnType | undefined =>
  (Object.keys(typeName) as ColumnType[]).find((one) => inFull(typeName[one]) === type)

const inFull = (name: string): string =>
  name === 'timestamptz' ? 'TIMESTAMP WITH TIME ZONE' : name.toUpperCase()
