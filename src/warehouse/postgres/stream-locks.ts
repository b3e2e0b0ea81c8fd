/**
 * The streams of a sync, where several syncs work at once. Each has its streams to itself, and shares the job `sync` with
 * the others: upkeep, erasing and copying take that job alone, which excludes all of them. The locks of one sync are those
 * of one connection, so they end together, however its process dies.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type pg from 'pg'
import { Turns } from '../../engine/turns.ts'
import type { StreamLocks } from '../stream-locks.ts'
import { connectHolder, holderOf, isHeldByAnother, type JobLock, lockedBy, lockKey } from './lock.ts'
import type { PostgresServer } from './server.ts'

const job = 'sync'
/** How often whoever waits for the turn looks whether it is free. */
const turnPollMs = 100

interface StreamHolder {
  readonly client: pg.Client
  readonly heldBy: ReadonlyMap<string, string>
}

/** @throws UserError with code `locked` that names the holder. */
export async function takeStreamLocks(
  server: PostgresServer,
  schema: string,
  streams: readonly string[],
  runId: string,
): Promise<StreamLocks & JobLock> {
  const keys = keysOf(schema)
  const take = (names: readonly string[]) =>
    connectHolder(server, job, async (client): Promise<StreamHolder> => {
      const { rows } = await client.query(`select pg_try_advisory_lock_shared(${keys.job}) as taken`)
      if (!rows[0]?.taken) throw lockedBy(job, await holderOf(client, keys.job))
      const heldBy = new Map<string, string>()
      for (const name of await refused(client, names, keys)) {
        heldBy.set(name, await holderOf(client, keys.stream(name)))
      }
      const [holder] = heldBy.values()
      if (holder !== undefined && heldBy.size === names.length) throw lockedBy(job, holder)
      // Nobody else has a run of this id.
      await client.query(`select pg_advisory_lock(${keys.run(runId)})`)
      return { client, heldBy }
    })
  const first = await take(streams)
  const { heldBy } = first
  const mine = streams.filter((name) => !heldBy.has(name))
  let { client } = first
  const turns = new Turns()
  const ensureHeld = async () => {
    // Asked, not remembered: the end of a connection may be on its way to us while the next work begins.
    const isAlive = await client.query('select 1').then(
      () => true,
      () => false,
    )
    if (isAlive) return
    const again = await take(mine)
    const [holder] = again.heldBy.values()
    if (holder !== undefined) {
      await again.client.end()
      throw lockedBy(job, holder)
    }
    client = again.client
  }
  const ask = <T>(question: () => Promise<T>): Promise<T> =>
    turns.take(async () => {
      await ensureHeld()
      return question()
    })
  return {
    heldBy,
    isWhole: false,
    ensureHeld: () => turns.take(ensureHeld),
    hasCompany: () => ask(() => isHeldByAnother(client, keys.job)),
    isAtWork: (id) => ask(() => isHeldByAnother(client, keys.run(id))),
    async inTurn(work, { signal, onWait }) {
      let hasTurn = false
      for (let times = 0; !hasTurn && !signal.aborted; times += 1) {
        if (times === 1) onWait('another sync makes views; waiting for its end')
        if (times > 0) await delay(turnPollMs, undefined, { signal }).catch(() => {})
        hasTurn = await ask(() => isTaken(client, keys.turn))
      }
      try {
        return await work()
      } finally {
        // Where the connection broke, the turn went with it.
        if (hasTurn)
          await turns.take(() => client.query(`select pg_advisory_unlock(${keys.turn})`)).catch(() => {})
      }
    },
    [Symbol.asyncDispose]: () => turns.take(() => client.end()),
  }
}

interface Keys {
  readonly job: string
  readonly turn: string
  readonly stream: (name: string) => string
  readonly run: (runId: string) => string
}

/** The job's own is that of `takeSessionLock`. */
const keysOf = (schema: string): Keys => ({
  job: lockKey(`${schema}:${job}`),
  turn: lockKey(`${schema}:${job} turn`),
  stream: (name) => lockKey(`${schema}:${job} stream ${name}`),
  run: (runId) => lockKey(`${schema}:${job} run ${runId}`),
})

/** Takes what is free of these streams; returns the others. */
async function refused(client: pg.Client, names: readonly string[], keys: Keys): Promise<readonly string[]> {
  const { rows } = await client.query<{ name: string; taken: boolean }>(
    `select name, pg_try_advisory_lock(key) as taken from unnest($1::text[], $2::bigint[]) as wanted(name, key)`,
    [names, names.map(keys.stream)],
  )
  return rows.filter(({ taken }) => !taken).map(({ name }) => name)
}

async function isTaken(client: pg.Client, key: string): Promise<boolean> {
  const { rows } = await client.query(`select pg_try_advisory_lock(${key}) as taken`)
  return Boolean(rows[0]?.taken)
}
