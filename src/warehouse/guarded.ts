/** The one way to run a query that a person wrote, whether its rows are sent, shown or thrown away. */
import { messageOf, TransientError, UserError } from '../errors.ts'
import { explainedFault } from './faults.ts'
import type { Session, UseOptions, Warehouse } from './session.ts'

export interface QueryOptions extends Pick<UseOptions, 'signal' | 'onWait'> {
  /** False once something was done that must not be done twice: till then the query begins anew with more memory. */
  readonly mayRepeat?: () => boolean
  /** Hears that it ran out of memory and begins anew. */
  readonly onRepeat?: () => void
}

/**
 * Begins a query in a session that reads the warehouse and nothing else, and reads it; with the signal it ends.
 * @throws ConfigError `not_a_select` or `query_invalid`; TransientError `query_failed` with what the database says.
 */
export async function readGuarded<Result extends AsyncDisposable, T>(
  warehouse: Warehouse,
  begin: (session: Session) => Promise<Result>,
  read: (result: Result) => Promise<T>,
  { signal, onWait, mayRepeat = () => true, onRepeat }: QueryOptions,
): Promise<T> {
  const work = async (session: Session) => {
    await using result = await begin(session)
    return await read(result)
  }
  for (;;) {
    try {
      return await warehouse.use(work, { signal, onWait, isGuarded: true })
    } catch (caught) {
      if (mayRepeat() && (await warehouse.engine.growAfter(caught))) {
        onRepeat?.()
        continue
      }
      const error = explainedFault(caught)
      if (error instanceof UserError) throw error
      // What is wrong with the text has its own codes: this may pass.
      throw new TransientError('query_failed', `the query failed: ${messageOf(error)}`, { cause: error })
    }
  }
}
