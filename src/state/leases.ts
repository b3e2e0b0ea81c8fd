/**
 * Who works on which job. A lease ends by itself when its worker dies; its token goes up with every holder, so that one
 * who was only slow finds out before it writes.
 */
import type { Db } from './tables.ts'

export interface Lease {
  readonly job: string
  readonly runId: string
  readonly owner: string
  readonly token: number
}

/**
 * Takes the lease of a job for a run. One statement decides, also between workers that ask at once: undefined for all
 * but one.
 */
export async function takeLease(
  db: Db,
  { job, runId, owner }: Omit<Lease, 'token'>,
  until: Date,
): Promise<Lease | undefined> {
  const taken = await db
    .insertInto('leases')
    .values({ job, run_id: runId, owner, token: 1, until })
    .onConflict((conflict) =>
      conflict
        .column('job')
        .doUpdateSet((row) => ({
          run_id: runId,
          owner,
          until,
          token: row('leases.token', '+', 1),
        }))
        .where('leases.run_id', 'is', null),
    )
    .returning('token')
    .executeTakeFirst()
  return taken && { job, runId, owner, token: taken.token }
}

/** Renews all leases of a worker; resolves to those that it still has, by run. */
export async function renewLeases(db: Db, owner: string, until: Date): Promise<ReadonlyMap<string, number>> {
  const rows = await db
    .updateTable('leases')
    .set({ until })
    .where('owner', '=', owner)
    .where('run_id', 'is not', null)
    .returning(['run_id', 'token'])
    .execute()
  return new Map(rows.map(({ run_id, token }) => [run_id as string, token]))
}

/** Gives a lease back; false when it is somebody else's by now. */
export async function releaseLease(db: Db, { job, runId, owner, token }: Lease): Promise<boolean> {
  const released = await db
    .updateTable('leases')
    .set({ run_id: null, owner: null })
    .where('job', '=', job)
    .where('run_id', '=', runId)
    .where('owner', '=', owner)
    .where('token', '=', token)
    .returning('job')
    .execute()
  return released.length === 1
}

/**
 * Shortens leases that reach further than any could: they were taken when the clock was ahead, and their workers may be
 * dead. One that lives renews its own in time.
 */
export async function shortenLeases(db: Db, now: Date, leaseMs: number): Promise<void> {
  await db
    .updateTable('leases')
    .set({ until: new Date(now.getTime() + leaseMs) })
    .where('run_id', 'is not', null)
    .where('until', '>', new Date(now.getTime() + 2 * leaseMs))
    .execute()
}

/** Takes leases away from workers that are gone; their runs can be begun again. Resolves to the jobs. */
export async function breakLeases(
  db: Db,
  {
    now,
    self,
    running,
    isAlone,
  }: {
    readonly now: Date
    readonly self: string
    /** Runs that this worker works on. */
    readonly running: readonly string[]
    /** Nobody else can be at work, so every other lease is one of the dead. */
    readonly isAlone: boolean
  },
): Promise<readonly string[]> {
  const rows = await db
    .updateTable('leases')
    .set((row) => ({ run_id: null, owner: null, token: row('token', '+', 1) }))
    .where('run_id', 'is not', null)
    .$if(running.length > 0, (leases) => leases.where('run_id', 'not in', running))
    // Its own lease without a run: the connection broke between taking it and hearing so.
    .$if(!isAlone, (leases) =>
      leases.where((where) => where.or([where('until', '<', now), where('owner', '=', self)])),
    )
    .returning('job')
    .execute()
  return rows.map(({ job }) => job)
}
