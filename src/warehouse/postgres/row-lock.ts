/**
 * One holder of a job at a time, where the server cannot remember who that is: behind a pooler an advisory lock would
 * stay with whichever backend took it. Rows say who holds the job, or parts of it, and a beat each second that he lives.
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type pg from 'pg'
import { quoted } from '../sql.ts'
import { isLockTimeout } from './codes.ts'
import { holderName, type JobLock, lockedBy, lockKey } from './lock.ts'
import type { PostgresServer } from './server.ts'

const beatMs = 1_000
/** A holder that has not been heard of for this long is dead, or stopped; the next one may begin. */
const leaseMs = 4_000
/** How long whoever wants the row waits for a transaction of the one who is silent. */
const patienceMs = 2_000

/** A job that is held, or a part of it: parts are named after it, with a blank between. */
export interface HeldRow {
  readonly job: string
  readonly holder: string
  /** Beats are missing: it is dead, and its lease ends soon. */
  readonly is_silent: boolean
}

/** What somebody who wants a job makes of those who have parts of it. */
interface Choice {
  /** Those that stand in the way; silent ones are waited for. */
  readonly missed: readonly HeldRow[]
  /** The rows to take, once none of them is silent. */
  readonly rows: readonly string[]
}

/** Rows that this process holds. */
export interface OwnRows extends JobLock {
  readonly id: string
  /** Who has what was chosen to be done without. */
  readonly missed: readonly HeldRow[]
}

/** @throws UserError with code `locked` that names the holder. */
export const takeRowLock = (server: PostgresServer, schema: string, job: string): Promise<JobLock> =>
  takeRows(server, schema, job, (others) => {
    const living = others.find(({ is_silent }) => !is_silent)
    if (living) throw lockedBy(job, living.holder)
    return { missed: others, rows: [job] }
  })

/** Takes rows of a job; `choose` hears of all others that have it, or a part of it, and throws where it must not begin. */
export async function takeRows(
  server: PostgresServer,
  schema: string,
  job: string,
  choose: (others: readonly HeldRow[]) => Choice,
): Promise<OwnRows> {
  const locks = locksOf(schema)
  const id = randomUUID()
  let choice = await attempt(server, locks, { job, id, choose })
  while (choice.missed.some(({ is_silent }) => is_silent)) {
    await delay(beatMs / 2)
    choice = await attempt(server, locks, { job, id, choose })
  }
  const { missed, rows: own } = choice
  const over = new AbortController()
  const beating = beat(server, locks, id, over.signal)
  return {
    id,
    missed,
    async ensureHeld(client) {
      // Nobody can take the rows until the transaction ends, which leaves room for our own beats.
      const { rowCount } = await client.query(`select 1 from ${locks} where id = $1 for key share`, [id])
      if (rowCount !== own.length) throw lockedBy(job, await holderOf(client, locks, own, id))
    },
    async [Symbol.asyncDispose]() {
      over.abort()
      await beating
      await inOwnTransaction(server, (client) => client.query(`delete from ${locks} where id = $1`, [id]))
    },
  }
}

/** The table of who holds what. */
export const locksOf = (schema: string): string => `${quoted(schema)}.locks`

/** True of a row whose holder has been heard of lately. A clock that was set back must not keep the dead alive. */
export const holderIsAlive = `abs(extract(epoch from clock_timestamp() - beat_at)) * 1000 <= ${leaseMs}`

interface Attempt {
  readonly job: string
  readonly id: string
  readonly choose: (others: readonly HeldRow[]) => Choice
}

/** Takes what was chosen, unless somebody who is silent must be waited for. */
const attempt = (server: PostgresServer, locks: string, { job, id, choose }: Attempt): Promise<Choice> =>
  inOwnTransaction(server, async (client) => {
    await client.query(`set local lock_timeout = ${patienceMs}`)
    // One after the other: what is free is seen and taken at once.
    await client.query(`select pg_advisory_xact_lock(${lockKey(locks)})`)
    const isOfJob = `(job = $1 or starts_with(job, $1 || ' '))`
    await client.query(`delete from ${locks} where ${isOfJob} and not ${holderIsAlive}`, [job])
    const { rows } = await client.query<HeldRow>(
      `select job, holder, abs(extract(epoch from clock_timestamp() - beat_at)) * 1000 > ${2 * beatMs} as is_silent
       from ${locks} where ${isOfJob} order by job`,
      [job],
    )
    const choice = choose(rows)
    if (choice.missed.some(({ is_silent }) => is_silent)) return choice
    await client.query(
      `insert into ${locks} (job, id, holder, beat_at)
       select job, $2, $3, clock_timestamp() from unnest($1::text[]) as wanted(job)`,
      [choice.rows, id, holderName(job)],
    )
    return choice
  }).catch((error: unknown) => {
    // Its beats are missing, and a transaction of it holds the row: it works, however slowly.
    if (isLockTimeout(error)) throw lockedBy(job, 'it is in the middle of a transaction')
    throw error
  })

async function beat(server: PostgresServer, locks: string, id: string, over: AbortSignal): Promise<void> {
  while (!over.aborted) {
    await delay(beatMs, undefined, { signal: over }).catch(() => {})
    if (over.aborted) return
    // One that fails is followed by the next; a holder that has lost the row learns of it before it works on.
    await inOwnTransaction(server, (client) =>
      client.query(`update ${locks} set beat_at = clock_timestamp() where id = $1`, [id]),
    ).catch(() => {})
  }
}

/** Who has one of the rows that were ours. */
async function holderOf(
  client: pg.ClientBase,
  locks: string,
  rows: readonly string[],
  id: string,
): Promise<string> {
  const found = await client.query<HeldRow>(
    `select holder from ${locks} where job = any($1) and id <> $2 limit 1`,
    [rows, id],
  )
  return found.rows[0]?.holder ?? 'it has just ended'
}

/** Does `work` in a transaction on any backend. */
export async function inOwnTransaction<T>(
  server: PostgresServer,
  work: (client: pg.ClientBase) => Promise<T>,
): Promise<T> {
  const client = await server.checkOut(async () => {})
  let isBroken = true
  try {
    await client.query('begin')
    const result = await work(client)
    await client.query('commit')
    isBroken = false
    return result
  } finally {
    server.giveBack(client, isBroken)
  }
}
