/**
 * What an error of Postgres means where its code leaves that open. Its words would tell, in the language of the server, which
 * we do not read (`lc_messages`): so the server is asked.
 */
import { systemCodeOf } from '../../errors.ts'
import type { Facts } from './errors.ts'
import { inOwnTransaction } from './row-lock.ts'
import type { PostgresServer } from './server.ts'

export interface Asked {
  /** Our schemas. */
  readonly schemas: readonly string[]
  /** `statement_timeout`, where the configuration sets it. */
  readonly timeoutMs: number | undefined
  /** How long the session has lasted. */
  readonly lastedMs: number
}

/** Nothing where there is nothing to ask, or nobody answers: the error is what counts. */
export async function factsOf(error: unknown, server: PostgresServer, asked: Asked): Promise<Facts> {
  try {
    if (systemCodeOf(error) === '42501') return { lacks: await lackOf(server, asked.schemas) }
    if (systemCodeOf(error) === '57014') return { isCancelled: await isCancelled(server, asked) }
  } catch {}
  return {}
}

/** What the role lacks before it can make and use our schemas; undefined where it is something within them. */
const lackOf = (server: PostgresServer, schemas: readonly string[]): Promise<Facts['lacks']> =>
  inOwnTransaction(server, async (client) => {
    const { rows } = await client.query<{ lacks_database: boolean; lacks_schema: boolean }>(
      `select not bool_and(oid is not null) and not has_database_privilege(current_database(), 'create') as lacks_database,
         not coalesce(bool_and(has_schema_privilege(oid, 'usage') and has_schema_privilege(oid, 'create')), true) as lacks_schema
       from unnest($1::text[]) as name left join pg_namespace on nspname = name`,
      [schemas],
    )
    if (rows[0]?.lacks_database) return 'database'
    return rows[0]?.lacks_schema ? 'schema' : undefined
  })

/** True where no statement can have lasted too long: then it was somebody. */
async function isCancelled(server: PostgresServer, { timeoutMs, lastedMs }: Asked): Promise<boolean> {
  const limitMs = timeoutMs ?? (await inOwnTransaction(server, ownLimit))
  return limitMs === 0 || lastedMs < limitMs
}

const ownLimit: Parameters<typeof inOwnTransaction<number>>[1] = async (client) => {
  const { rows } = await client.query<{ ms: number }>(
    `select setting::int as ms from pg_settings where name = 'statement_timeout'`,
  )
  return rows[0]?.ms ?? 0
}
