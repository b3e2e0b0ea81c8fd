/** What Postgres and the way to it say, in words that tell the user what to change. */
import { type CodeOf, errorCodes } from '../../error-codes.ts'
import { ConfigError, messageOf, systemCodeOf, UserError } from '../../errors.ts'
import { isConnectionLost, isRefusedValue } from './codes.ts'
import { connectionFault, type PostgresFault, quotedName, refusalAtLogin, type Target } from './login.ts'

/** What the code of an error leaves open. */
export interface Facts {
  /** Where the role lacks a privilege. */
  readonly lacks?: 'database' | 'schema' | undefined
  /** Somebody has cancelled the statement. */
  readonly isCancelled?: boolean
  /** It came in place of a connection. */
  readonly isAtLogin?: boolean
}

/** The error for the user, or the error itself where there is nothing to add. Never holds a secret. */
export function explained(error: unknown, target: Target, facts: Facts = {}): unknown {
  if (error instanceof UserError) return error
  const fault =
    (facts.isAtLogin ? refusalAtLogin(error, target) : undefined) ??
    connectionFault(error, target) ??
    serverFault(error, target, facts)
  return fault ? errorOf(fault, error) : error
}

function errorOf({ code, message }: PostgresFault, cause: unknown): UserError {
  return errorCodes[code].kind === 'config'
    ? new ConfigError(message, { code: code as CodeOf<'config'>, cause })
    : new UserError(code, message, { cause })
}

/** What the server says to a statement. */
function serverFault(
  error: unknown,
  { host, port, database, user, schema, setting }: Target,
  { lacks, isCancelled }: Facts,
): PostgresFault | undefined {
  const said = messageOf(error)
  const place = `${host}:${port}`
  switch (systemCodeOf(error)) {
    case '42501':
      return {
        code: 'warehouse_permission',
        message: permissionMessage(said, { database, user, schema }, lacks),
      }
    case '25006':
      return {
        code: 'warehouse_read_only',
        message: `Postgres at ${place} is read-only (${said}); point "${setting}" at the primary server`,
      }
    case '53100':
      return {
        code: 'warehouse_full',
        message: `the disk of Postgres at ${place} is full (${said}); nothing of this load was published. Make room, then run again`,
      }
    case '53200':
      return { code: 'warehouse_memory', message: `Postgres at ${place} is out of memory (${said})` }
    case '57014':
      if (isCancelled) {
        return {
          code: 'warehouse_cancelled',
          message: `somebody cancelled a statement of ours at ${place} (pg_cancel_backend); nothing of this step was published, run again`,
        }
      }
      return {
        code: 'warehouse_timeout',
        message: `Postgres at ${place} ended a statement (${said}); raise "warehouse.statement_timeout", or statement_timeout of the role "${user}"`,
      }
    case '55P03':
      return {
        code: 'warehouse_locked',
        message: `a table of schema "${schema}" is locked by another session (${said}); end what holds it (select * from pg_stat_activity), or raise "warehouse.lock_timeout"`,
      }
    case '40P01':
    case '40001':
      return {
        code: 'warehouse_conflict',
        message: `another session changed the same rows of schema "${schema}" (${said}); run again`,
      }
    case '22P05':
      return {
        code: 'warehouse_encoding',
        message: `the database "${database}" cannot hold all characters (${said}); create it with encoding UTF8`,
      }
  }
  if (isRefusedValue(error)) {
    return { code: 'refused_value', message: `Postgres refuses a value: ${said}${detailOf(error)}` }
  }
  if (isConnectionLost(error)) {
    return {
      code: 'connection_lost',
      message: `the connection to Postgres at ${place} broke (${said}); nothing of this step was published, run again`,
    }
  }
  return undefined
}

function permissionMessage(
  said: string,
  { database, user, schema }: Pick<Target, 'database' | 'user' | 'schema'>,
  lacks: Facts['lacks'],
): string {
  const role = quotedName(user)
  const schemas = [schema, `${schema}_sync`, `${schema}_views`]
  const cure =
    lacks === 'database'
      ? `an administrator can make the schemas once: ${schemas
          .map((name) => `create schema ${quotedName(name)} authorization ${role};`)
          .join(' ')} or allow it: grant create on database ${quotedName(database)} to ${role};`
      : lacks === 'schema'
        ? `an administrator can allow it: ${schemas
            .map((name) => `grant usage, create on schema ${quotedName(name)} to ${role};`)
            .join(' ')}`
        : `the tables of these schemas must belong to the role: ${schemas
            .map((name) => `alter table ${quotedName(name)}.… owner to ${role};`)
            .join(' ')}`
  return `the Postgres role "${user}" may not do this (${said}); ${cure}`
}

/** Where in the data it was, as far as Postgres tells: `COPY email_send, line 3, column city`. */
function detailOf(error: unknown): string {
  const where = Reflect.get(error as object, 'where')
  return typeof where === 'string' ? ` (${where.split('\n')[0]?.slice(0, 300)})` : ''
}
