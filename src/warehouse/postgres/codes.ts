/**
 * What an error of Postgres is, by its SQLSTATE, or by the code of the system. Its words are in the language of the server
 * (`lc_messages`); where one code means several things, the function of the server that raised it tells them apart.
 */
import { systemCodeOf } from '../../errors.ts'
import { isEnded } from './driver.ts'

/** True where the connection is gone, or the server is not up: the transaction did not happen, and may be done again. */
export function isConnectionLost(error: unknown): boolean {
  const code = systemCodeOf(error)
  return /^08/.test(code) || lostCodes.has(code) || isEnded(error)
}

const lostCodes = new Set([
  '57P01', // admin_shutdown, pg_terminate_backend
  '57P02', // crash_shutdown
  '57P03', // cannot_connect_now: starting up or shutting down
  '57P05', // idle_session_timeout
  '25P03', // idle_in_transaction_session_timeout
  'ECONNRESET',
  'ECONNREFUSED',
  'EPIPE',
  'ETIMEDOUT',
])

/** True for a server that will take connections in a moment. */
export const isStartingUp = (error: unknown): boolean => systemCodeOf(error) === '57P03'

/**
 * True for a value that the engine takes and Postgres does not: data exceptions (class 22), JSON that is too deep, a row
 * that does not fit a page, a key that does not fit an index page.
 */
export const isRefusedValue = (error: unknown): boolean =>
  /^(22...|54000|54001|54023)$/.test(systemCodeOf(error))

/** True where a lock was not to be had in time. */
export const isLockTimeout = (error: unknown): boolean => systemCodeOf(error) === '55P03'

/** True where the role lacks a privilege. */
export const isForbidden = (error: unknown): boolean => systemCodeOf(error) === '42501'

/** True where something else (a view, a function) cannot do without what was to be dropped. */
export const isNeededByOthers = (error: unknown): boolean => systemCodeOf(error) === '2BP01'

/** True where pg_hba.conf has no line for such a connection, or one that rejects it. */
export const isRefusedByRules = (error: unknown): boolean =>
  systemCodeOf(error) === '28000' && raisedBy(error, 'ClientAuthentication')

/** True where one of these functions of the server raised the error. Poolers, in their own errors, name none. */
export const raisedBy = (error: unknown, ...functions: readonly string[]): boolean =>
  error instanceof Error && 'routine' in error && functions.includes(String(error.routine))
