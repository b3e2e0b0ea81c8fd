/**
 * Queries of people on Postgres. The statement stands as a subquery, where only a SELECT may stand (data-modifying CTEs
 * and SELECT INTO are refused there by Postgres itself), is sent by the extended protocol, which takes one statement at
 * a time, and runs in a read-only transaction; so does an explanation, which stands alone. Of what such a transaction lets
 * pass, `reach.ts` refuses what it knows by name; the rest (advisory locks, functions of the database's own) is what the
 * rights of the role allow: see docs/postgres-roles.md.
 */
import type pg from 'pg'
import Cursor from 'pg-cursor'
import { ConfigError, messageOf, systemCodeOf } from '../../errors.ts'
import type { Rows } from '../select.ts'
import { quoted } from '../sql.ts'
import { refusedQuery, type Statement, wrongQuery } from '../statement.ts'
import type { HeldClient } from './client.ts'
import { raisedBy } from './codes.ts'
import { refuseReach } from './reach.ts'

const rowsAtOnce = 1_000

/** What becomes of the columns of a result, and of their values. */
export type PostgresForm<Column, Value> = (
  client: pg.ClientBase,
  fields: readonly pg.FieldDef[],
) => Promise<readonly ColumnReading<Column, Value>[]>

export interface ColumnReading<Column, Value> {
  readonly column: Column
  /** The server turns it into JSON. */
  readonly asJson?: boolean
  /** Reads a value that is not NULL as the server writes it. */
  readonly read: (text: string) => Value
}

/** What queries of people may do. */
interface QueryRights {
  /** They run with the rights of this role. */
  readonly queryRole?: string | undefined
  readonly allowsExternalAccess?: boolean | undefined
}

/** Begins a query of a person, see `Session.select` and `Session.print`. */
export async function queryPostgres<Column, Value>(
  held: HeldClient,
  { queryRole, allowsExternalAccess = false }: QueryRights,
  statement: Statement,
  form: PostgresForm<Column, Value>,
): Promise<Rows<Column, Value | null>> {
  refuseReach(statement.text, allowsExternalAccess)
  const { client } = held
  await held.begin('begin transaction isolation level repeatable read, read only')
  try {
    await takeRole(client, queryRole)
    if (statement.isBare) await client.query('set local search_path = pg_catalog')
    const described = statement.isSelect && (await form(client, await describe(client, statement)))
    const text = described ? selectOf(statement.text, described) : statement.text
    const cursor = new RowCursor(client, text, statement.values)
    const first = described ? undefined : await cursor.read()
    const readings = described || (await form(client, cursor.fields))
    const read = (row: readonly (string | null)[]) =>
      row.map((value, index) =>
        value === null ? null : (readings[index] as ColumnReading<Column, Value>).read(value),
      )
    return {
      columns: readings.map(({ column }) => column),
      rows: (async function* () {
        try {
          for (let rows = first ?? (await cursor.read()); rows.length > 0; rows = await cursor.read()) {
            yield rows.map(read)
          }
        } catch (error) {
          throw explained(error)
        }
      })(),
      async [Symbol.asyncDispose]() {
        await cursor.close()
        await held.end('rollback').catch(() => {})
      },
    }
  } catch (error) {
    await held.end('rollback').catch(() => {})
    throw explained(error)
  }
}

/** Lowers the rights of the transaction at work to those of `exports.role`, where there is one. */
async function takeRole(client: pg.ClientBase, role: string | undefined): Promise<void> {
  if (role === undefined) return
  try {
    await client.query(`set local role ${quoted(role)}`)
  } catch (error) {
    throw new ConfigError(
      `the role of "exports.role" cannot be assumed: ${messageOf(error)}; create it (docs/postgres-roles.md), and grant it to the role that connects`,
      { code: 'role', cause: error },
    )
  }
}

/** The columns; nothing is run for that. */
async function describe(
  client: pg.ClientBase,
  { text, values = [] }: Statement,
): Promise<readonly pg.FieldDef[]> {
  const { fields } = await client.query({
    text: `select * from (${text}\n) as "query" limit 0`,
    values: [...values],
    // The extended protocol refuses several statements.
    queryMode: 'extended',
  } as pg.QueryConfig)
  return fields
}

function selectOf(query: string, readings: readonly ColumnReading<unknown, unknown>[]): string {
  // Names may repeat.
  const names = readings.map((_, index) => `c${index}`)
  const values = readings.map(({ asJson }, index) => (asJson ? `to_json(c${index})` : `c${index}`))
  const renamed = names.length === 0 ? '' : `(${names.join(', ')})`
  return `select ${values.join(', ')} from (${query}\n) as "query"${renamed}`
}

/** Values as the server writes them. */
const asText: pg.CustomTypesConfig = { getTypeParser: () => (text: unknown) => text as string }

type TextRow = readonly (string | null)[]

/** A cursor that failed, or came to its end, is closed, and would wait for ever for a second word on that. */
class RowCursor {
  /** Known after the first rows. */
  fields: readonly pg.FieldDef[] = []
  readonly #cursor: Cursor<TextRow>
  #isOpen = true

  constructor(client: pg.ClientBase, statement: string, values: readonly unknown[] = []) {
    this.#cursor = client.query(
      new Cursor(statement, [...values], { rowMode: 'array', types: asText } as never),
    )
  }

  /** The next rows; none at the end. */
  read(): Promise<readonly TextRow[]> {
    return new Promise((resolve, reject) => {
      this.#cursor.read(rowsAtOnce, (error, rows, result: pg.QueryResult | undefined) => {
        if (error || rows.length === 0) this.#isOpen = false
        this.fields = result?.fields ?? this.fields
        if (error) reject(error)
        else resolve(rows)
      })
    })
  }

  async close(): Promise<void> {
    if (this.#isOpen) await this.#cursor.close().catch(() => {})
  }
}

function explained(error: unknown): unknown {
  if (error instanceof ConfigError) return error
  const code = systemCodeOf(error)
  const doesMore = refusals.some(([state, raiser]) => code === state && raisedBy(error, raiser))
  // 25006 read_only_sql_transaction.
  if (code === '25006' || doesMore) return refusedQuery(messageOf(error), error)
  // Class 42: syntax, names, types, rights. Class 22: values.
  return /^(42|22|0A)/.test(code) ? wrongQuery(error) : error
}

/** What Postgres says to a statement that does more than read, where only one that reads may stand; and who says it. */
const refusals = [
  ['42601', 'exec_parse_message'], // several statements
  ['42601', 'transformSelectStmt'], // select into
  ['0A000', 'analyzeCTE'], // a data-modifying CTE below the top
] as const
