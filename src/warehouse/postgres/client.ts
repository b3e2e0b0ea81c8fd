/** One connection for the time of a session: its settings, its types, its end when the user asks to stop. */
import { setTimeout as delay } from 'node:timers/promises'
import { Kysely, PostgresAdapter, PostgresDialect, sql } from 'kysely'
import pg from 'pg'
import Cursor from 'pg-cursor'
import { Turns } from '../../engine/turns.ts'
import { InterruptedError } from '../../errors.ts'
import type { Db, StateDatabase } from '../../state/tables.ts'
import type { PostgresServer } from './server.ts'
import { type HoldOptions, type Settings, Transactions } from './transactions.ts'

export interface HeldClient extends AsyncDisposable {
  readonly client: pg.PoolClient
  readonly db: Db
  /** Begins a transaction by a statement of one's own. */
  begin(statement: string): Promise<void>
  /** Ends it by `commit` or `rollback`. */
  end(statement: string): Promise<unknown>
}

/**
 * Kysely's lock around migrations is one of the session, which a pooler would leave with a backend for ever. Ours belongs
 * to the transaction of the migrations, which begins with it.
 */
class OurAdapter extends PostgresAdapter {
  override async acquireMigrationLock(db: Kysely<unknown>): Promise<void> {
    await sql.raw('begin').execute(db)
    await sql.raw(`select pg_advisory_xact_lock(hashtext('iterable-elt migrations'))`).execute(db)
  }
  /** Their commit has released it; where they failed, nothing stays. */
  override async releaseMigrationLock(db: Kysely<unknown>): Promise<void> {
    await sql.raw('rollback').execute(db)
  }
}

class OurDialect extends PostgresDialect {
  override createAdapter(): PostgresAdapter {
    return new OurAdapter()
  }
}

/** How soon a statement that goes on is cancelled again. */
const cancelAgainMs = 100

/** Takes a connection out of the pool; disposing gives it back as it was. */
export async function holdClient(server: PostgresServer, options: HoldOptions): Promise<HeldClient> {
  const { settings, signal, onBegin } = options
  let before: Settings = {}
  const client = await server.checkOut(async (fresh) => {
    if (!server.isPooled) before = await applySettings(fresh, settings)
  }, signal)
  const transactions = new Transactions(client, options, server.isPooled)
  let isBroken = false
  const breaks = () => {
    isBroken = true
  }
  client.on('error', breaks)
  const busy = { isRollingBack: false }
  let isOver = false
  // A cancellation does nothing to a statement that has not reached the server yet: it is repeated until the work ends.
  const interrupt = async () => {
    while (!isOver && !busy.isRollingBack) {
      const { backend } = transactions
      if (backend) await server.cancel(backend).catch(() => {})
      await delay(cancelAgainMs)
    }
  }
  signal?.addEventListener('abort', interrupt, { once: true })
  // Asked while the connection was made: nobody would tell again.
  if (signal?.aborted) interrupt()
  const held: HeldClient = {
    client,
    begin: (statement) => transactions.begin(statement),
    end: (statement) => transactions.end(statement),
    db: new Kysely<StateDatabase>({
      dialect: new OurDialect({
        pool: poolOf({ client, transactions, signal, busy }),
        cursor: TypedCursor,
      }),
    }),
    async [Symbol.asyncDispose]() {
      isOver = true
      signal?.removeEventListener('abort', interrupt)
      // A cancel that is still on its way would hit whoever has the connection next.
      if (signal?.aborted) isBroken = true
      if (!isBroken && server.isShared && !server.isPooled) await applySettings(client, before).catch(breaks)
      client.off('error', breaks)
      server.giveBack(client, isBroken)
    },
  }
  if (server.isPooled) return held
  try {
    await onBegin(client)
    return held
  } catch (error) {
    await held[Symbol.asyncDispose]()
    throw error
  }
}

/** Sets the settings of a session, in one round trip; resolves to what they were. */
async function applySettings(client: pg.ClientBase, settings: Settings): Promise<Settings> {
  const { rows } = await client.query<{ name: string; before: string }>(
    `select name, current_setting(name) as before, set_config(name, value, false)
     from unnest($1::text[], $2::text[]) as wanted(name, value)`,
    [Object.keys(settings), Object.values(settings)],
  )
  return Object.fromEntries(rows.map(({ name, before }) => [name, before]))
}

/**
 * A pool of this one connection, as Kysely wants it. Who asks while a transaction has it waits, as with any pool; after
 * the user asked to stop, nothing but the end of the transaction is sent.
 */
function poolOf({
  client,
  transactions,
  signal,
  busy,
}: {
  readonly client: pg.PoolClient
  readonly transactions: Transactions
  readonly signal: AbortSignal | undefined
  readonly busy: { isRollingBack: boolean }
}) {
  const turns = new Turns()
  return {
    async connect() {
      const release = await turns.hold()
      return {
        query: ((query: unknown, values?: unknown[]) => {
          if (typeof query !== 'string') return client.query(query as pg.Submittable)
          if (query === 'rollback') {
            busy.isRollingBack = true
            return transactions
              .run({ text: query })
              .catch(afterLoss)
              .finally(() => {
                busy.isRollingBack = false
              })
          }
          if (signal?.aborted) return Promise.reject(new InterruptedError())
          return transactions.run({ text: query, values: values?.map(withoutNul) ?? [], types })
          // biome-ignore lint/suspicious/noExplicitAny: one function for the two overloads of Kysely's PostgresPoolClient.
        }) as any,
        release,
      }
    },
    async end() {},
  }
}

/** Postgres refuses it in every text: one in a name or a message from outside would keep what goes with it from being stored. */
const withoutNul = (value: unknown): unknown =>
  typeof value === 'string' ? value.replaceAll('\0', '\u2400') : value

/** On a broken connection there is nothing to roll back, and the first error is the one to tell. */
const afterLoss = () => ({ command: 'ROLLBACK' as const, rowCount: 0, rows: [] })

const { INT8, NUMERIC, DATE, TIMESTAMP, TIMESTAMPTZ } = pg.types.builtins
const readInstant = pg.types.getTypeParser(TIMESTAMPTZ, 'text')

/** Values as from a DuckDB warehouse: whole numbers are numbers as long as they are exact, times without zone are UTC. */
const types: pg.CustomTypesConfig = {
  getTypeParser(oid: number, format?: 'text' | 'binary') {
    if (oid === INT8) return (text: string) => (Number.isSafeInteger(Number(text)) ? Number(text) : text)
    if (oid === NUMERIC) return (text: string) => (String(Number(text)) === text ? Number(text) : text)
    if (oid === TIMESTAMP) return (text: string) => readInstant(`${text}+00`)
    if (oid === DATE) return (text: string) => readInstant(`${text} 00:00:00+00`)
    return pg.types.getTypeParser(oid, format as 'text')
  },
}

class TypedCursor<Row> extends Cursor<Row> {
  constructor(sql: string, parameters: unknown[]) {
    super(sql, parameters, { types })
  }
}
