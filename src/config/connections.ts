import { ConfigError } from '../errors.ts'
import { suggestion } from '../nearest.ts'
import type { Config, ConnectionConfig } from './schema.ts'

/**
 * The connection called `name`; without a name the only one there is. `who` asks, for the message:
 * `sync`, `export "vip"`.
 *
 * @throws ConfigError when there is none of this name, or none or several to choose from.
 */
export function connectionOf(
  config: Pick<Config, 'connections'>,
  name: string | undefined,
  who: string,
): ConnectionConfig & { readonly name: string } {
  const names = Object.keys(config.connections)
  const chosen = name ?? (names.length === 1 ? names[0] : undefined)
  if (chosen === undefined) {
    const cure = names.length === 0 ? 'add one under "connections"' : `name one of: ${names.join(', ')}`
    throw new ConfigError(`${who} needs a connection, and the configuration has ${names.length}; ${cure}`, {
      about: who,
    })
  }
  const connection = Object.hasOwn(config.connections, chosen) ? config.connections[chosen] : undefined
  if (connection) return { ...connection, name: chosen }
  throw new ConfigError(
    `${who}: there is no connection ${JSON.stringify(chosen)}${suggestion(chosen, names)}`,
    { about: who },
  )
}
