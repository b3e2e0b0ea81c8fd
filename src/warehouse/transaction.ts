/** One transaction as a unit of work: taken back, begun anew, or known to have happened, whatever the engine says. */
import type { Transaction } from 'kysely'
import type { Engine } from '../engine/engine.ts'
import { isCommittedAllTheSame } from '../engine/errors.ts'
import { InterruptedError } from '../errors.ts'
import type { Db, StateDatabase } from '../state/tables.ts'
import type { Session, TransactionOptions, Tx, UseOptions, Warehouse } from './session.ts'

/** Takes a transaction back whose result is all that was wanted. */
class Undone extends Error {}

/**
 * `Session.transaction`, given how a transaction of Kysely becomes one of the warehouse. Without an engine it is part of
 * another one, which is begun anew as a whole.
 */
export const transactionIn =
  (db: Db, txOf: (trx: Transaction<StateDatabase>) => Tx, engine?: Engine): Session['transaction'] =>
  async (work, { isDryRun = false } = {}) => {
    for (;;) {
      let done: { readonly result: Awaited<ReturnType<typeof work>> } | undefined
      try {
        return await db.transaction().execute(async (trx) => {
          const result = await work(txOf(trx))
          done = { result }
          if (!isDryRun) return result
          throw new Undone()
        })
      } catch (error) {
        if (error instanceof Undone && done) return done.result
        if (done && isCommittedAllTheSame(error)) throw error
        if (!(await engine?.growAfter(error))) throw error
      }
    }
  }

/** `Warehouse.transaction`. */
export async function transact<T>(
  { use, engine }: Pick<Warehouse, 'use'> & { readonly engine: Engine },
  work: (tx: Tx) => Promise<T>,
  options: UseOptions & TransactionOptions = {},
): Promise<T> {
  for (;;) {
    let done: { readonly result: T } | undefined
    const noting = async (tx: Tx) => {
      const result = await work(tx)
      done = { result }
      return result
    }
    try {
      return await use((session) => session.transaction(noting, options), options)
    } catch (error) {
      if (options.signal?.aborted) throw new InterruptedError(undefined, { cause: error })
      if (!(await engine.growAfter(error))) throw error
      // Everything stands of a commit whose checkpoint found no room.
      if (isCommittedAllTheSame(error) && done && !options.isDryRun) return done.result
    }
  }
}
