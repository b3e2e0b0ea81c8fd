/** A Postgres server as we reach it: the host application's pool, or one of our own from address and environment. */
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import type { Environment } from '../../config/interpolate.ts'
import { ConfigError, InterruptedError, messageOf } from '../../errors.ts'
import { type PostgresConfig, type Way, waysToConnect } from './address.ts'
import { isConnectionLost, isRefusedByRules, isStartingUp } from './codes.ts'
import { speaksNoTls } from './driver.ts'
import { explained } from './errors.ts'
import type { Target } from './login.ts'
import { limitMessages } from './messages.ts'

/** How long a server that was there before is waited for, e.g. while it restarts. */
const patienceMs = 60_000
const connectTimeoutMs = 30_000

export class PostgresServer implements AsyncDisposable {
  #target: Target
  readonly #isOurs: boolean
  #pool: pg.Pool
  /** Other ways to connect, for `sslmode=prefer` and `allow`. */
  readonly #alternatives: Way[]
  #wasReached = false
  #isPooled: boolean | undefined

  constructor(
    source: PostgresConfig | pg.Pool,
    schema: string,
    environment: Environment = {},
    setting = 'warehouse.url',
  ) {
    this.#isOurs = !isPool(source)
    const [first, ...others] = isPool(source) ? [] : waysToConnect(source, environment)
    this.#pool = isPool(source) ? source : newPool(first as Way)
    this.#alternatives = others
    this.#target = targetOf(this.#pool.options, schema, setting)
  }

  get target(): Target {
    return this.#target
  }

  /** True for a pool of the host application, whose settings must be found again as they were. */
  get isShared(): boolean {
    return !this.#isOurs
  }

  /**
   * True behind a pooler (PgBouncer, Supavisor …), where a session may keep nothing from one transaction to the next:
   * no settings, no advisory lock, no LISTEN. Known once a connection was made.
   */
  get isPooled(): boolean {
    return this.#isPooled ?? false
  }

  /** Makes a first connection, where there was none: what it shows of the server is known then. */
  async meet(): Promise<void> {
    if (this.#isPooled === undefined) this.giveBack(await this.checkOut(async () => {}), false)
  }

  /**
   * A connection of the pool, readied by `prepare`. A server that answered before is waited for.
   * @throws UserError that says what to change.
   */
  checkOut(prepare: (client: pg.PoolClient) => Promise<void>, signal?: AbortSignal): Promise<pg.PoolClient> {
    return this.#patiently(async () => {
      const client = await this.#pool.connect()
      // Without a listener, a connection that breaks between two statements would end the process.
      client.on('error', ignore)
      try {
        limitMessages(client)
        this.#isPooled ??= await isPooled(client)
        await prepare(client)
        return client
      } catch (error) {
        this.giveBack(client, true)
        throw error
      }
    }, signal)
  }

  giveBack(client: pg.PoolClient, isBroken: boolean): void {
    client.off('error', ignore)
    if (isBroken) client.on('error', ignore)
    client.release(isBroken)
  }

  /** A connection outside of the pool, which may be held for long. */
  connectAlone(applicationName?: string): Promise<pg.Client> {
    return this.#patiently(async () => {
      const client = new pg.Client({
        ...configOf(this.#pool.options),
        keepAlive: true,
        keepAliveInitialDelayMillis: 10_000,
        connectionTimeoutMillis: connectTimeoutMs,
      })
      client.on('error', ignore)
      try {
        await client.connect()
        if (applicationName)
          await client.query(`select set_config('application_name', $1, false)`, [applicationName])
        return client
      } catch (error) {
        await client.end().catch(ignore)
        throw error
      }
    })
  }

  /** Ends the statement that a backend is busy with, as long as it is the one that was meant. */
  async cancel({ pid, since }: Backend): Promise<void> {
    const client = await this.connectAlone()
    try {
      await client.query(
        `select pg_cancel_backend(pid) from pg_stat_activity
         where pid = $1 and ($2::text is null or ${microseconds('xact_start')} = $2)`,
        [pid, since ?? null],
      )
    } finally {
      await client.end()
    }
  }

  async #patiently<T>(connect: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    for (let waitedMs = 0; ; ) {
      if (signal?.aborted) throw new InterruptedError()
      try {
        const client = await connect()
        this.#wasReached = true
        return client
      } catch (error) {
        if (this.#connectOtherwise(error)) continue
        const mayCome = isStartingUp(error) || (this.#wasReached && isConnectionLost(error))
        if (!mayCome || waitedMs >= patienceMs) {
          throw explained(error, this.target, { isAtLogin: true })
        }
      }
      const pauseMs = Math.min(2_000, 200 + waitedMs / 4)
      await delay(pauseMs, undefined, signal && { signal }).catch(ignore)
      waitedMs += pauseMs
    }
  }

  /** True when there is another way to connect, and the failure was about encryption or may have been. */
  #connectOtherwise(error: unknown): boolean {
    if (!speaksNoTls(error) && !isRefusedByRules(error)) return false
    const other = this.#alternatives.shift()
    if (!other) return false
    this.#pool.end().catch(ignore)
    this.#pool = newPool(other)
    this.#target = targetOf(this.#pool.options, this.#target.schema, this.#target.setting)
    return true
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isOurs) await this.#pool.end()
  }
}

