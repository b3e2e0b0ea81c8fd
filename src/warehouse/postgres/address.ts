/** Where a Postgres server is, and how it is spoken to: from the configuration and the environment, as psql does it. */
import { readFileSync } from 'node:fs'
import type pg from 'pg'
import type { Environment } from '../../config/interpolate.ts'
import { ConfigError, messageOf } from '../../errors.ts'

/** The `warehouse` part of a configuration; times in milliseconds, files by their absolute paths. */
export interface PostgresConfig {
  readonly url?: string | undefined
  readonly ssl?:
    | boolean
    | {
        readonly ca?: string | undefined
        readonly cert?: string | undefined
        readonly key?: string | undefined
        readonly reject_unauthorized?: boolean | undefined
      }
    | undefined
  readonly statement_timeout?: number | undefined
  readonly lock_timeout?: number | undefined
}

/** What a pool is made of, apart from what all pools have. */
export type Way = Pick<pg.PoolConfig, 'connectionString' | 'ssl'>

/** One way to connect, or two where `sslmode` leaves it open whether to encrypt. */
export function waysToConnect(config: PostgresConfig, environment: Environment): readonly Way[] {
  const url = completedAddress(new URL(config.url ?? 'postgres:///'), environment)
  const way = (mode: string | null, ssl?: pg.PoolConfig['ssl']): Way => {
    const address = new URL(url)
    if (mode === null) for (const name of tlsParameters) address.searchParams.delete(name)
    else address.searchParams.set('sslmode', mode)
    return { connectionString: address.href, ...(ssl !== undefined && { ssl }) }
  }
  if (config.ssl !== undefined) return [way(null, tlsOf(config.ssl))]
  // psql's meaning of the modes: `require` encrypts without asking who it is, unless an authority is given.
  switch (url.searchParams.get('sslmode')) {
    case null:
      return [{ connectionString: url.href }]
    case 'prefer':
      return [way('prefer'), way(null, false)]
    case 'allow':
      return [way(null, false), way('prefer')]
    default:
      return [way(url.searchParams.get('sslmode'))]
  }
}

const tlsParameters = ['sslmode', 'ssl', 'sslrootcert', 'sslcert', 'sslkey', 'uselibpqcompat']

/** The address with what it leaves open from the environment, as psql does it. */
export function completedAddress(url: URL, environment: Environment): URL {
  const parameters = url.searchParams
  const complete = (name: string, variable: string, isGiven: boolean) => {
    const value = environment[variable]
    if (value && !isGiven && !parameters.has(name)) parameters.set(name, value)
  }
  complete('host', 'PGHOST', url.hostname !== '')
  complete('port', 'PGPORT', url.port !== '')
  complete('user', 'PGUSER', url.username !== '')
  complete('password', 'PGPASSWORD', url.password !== '')
  if (url.pathname.length <= 1 && environment.PGDATABASE) url.pathname = `/${environment.PGDATABASE}`
  if (!parameters.has('ssl')) {
    complete('sslmode', 'PGSSLMODE', false)
    complete('sslrootcert', 'PGSSLROOTCERT', false)
    complete('sslcert', 'PGSSLCERT', false)
    complete('sslkey', 'PGSSLKEY', false)
  }
  // "system" means the authorities that the machine trusts: Node's own list, which it takes when none is named.
  if (parameters.get('sslrootcert') === 'system') {
    parameters.delete('sslrootcert')
    parameters.set('sslmode', 'verify-full')
  }
  if (parameters.has('sslmode') && parameters.get('sslmode') !== 'no-verify') {
    parameters.set('uselibpqcompat', 'true')
  }
  return url
}

function tlsOf(ssl: Exclude<PostgresConfig['ssl'], undefined>): pg.PoolConfig['ssl'] {
  if (typeof ssl === 'boolean') return ssl
  const { ca, cert, key, reject_unauthorized } = ssl
  return {
    ...(ca !== undefined && { ca: readPem('ca', ca) }),
    ...(cert !== undefined && { cert: readPem('cert', cert) }),
    ...(key !== undefined && { key: readPem('key', key) }),
    rejectUnauthorized: reject_unauthorized ?? true,
  }
}

function readPem(name: string, path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new ConfigError(`"warehouse.ssl.${name}": cannot read ${path} (${messageOf(error)})`, {
      cause: error,
    })
  }
}
