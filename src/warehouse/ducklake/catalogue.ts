/** How DuckDB reaches the database of the catalogue: through a secret, since what ATTACH is told can be read by queries. */

import type { Environment } from '../../config/interpolate.ts'
import { ConfigError, messageOf } from '../../errors.ts'
import { completedAddress } from '../postgres/address.ts'
import { literal } from '../sql.ts'

/** Statements and words that attach something of the database, without its password in any of them but the secret's. */
export interface CatalogueAccess {
  /** Makes the secret, in memory. */
  readonly secret: string
  /** For `attach 'postgres:…'`: what the secret has no word for. */
  readonly parameters: string
}

export const catalogueSecret = 'catalogue'

/** @throws ConfigError for an address that is none. */
export function catalogueOf(url: string, environment: Environment): CatalogueAccess {
  const address = parsed(url, environment)
  const parameters = address.searchParams
  const from = (name: string, part: string) => decodeURIComponent(part) || parameters.get(name) || undefined
  const parts = {
    host: from('host', address.hostname.replace(/^\[(.*)\]$/, '$1')),
    port: from('port', address.port),
    user: from('user', address.username),
    password: from('password', address.password),
    database: decodeURIComponent(address.pathname.slice(1)) || undefined,
  }
  const given = Object.entries(parts).flatMap(([name, value]) =>
    value === undefined ? [] : [`, ${name} ${literal(value)}`],
  )
  return {
    secret: `create or replace temporary secret ${catalogueSecret} (type postgres${given.join('')})`,
    parameters: [...parameters]
      .filter(([name]) => passedOn.has(name))
      .map(([name, value]) => `${name}='${value.replaceAll(/['\\]/g, '\\$&')}'`)
      .join(' '),
  }
}

/** What libpq knows of the parameters of an address; `pg` has some of its own. */
const passedOn: ReadonlySet<string> = new Set([
  ...['sslmode', 'sslrootcert', 'sslcert', 'sslkey', 'options', 'connect_timeout', 'target_session_attrs'],
  ...['channel_binding', 'keepalives', 'keepalives_idle', 'gssencmode', 'application_name'],
])

function parsed(url: string, environment: Environment): URL {
  try {
    return completedAddress(new URL(url), environment)
  } catch (error) {
    throw new ConfigError(`"warehouse.catalog" is not a Postgres address: ${messageOf(error)}`, {
      cause: error,
    })
  }
}