const ignore = () => {}

/** A process of the server. */
export interface Backend {
  readonly pid: number
  /** When the transaction that is meant began; undefined where the process is ours alone. */
  readonly since?: string | undefined
}

/** A time of Postgres as a text that says all of it, whatever the settings of a session are. */
export const microseconds = (expression: string): string =>
  `(extract(epoch from ${expression}) * 1000000)::int8::text`

/** A pooler gives its clients numbers of its own in place of those of the processes that serve them. */
async function isPooled(client: pg.PoolClient): Promise<boolean> {
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid')
  return rows[0]?.pid !== (client as { processID?: number }).processID
}

const isPool = (source: PostgresConfig | pg.Pool): source is pg.Pool => 'connect' in source

function newPool(way: Way): pg.Pool {
  const pool = new pg.Pool({
    Client: TidyClient,
    max: 20,
    fallback_application_name: 'iterable-elt',
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    connectionTimeoutMillis: connectTimeoutMs,
    idleTimeoutMillis: 30_000,
    allowExitOnIdle: true,
    ...way,
  })
  // A connection that breaks while idle is replaced when the next is asked for.
  pool.on('error', ignore)
  return pool
}

/**
 * `pg` leaves the socket open where a login fails on our side (no password), and the process alive with it. And an error
 * that comes in one packet with the end of the login finds nobody who listens yet, and would end the process.
 */
class TidyClient extends pg.Client {
  constructor(config?: string | pg.ClientConfig) {
    super(config)
    this.on('error', ignore)
  }

  override connect(): Promise<pg.Client>
  override connect(callback: (error: Error) => void): void
  override connect(callback?: (error: Error) => void): Promise<pg.Client> | undefined {
    if (!callback) return super.connect()
    super.connect((error: Error) => {
      if (error) this.end().catch(ignore)
      callback(error)
    })
    return undefined
  }
}

/** Options without their pool; `password` is there, though it does not show when they are listed. */
function configOf(options: pg.PoolConfig): pg.ClientConfig {
  return { ...options, ...(options.password !== undefined && { password: options.password }) }
}

function targetOf(options: pg.PoolConfig, schema: string, setting: string): Target {
  try {
    const { host, port, database, user, ssl } = new pg.Client(configOf(options))
    return {
      host,
      port,
      database: database ?? '',
      user: user ?? '',
      schema,
      setting,
      isEncrypted: Boolean(ssl),
    }
  } catch (error) {
    throw new ConfigError(`the address of Postgres cannot be used: ${messageOf(error)}`, { cause: error })
  }
}
