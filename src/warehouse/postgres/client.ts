/** One connection for the time of a session: its settings, its types, its end when the user asks to stop. */
import { setTimeout as delay } from 'node:timers/promises'
import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import Cursor from 'pg-cursor'
import { InterruptedError } from '../../errors.ts'
import type { StateDatabase } from '../../state/tables.ts'
import type { PostgresServer } from './server.ts'

export interface HeldClient extends AsyncDisposable {
  readonly client: pg.PoolClient
  readonly db: Kysely<StateDatabase>
}

/** How soon a statement that goes on is cancelled again. */
const cancelAgainMs = 100

/** Settings of a session, in Postgres's own words. */
export type Settings = Readonly<Record<string, string>>

/** Takes a connection out of the pool; disposing gives it back as it was. */
export async function holdClient(
  server: PostgresServer,
  settings: Settings,
  signal: AbortSignal | undefined,
): Promise<HeldClient> {
  let before: Settings = {}
  const client = await server.checkOut(async (fresh) => {
    before = await applySettings(fresh, settings)
  }, signal)
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
      await server.cancel((client as { processID?: number }).processID).catch(() => {})
      await delay(cancelAgainMs)
    }
  }
  signal?.addEventListener('abort', interrupt, { once: true })
  // Asked while the connection was made: nobody would tell again.
  if (signal?.aborted) interrupt()
  return {
    client,
    db: new Kysely<StateDatabase>({
      dialect: new PostgresDialect({ pool: poolOf(client, signal, busy), cursor: TypedCursor }),
    }),
    async [Symbol.asyncDispose]() {
      isOver = true
      signal?.removeEventListener('abort', interrupt)
      // A cancel that is still on its way would hit whoever has the connection next.
      if (signal?.aborted) isBroken = true
      if (!isBroken && server.isShared) await applySettings(client, before).catch(breaks)
      client.off('error', breaks)
      server.giveBack(client, isBroken)
    },
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
function poolOf(client: pg.PoolClient, signal: AbortSignal | undefined, busy: { isRollingBack: boolean }) {
  let free: Promise<void> = Promise.resolve()
  return {
    async connect() {
      const before = free
      let release = () => {}
      free = new Promise((resolve) => {
        release = resolve
      })
      await before
      return {
        query: ((query: unknown, values?: unknown[]) => {
          if (typeof query !== 'string') return client.query(query as pg.Submittable)
          if (query === 'rollback') {
            busy.isRollingBack = true
            return client.query(query).catch(afterLoss)
          }
          if (signal?.aborted) return Promise.reject(new InterruptedError())
          return client.query({ text: query, values: values ?? [], types })
          // biome-ignore lint/suspicious/noExplicitAny: one function for the two overloads of Kysely's PostgresPoolClient.
        }) as any,
        release: () => release(),
      }
    },
    async end() {},
  }
}

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
