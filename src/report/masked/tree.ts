/** A statement as DuckDB reads it: what it takes its rows from, and what it calls. */
import { sql } from 'kysely'
import type { Engine } from '../../engine/engine.ts'
import type { Session } from '../../warehouse/session.ts'
import { literal } from '../../warehouse/sql.ts'
import { notMaskable } from './words.ts'

export interface TreeRequest {
  readonly engine: Engine
  readonly statement: string
  /** Selects that stand in place of tables. */
  readonly tables: ReadonlySet<string>
}

/**
 * Refuses rows that come from anything but the masked selects, and macros, which may read whatever they like.
 * @throws ConfigError `not_maskable`
 */
export async function refuseWrongTree(
  { tables }: Pick<Session, 'tables'>,
  { engine, statement, tables: masked }: TreeRequest,
): Promise<void> {
  const [row] = await engine.rows(`select json_serialize_sql(${literal(statement)})`)
  const tree = JSON.parse(String(row?.[0])) as { readonly error?: boolean; readonly error_type?: string }
  // What cannot be read cannot be run either: the warehouse says where the fault is.
  if (tree.error && tree.error_type !== 'not implemented') return
  const sources = sourcesIn(tree)
  if (tree.error || sources.showsTables) throw notMaskable('it is more than a SELECT')
  const wrongFunction = [...sources.tableFunctions].find((name) => !harmless.has(name))
  if (wrongFunction !== undefined)
    throw notMaskable(`the table function ${wrongFunction} reads what cannot be masked`)
  const unqualified = [...sources.unqualified].filter((name) => !masked.has(name))
  // A table that is not there is looked for among the files.
  const path = unqualified.find((name) => /[^\p{L}\p{N}_ -]/u.test(name))
  if (sources.qualified !== undefined || path !== undefined) {
    throw notMaskable(`${sources.qualified ?? path} is not one of the tables and views that can be masked`)
  }
  const { rows } = await sql<{ name: string }>`
    select table_name as name from information_schema.tables
    where lower(table_name) in (${sql.join(['', ...unqualified.map((name) => name.toLowerCase())])})
      and table_schema in (select unnest(current_schemas(true)))
    union all
    select view_name from duckdb_views()
    where internal and lower(view_name) in (${sql.join(['', ...unqualified.map((name) => name.toLowerCase())])})
    union all
    select function_name from duckdb_functions()
    where not internal and lower(function_name) in (${sql.join(['', ...sources.functions])})`.execute(tables)
  const [reachable] = rows
  if (reachable) throw notMaskable(`${reachable.name} is not one of the tables and views that can be masked`)
}

/** Table functions that make rows of their arguments alone. */
const harmless = new Set(['unnest', 'generate_series', 'range', 'json_each', 'json_tree'])

interface Sources {
  readonly tableFunctions: ReadonlySet<string>
  readonly functions: ReadonlySet<string>
  readonly unqualified: ReadonlySet<string>
  readonly qualified: string | undefined
  readonly showsTables: boolean
}

function sourcesIn(tree: unknown): Sources {
  const tableFunctions = new Set<string>()
  const functions = new Set<string>()
  const unqualified = new Set<string>()
  let qualified: string | undefined
  let showsTables = false
  const open: unknown[] = [tree]
  while (open.length > 0) {
    const node = open.pop()
    if (typeof node !== 'object' || node === null) continue
    const {
      type,
      function: called,
      function_name,
      table_name,
      schema_name,
      catalog_name,
    } = node as Readonly<Record<string, unknown>>
    if (typeof function_name === 'string') functions.add(function_name.toLowerCase())
    if (type === 'TABLE_FUNCTION') {
      tableFunctions.add(
        String((called as { function_name?: unknown } | undefined)?.function_name).toLowerCase(),
      )
    }
    if (type === 'SHOW_REF') showsTables = true
    if (type === 'BASE_TABLE') {
      if (schema_name || catalog_name)
        qualified = [catalog_name, schema_name, table_name].filter(Boolean).join('.')
      else unqualified.add(String(table_name))
    }
    open.push(...Object.values(node))
  }
  return { tableFunctions, functions, unqualified, qualified, showsTables }
}
