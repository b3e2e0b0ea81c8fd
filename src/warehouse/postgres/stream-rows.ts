/**
 * The streams of a sync where several syncs work at once, and a pooler stands before the server: what `stream-locks.ts`
 * does, with rows and beats in place of the locks of a connection.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { LockedError } from '../../errors.ts'
import type { StreamLocks } from '../stream-locks.ts'
import { type JobLock, lockedBy } from './lock.ts'
import { type HeldRow, holderIsAlive, inOwnTransaction, locksOf, takeRowLock, takeRows } from './row-lock.ts'
import type { PostgresServer } from './server.ts'

const job = 'sync'
const turn = `${job} turn`
/** How often whoever waits for the turn looks whether it is free. */
const turnPollMs = 300

const rowOfStream = (name: string): string => `${job} stream ${name}`
const rowOfRun = (runId: string): string => `${job} run ${runId}`

/** @throws UserError with code `locked` that names the holder. */
export async function takeStreamRows(
  server: PostgresServer,
  schema: string,
  streams: readonly string[],
  runId: string,
): Promise<StreamLocks & JobLock> {
  const taken = await takeRows(server, schema, job, (others) => {
    const isWhole = (row: HeldRow) => row.job === job
    const whole = others.find(isWhole)
    if (whole && !whole.is_silent) throw lockedBy(job, whole.holder)
    const held = others.filter((row) => streams.some((name) => row.job === rowOfStream(name)))
    const missed = whole ? [whole, ...held] : held
    const [holder] = held
    if (holder && held.length === streams.length && held.every(({ is_silent }) => !is_silent))
      throw lockedBy(job, holder.holder)
    const free = streams.map(rowOfStream).filter((row) => held.every((other) => other.job !== row))
    return { missed, rows: [rowOfRun(runId), ...free] }
  })
  const locks = locksOf(schema)
  const isThere = (condition: string, name: string): Promise<boolean> =>
    inOwnTransaction(server, async (client) => {
      const { rowCount } = await client.query(
        `select 1 from ${locks} where ${condition} and id <> $2 and ${holderIsAlive} limit 1`,
        [name, taken.id],
      )
      return rowCount === 1
    })
  const takeTurn = async (): Promise<JobLock | undefined> => {
    try {
      return await takeRowLock(server, schema, turn)
    } catch (error) {
      if (error instanceof LockedError) return undefined
      throw error
    }
  }
  return {
    heldBy: new Map(
      streams.flatMap((name) =>
        taken.missed
          .filter((row) => row.job === rowOfStream(name))
          .map(({ holder }) => [name, holder] as const),
      ),
    ),
    isWhole: false,
    ensureHeld: (client) => taken.ensureHeld(client),
    hasCompany: () => isThere('starts_with(job, $1)', rowOfRun('')),
    isAtWork: (id) => isThere('job = $1', rowOfRun(id)),
    async inTurn(work, { signal, onWait }) {
      let mine: JobLock | undefined
      for (let times = 0; !mine && !signal.aborted; times += 1) {
        if (times === 1) onWait('another sync makes views; waiting for its end')
        if (times > 0) await delay(turnPollMs, undefined, { signal }).catch(() => {})
        mine = await takeTurn()
      }
      await using _turn = mine
      return await work()
    },
    [Symbol.asyncDispose]: () => taken[Symbol.asyncDispose](),
  }
}
