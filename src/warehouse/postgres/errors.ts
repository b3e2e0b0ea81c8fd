/** What Postgres and the way to it say, in words that tell the user what to change. */
import { type CodeOf, errorCodes } from '../../error-codes.ts'
import { ConfigError, type ErrorCode, messageOf, UserError } from '../../errors.ts'

/** Whom the messages speak of; the password is not part of it. */
export interface Target {
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
  readonly schema: string
  /** The setting that has the address. */
  readonly setting: string
}

/** What the code of an error leaves open. */
export interface Facts {
  /** Where the role lacks a privilege. */
  readonly lacks?: 'database' | 'schema' | undefined
  /** Somebody has cancelled the statement. */
  readonly isCancelled?: boolean
}

interface Fault {
  readonly code: ErrorCode
  readonly message: string
}

/** True where the connection is gone, or the server is not up: the transaction did not happen, and may be done again. */
export function isConnectionLost(error: unknown): boolean {
  const code = codeOf(error)
  if (/^08/.test(code) || lostCodes.has(code)) return true
  return /Connection terminated|Client has encountered a connection error|Client was closed|socket hang up/i.test(
    messageOf(error),
  )
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
export const isStartingUp = (error: unknown): boolean => codeOf(error) === '57P03'

/**
 * True for a value that the engine takes and Postgres does not: data exceptions (class 22), JSON that is too deep, a row
 * that does not fit a page, a key that does not fit an index page.
 */
export const isRefusedValue = (error: unknown): boolean => /^(22...|54000|54001|54023)$/.test(codeOf(error))

/** True where a lock was not to be had in time. */
export const isLockTimeout = (error: unknown): boolean => codeOf(error) === '55P03'

/** True where the role lacks a privilege. */
export const isForbidden = (error: unknown): boolean => codeOf(error) === '42501'

/** True where something else (a view, a function) cannot do without what was to be dropped. */
export const isNeededByOthers = (error: unknown): boolean => codeOf(error) === '2BP01'

/** The error for the user, or the error itself where there is nothing to add. Never holds a secret. */
export function explained(error: unknown, target: Target, facts: Facts = {}): unknown {
  if (error instanceof UserError) return error
  const fault = connectionFault(error, target) ?? serverFault(error, target, facts)
  return fault ? errorOf(fault, error) : error
}

function errorOf({ code, message }: Fault, cause: unknown): UserError {
  return errorCodes[code].kind === 'config'
    ? new ConfigError(message, { code: code as CodeOf<'config'>, cause })
    : new UserError(code, message, { cause })
}

/** Reaching the server, TLS and login. */
function connectionFault(error: unknown, target: Target): Fault | undefined {
  const { host, port, database, user, setting } = target
  const place = `${host}:${port}`
  const said = messageOf(error)
  const fault = (code: ErrorCode, message: string): Fault => ({ code, message })
  switch (codeOf(error)) {
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return fault(
        'warehouse_unreachable',
        `the Postgres host "${host}" is not known to this machine's name service; check the host in "${setting}" (or PGHOST)`,
      )
    case 'ECONNREFUSED':
      return fault(
        'warehouse_unreachable',
        `nothing answers at ${place}; check host and port in "${setting}" (or PGHOST, PGPORT), and that Postgres is running and listens there`,
      )
    case 'ENOENT':
      if (Reflect.get(error as object, 'syscall') === 'open') {
        return fault('config', `a certificate file that "${setting}" names cannot be read (${said})`)
      }
      if (Reflect.get(error as object, 'syscall') !== 'connect') return undefined
      return fault(
        'warehouse_unreachable',
        `there is no Postgres socket at ${place} (${said}); check the host in "${setting}" (or PGHOST)`,
      )
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'ETIMEDOUT':
      return fault(
        'warehouse_unreachable',
        `${place} cannot be reached from here (${said}); check the address, the network and its firewalls`,
      )
    case '28P01':
      return fault(
        'warehouse_login',
        `Postgres at ${place} refuses the password of "${user}"; check it in "${setting}" (characters such as @ / : # % must be written as %40 …), PGPASSWORD or .pgpass`,
      )
    case '28000':
      return /no pg_hba.conf entry/.test(said)
        ? fault(
            'warehouse_login',
            `Postgres at ${place} takes no such connection (${said})${
              /no encryption/.test(said)
                ? `; set "warehouse": {"ssl": true}, or add ?sslmode=require to "${setting}"`
                : '; its administrator must allow this machine in pg_hba.conf'
            }`,
          )
        : fault(
            'warehouse_login',
            `Postgres at ${place} does not let "${user}" in (${said}); check the user in "${setting}" (or PGUSER)`,
          )
    case '3D000':
      return fault(
        'warehouse_database_missing',
        `Postgres at ${place} has no database "${database}"; create it (create database ${quotedName(database)}), or correct the name in "${setting}" (or PGDATABASE)`,
      )
    case '53300':
      return fault(
        'warehouse_full',
        `Postgres at ${place} has no free connection (${said}); close some, or raise max_connections`,
      )
    case '57P03':
      return fault(
        'warehouse_unreachable',
        `Postgres at ${place} is not ready (${said}); try again in a moment`,
      )
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return fault(
        'warehouse_tls',
        `the certificate of ${place} is for another name (${said}); use the host that it names, or set "warehouse": {"ssl": {"reject_unauthorized": false}}`,
      )
    case 'CERT_HAS_EXPIRED':
      return fault(
        'warehouse_tls',
        `the certificate of ${place} has expired; its administrator must renew it`,
      )
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
      return fault(
        'warehouse_tls',
        `the certificate of ${place} is signed by nobody whom this machine trusts (${said}); give the authority's certificate in "warehouse": {"ssl": {"ca": "ca.pem"}}, or, to encrypt without checking, {"ssl": {"reject_unauthorized": false}}`,
      )
  }
  if (/server does not support SSL/.test(said)) {
    return fault(
      'warehouse_tls',
      `Postgres at ${place} speaks no TLS; set "warehouse": {"ssl": false} (and take sslmode out of "${setting}"), or turn ssl on there`,
    )
  }
  if (/password must be a string|no password|SASL/.test(said)) {
    return fault(
      'warehouse_login',
      `Postgres at ${place} asks for a password of "${user}" and there is none; put it into "${setting}", PGPASSWORD or .pgpass`,
    )
  }
  if (/timeout expired|timeout exceeded when trying to connect/.test(said)) {
    return fault(
      'warehouse_unreachable',
      `Postgres at ${place} did not answer in time; check the address, the network and its firewalls`,
    )
  }
  return undefined
}

/** What the server says to a statement. */
function serverFault(
  error: unknown,
  { host, port, database, user, schema, setting }: Target,
  { lacks, isCancelled }: Facts,
): Fault | undefined {
  const said = messageOf(error)
  const place = `${host}:${port}`
  switch (codeOf(error)) {
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

/** The SQLSTATE, or the code of the system. */
export const codeOf = (error: unknown): string => {
  if (typeof error !== 'object' || error === null) return ''
  const code = Reflect.get(error, 'code')
  if (typeof code === 'string') return code
  // Several addresses of one name were tried: the first failure speaks for all.
  return error instanceof AggregateError ? codeOf(error.errors[0]) : ''
}

/** Where in the data it was, as far as Postgres tells: `COPY email_send, line 3, column city`. */
function detailOf(error: unknown): string {
  const where = Reflect.get(error as object, 'where')
  return typeof where === 'string' ? ` (${where.split('\n')[0]?.slice(0, 300)})` : ''
}

const quotedName = (name: string): string => (/^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name}"`)
