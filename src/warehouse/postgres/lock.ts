/**
 * One holder of a job at a time, on any number of machines: an advisory lock of Postgres on a connection of its own.
 * The server frees it as soon as that connection ends, however its holder died.
 */
import { createHash } from 'node:crypto'
import { hostname } from 'node:os'
import type pg from 'pg'
import { Turns } from '../../engine/turns.ts'
import { LockedError } from '../../errors.ts'
import type { PostgresServer } from './server.ts'

/** A lock that is taken again when the server has restarted in between. */
export interface JobLock extends AsyncDisposable {
  /**
   * Asked before work with the warehouse begins, on the connection that will do it.
   * @throws UserError with code `locked` when the lock was lost and another has it now.
   */
  ensureHeld(client: pg.ClientBase): Promise<void>
}

/** @throws UserError with code `locked` that names the holder. */
export async function takeSessionLock(server: PostgresServer, schema: string, job: string): Promise<JobLock> {
  const key = lockKey(`${schema}:${job}`)
  let client = await lockOn(server, key, job)
  const ensureHeld = async () => {
    // Asked, not remembered: the end of a connection may be on its way to us while the next work begins.
    const isAlive = await client.query('select 1').then(
      () => true,
      () => false,
    )
    if (!isAlive) client = await lockOn(server, key, job)
  }
  const turns = new Turns()
  return {
    ensureHeld: () => turns.take(ensureHeld),
    [Symbol.asyncDispose]: () => turns.take(() => client.end()),
  }
}

/** Statement that keeps other loads of a table out until the transaction ends; readers and vacuum do not mind it. */
export const tableLock = (table: string): string =>
  `select pg_advisory_xact_lock(${lockKey(`table:${table}`)})`

const lockOn = (server: PostgresServer, key: string, job: string): Promise<pg.Client> =>
  connectHolder(server, job, async (client) => {
    const { rows } = await client.query(`select pg_try_advisory_lock(${key}) as taken`)
    if (!rows[0]?.taken) throw lockedBy(job, await holderOf(client, key))
    return client
  })

/** A connection of its own that takes locks and keeps them; it ends where `take` throws. */
export async function connectHolder<T>(
  server: PostgresServer,
  job: string,
  take: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = await server.connectAlone()
  try {
    // The server notices within seconds that a machine is gone, and lets an idle holder live.
    await client.query(
      `select set_config(name, value, false)
       from (values ('application_name', $1), ('tcp_keepalives_idle', '5'), ('tcp_keepalives_interval', '2'),
         ('tcp_keepalives_count', '3'), ('idle_session_timeout', '0'), ('statement_timeout', '0')) as wanted(name, value)
       where current_setting(name, true) is not null`,
      [holderName(job)],
    )
    return await take(client)
  } catch (error) {
    await client.end().catch(() => {})
    throw error
  }
}

/** What others are told of who holds a lock; names of applications end at 63 bytes. */
export const holderName = (job: string): string =>
  `iterable-elt ${job}, process ${process.pid} on ${hostname()}`.slice(0, 63)

export const lockedBy = (job: string, holder: string): LockedError =>
  new LockedError(`another ${job} of this warehouse is running`, holder)

/** Whoever holds a lock, in words for people. */
export async function holderOf(client: pg.ClientBase, key: string): Promise<string> {
  const { rows } = await client.query(`
    select activity.pid, application_name, client_addr::text as address
    from pg_locks join pg_stat_activity as activity using (pid) where ${isHeld(key)}`)
  const [holder] = rows
  if (!holder) return 'it has just ended'
  const from = holder.address ? ` from ${holder.address.replace(/\/\d+$/, '')}` : ''
  return `${holder.application_name || 'unnamed program'}${from}, server process ${holder.pid}`
}

/** True where another connection than this one holds a lock. */
export async function isHeldByAnother(client: pg.ClientBase, key: string): Promise<boolean> {
  const { rows } = await client.query(
    `select 1 from pg_locks where ${isHeld(key)} and pid <> pg_backend_pid() limit 1`,
  )
  return rows.length > 0
}

const isHeld = (key: string): string => `locktype = 'advisory' and granted and objsubid = 1
  and database = (select oid from pg_database where datname = current_database())
  and (classid::bigint << 32 | objid::bigint) = ${key}`

/** Advisory locks are known by a number of 64 bits, within one database. */
export function lockKey(name: string): string {
  const hash = createHash('sha256').update(`iterable-elt:${name}`).digest()
  return `${hash.readBigInt64BE()}`
}
