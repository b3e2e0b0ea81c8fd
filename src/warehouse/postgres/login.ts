/** Reaching a Postgres server, TLS and login: what may go wrong there, in words that tell the user what to change. */
import { type ErrorCode, messageOf, systemCodeOf } from '../../errors.ts'
import { isRefusedByRules } from './codes.ts'
import { isLate, isStrange, lacksPassword, speaksNoTls } from './driver.ts'

/** Whom the messages speak of; the password is not part of it. */
export interface Target {
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
  readonly schema: string
  /** The setting that has the address. */
  readonly setting: string
  /** Connections are encrypted, or do not come about. */
  readonly isEncrypted: boolean
}

export interface PostgresFault {
  readonly code: ErrorCode
  readonly message: string
}

/** What keeps a connection from being made; undefined for what is said to statements. */
export const connectionFault = (error: unknown, target: Target): PostgresFault | undefined =>
  networkFault(error, target) ?? tlsFault(error, target) ?? loginFault(error, target)

function networkFault(error: unknown, { host, port, setting }: Target): PostgresFault | undefined {
  const place = `${host}:${port}`
  const said = messageOf(error)
  const unreachable = (message: string): PostgresFault => ({ code: 'warehouse_unreachable', message })
  switch (systemCodeOf(error)) {
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return unreachable(
        `the Postgres host "${host}" is not known to this machine's name service; check the host in "${setting}" (or PGHOST)`,
      )
    case 'ECONNREFUSED':
      return unreachable(
        `nothing answers at ${place}; check host and port in "${setting}" (or PGHOST, PGPORT), and that Postgres is running and listens there`,
      )
    case 'ENOENT':
      if (Reflect.get(error as object, 'syscall') !== 'connect') return undefined
      return unreachable(
        `there is no Postgres socket at ${place} (${said}); check the host in "${setting}" (or PGHOST)`,
      )
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'ETIMEDOUT':
      return unreachable(
        `${place} cannot be reached from here (${said}); check the address, the network and its firewalls`,
      )
    case '57P03':
      return unreachable(`Postgres at ${place} is not ready (${said}); try again in a moment`)
  }
  return isLate(error)
    ? unreachable(
        `Postgres at ${place} did not answer in time; check the address, the network and its firewalls`,
      )
    : undefined
}

function tlsFault(error: unknown, { host, port, setting }: Target): PostgresFault | undefined {
  const place = `${host}:${port}`
  const said = messageOf(error)
  const code = systemCodeOf(error)
  const tls = (message: string): PostgresFault => ({ code: 'warehouse_tls', message })
  switch (code) {
    case 'ENOENT':
      if (Reflect.get(error as object, 'syscall') !== 'open') return undefined
      return {
        code: 'config',
        message: `a certificate file that "${setting}" names cannot be read (${said})`,
      }
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return tls(
        `the certificate of ${place} is for another name (${said}); use the host that it names, or set "warehouse": {"ssl": {"reject_unauthorized": false}}`,
      )
    case 'CERT_HAS_EXPIRED':
      return tls(`the certificate of ${place} has expired; its administrator must renew it`)
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
      return tls(
        `the certificate of ${place} is signed by nobody whom this machine trusts (${said}); give the authority's certificate in "warehouse": {"ssl": {"ca": "ca.pem"}}, or, to encrypt without checking, {"ssl": {"reject_unauthorized": false}}`,
      )
  }
  if (speaksNoTls(error)) {
    return tls(
      `Postgres at ${place} speaks no TLS; set "warehouse": {"ssl": false} (and take sslmode out of "${setting}"), or turn ssl on there`,
    )
  }
  if (isStrange(error)) {
    return tls(
      `what answers at ${place} does not speak as a Postgres server does; check host and port in "${setting}" (or PGHOST, PGPORT)`,
    )
  }
  return /^(EPROTO|CERT_|ERR_SSL_|ERR_TLS_|ERR_OSSL_)/.test(code)
    ? tls(`TLS with Postgres at ${place} failed (${said}); check "warehouse.ssl", and ssl of the server`)
    : undefined
}

function loginFault(error: unknown, target: Target): PostgresFault | undefined {
  const { host, port, database, user, setting, isEncrypted } = target
  const place = `${host}:${port}`
  const said = messageOf(error)
  const login = (message: string): PostgresFault => ({ code: 'warehouse_login', message })
  if (isRefusedByRules(error)) {
    const cure = isEncrypted
      ? 'its administrator must allow this machine in pg_hba.conf'
      : `set "warehouse": {"ssl": true}, or add ?sslmode=require to "${setting}"; where that does not help, its administrator must allow this machine in pg_hba.conf`
    return login(`Postgres at ${place} takes no such connection (${said}); ${cure}`)
  }
  switch (systemCodeOf(error)) {
    case '28P01':
      return login(
        `Postgres at ${place} refuses the password of "${user}"; check it in "${setting}" (characters such as @ / : # % must be written as %40 …), PGPASSWORD or .pgpass`,
      )
    case '28000':
      return login(
        `Postgres at ${place} does not let "${user}" in (${said}); check the user in "${setting}" (or PGUSER)`,
      )
    case '3D000':
      return {
        code: 'warehouse_database_missing',
        message: `Postgres at ${place} has no database "${database}"; create it (create database ${quotedName(database)}), or correct the name in "${setting}" (or PGDATABASE)`,
      }
    case '53300':
      return {
        code: 'warehouse_full',
        message: `Postgres at ${place} has no free connection (${said}); close some, or raise max_connections`,
      }
  }
  return lacksPassword(error)
    ? login(
        `Postgres at ${place} asks for a password of "${user}" and there is none; put it into "${setting}", PGPASSWORD or .pgpass`,
      )
    : undefined
}

/** What keeps a connection from being made, known by a code that means something else to a statement. */
export function refusalAtLogin(error: unknown, target: Target): PostgresFault | undefined {
  const { host, port, database, user, setting } = target
  const said = messageOf(error)
  switch (systemCodeOf(error)) {
    case '42501':
      return {
        code: 'warehouse_permission',
        message: `the Postgres role "${user}" may not connect to the database "${database}" (${said}); an administrator can allow it: grant connect on database ${quotedName(database)} to ${quotedName(user)}`,
      }
    // All that PgBouncer says itself: whom it does not know, and what it cannot reach.
    case '08P01':
      return {
        code: 'warehouse_unreachable',
        message: `the pooler at ${host}:${port} does not let us through to the database "${database}" as "${user}" (${said}); check both in "${setting}" and in the pooler's own configuration, and that the server behind it is up`,
      }
  }
  return undefined
}

export const quotedName = (name: string): string => (/^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name}"`)
