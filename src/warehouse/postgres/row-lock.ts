/**
 * One holder of a job at a time, where the server cannot remember who that is: behind a pooler an advisory lock would
 * stay with whichever backend took it. A row says who holds the job, and a beat each second that he lives.
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type pg from 'pg'
import { quoted } from '../sql.ts'
import { isLockTimeout } from './errors.ts'
import { holderName, type JobLock, lockedBy } from './lock.ts'
import type { PostgresServer } from './server.ts'

const beatMs = 1_000
/** A holder that has not been heard of for this long is dead, or stopped; the next one may begin. */
const leaseMs = 4_000
/** How long whoever wants the row waits for a transaction of the one who is silent. */
const patienceMs = 2_000

interface Row {
  readonly holder: string
  readonly is_silent: boolean
}

/** @throws UserError with code `locked` that names the holder. */
export async function takeRowLock(server: PostgresServer, schema: string, job: string): Promise<JobLock> {
  const locks = `${quoted(schema)}.locks`
  const id = randomUUID()
  for (;;) {
    const other = await transact(server, (client) => take(client, locks, { job, id })).catch(
      (error: unknown) => {
        // Its beats are missing, and a transaction of it holds the row: it works, however slowly.
        if (isLockTimeout(error)) throw lockedBy(job, 'it is in the middle of a transaction')
        throw error
      },
    )
    if (!other) break
    // Beats are missing: it is dead, and its lease ends soon.
    if (!other.is_silent) throw lockedBy(job, other.holder)
    await delay(beatMs / 2)
  }
  const over = new AbortController()
  const beating = beat(server, locks, id, over.signal)
  return {
    async ensureHeld(client) {
      // Nobody can take the row until the transaction ends, which leaves room for our own beats.
      const { rows } = await client.query(`select 1 from ${locks} where id = $1 for key share`, [id])
      if (rows.length === 0) throw lockedBy(job, await holderOf(client, locks, job))
    },
    async [Symbol.asyncDispose]() {
      over.abort()
      await beating
      await transact(server, (client) => client.query(`delete from ${locks} where id = $1`, [id]))
    },
  }
}

/** Takes the row, or resolves to whoever has it. */
async function take(
  client: pg.ClientBase,
  locks: string,
  { job, id }: { readonly job: string; readonly id: string },
): Promise<Row | undefined> {
  await client.query(`set local lock_timeout = ${patienceMs}`)
  // A clock that was set back must not keep the lock of the dead alive.
  await client.query(
    `delete from ${locks} where job = $1 and abs(extract(epoch from clock_timestamp() - beat_at)) * 1000 > $2`,
    [job, leaseMs],
  )
  const { rowCount } = await client.query(
    `insert into ${locks} (job, id, holder, beat_at) values ($1, $2, $3, clock_timestamp()) on conflict do nothing`,
    [job, id, holderName(job)],
  )
  if (rowCount === 1) return undefined
  const { rows } = await client.query<Row>(
    `select holder, abs(extract(epoch from clock_timestamp() - beat_at)) * 1000 > $2 as is_silent
     from ${locks} where job = $1`,
    [job, 2 * beatMs],
  )
  return rows[0] ?? { holder: 'it has just ended', is_silent: true }
}

async function beat(server: PostgresServer, locks: string, id: string, over: AbortSignal): Promise<void> {
  while (!over.aborted) {
    await delay(beatMs, undefined, { signal: over }).catch(() => {})
    if (over.aborted) return
    // One that fails is followed by the next; a holder that has lost the row learns of it before it works on.
    await transact(server, (client) =>
      client.query(`update ${locks} set beat_at = clock_timestamp() where id = $1`, [id]),
    ).catch(() => {})
  }
}

async function holderOf(client: pg.ClientBase, locks: string, job: string): Promise<string> {
  const { rows } = await client.query<Row>(`select holder from ${locks} where job = $1`, [job])
  return rows[0]?.holder ?? 'it has just ended'
}

async function transact<T>(server: PostgresServer, work: (client: pg.ClientBase) => Promise<T>): Promise<T> {
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
