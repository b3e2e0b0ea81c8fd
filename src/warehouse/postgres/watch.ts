/** LISTEN and NOTIFY: a trigger on our own tables wakes who waits for rows, in any process on any machine. */
import { createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type pg from 'pg'
import { quoted } from '../sql.ts'
import type { PostgresServer } from './server.ts'

/** How long after a lost connection the server is asked again; meanwhile watchers have to look by themselves. */
const reconnectMs = 2_000

/**
 * Calls back after rows were inserted into one of the tables of a schema, and after every gap in
 * which that might have gone unheard.
 */
export async function watchTables(
  server: PostgresServer,
  schema: string,
  tables: readonly string[],
  onChange: () => void,
): Promise<AsyncDisposable> {
  const channel = channelOf(schema)
  const over = new AbortController()
  let client = await listen(server, channel, onChange)
  await createTriggers(client, schema, tables, channel)
  const keepListening = async () => {
    while (!over.signal.aborted) {
      await new Promise((resolve) => {
        client.once('end', resolve)
        over.signal.addEventListener('abort', resolve, { once: true })
      })
      while (!over.signal.aborted) {
        await delay(reconnectMs, undefined, { signal: over.signal }).catch(() => {})
        const next = over.signal.aborted ? undefined : await listen(server, channel, onChange).catch(() => {})
        if (!next) continue
        client = next
        onChange()
        break
      }
    }
    await client.end().catch(() => {})
  }
  const listening = keepListening()
  return {
    async [Symbol.asyncDispose]() {
      over.abort()
      await listening
    },
  }
}

async function listen(server: PostgresServer, channel: string, onChange: () => void): Promise<pg.Client> {
  const client = await server.connectAlone('iterable-elt, waiting for work')
  try {
    client.on('notification', onChange)
    await client.query(`listen ${quoted(channel)}`)
    return client
  } catch (error) {
    await client.end().catch(() => {})
    throw error
  }
}

/** Made anew only where they are missing: that would wait for whoever reads the table. */
async function createTriggers(
  client: pg.Client,
  schema: string,
  tables: readonly string[],
  channel: string,
): Promise<void> {
  const { rows } = await client.query<{ name: string }>(
    `select relname as name from pg_trigger join pg_class on pg_class.oid = tgrelid
     where tgname = 'wake_workers' and relnamespace = $1::regnamespace`,
    [quoted(schema)],
  )
  const missing = tables.filter((table) => !rows.some(({ name }) => name === table))
  if (missing.length === 0) return
  const wake = `${quoted(schema)}.wake_workers`
  await client.query(`begin`)
  try {
    // Two workers that start at once take turns.
    await client.query(`select pg_advisory_xact_lock(hashtext($1))`, [wake])
    await client.query(`
      create or replace function ${wake}() returns trigger language plpgsql as $$
      begin notify ${quoted(channel)}; return null; end $$`)
    for (const table of missing) {
      await client.query(`drop trigger if exists wake_workers on ${quoted(schema)}.${quoted(table)}`)
      await client.query(
        `create trigger wake_workers after insert on ${quoted(schema)}.${quoted(table)}
         for each statement execute function ${wake}()`,
      )
    }
    await client.query(`commit`)
  } catch (error) {
    await client.query(`rollback`).catch(() => {})
    throw error
  }
}

/** Names of channels are cut at 63 bytes; a schema may be called anything up to 50. */
const channelOf = (schema: string): string =>
  `iterable_elt_${createHash('sha256').update(schema).digest('hex').slice(0, 16)}`
