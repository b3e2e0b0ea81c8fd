/**
 * From a file (or an object) to a checked `Config`: comments, interpolation, all faults at once, defaults,
 * absolute paths.
 */
import { readFile } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { parseEnv } from 'node:util'
import { ConfigError, messageOf } from '../errors.ts'
import { suggestion } from '../nearest.ts'
import { type Fault, faultLines, faultsOf, pathText } from './faults.ts'
import { type Environment, interpolate, isPlainObject } from './interpolate.ts'
import { memberOf } from './json-schema.ts'
import { parseJsonc } from './jsonc.ts'
import {
  type Config,
  type ConfigInput,
  configSchema,
  liveConfigSchema,
  type WarehouseConfig,
} from './schema.ts'

export type LoadedConfig = {
  readonly config: Config
  /** Absolute path of the configuration file. */
  readonly path: string
  /** Its folder, against which relative paths were resolved. */
  readonly directory: string
  /** The environment, completed by the `.env` file beside the configuration. */
  readonly env: Environment
}

/**
 * Reads, completes and checks a configuration file.
 *
 * @throws ConfigError that lists every fault with its path.
 */
export async function loadConfig(path: string, { env }: { env: Environment }): Promise<LoadedConfig> {
  const file = resolve(path)
  const directory = dirname(file)
  const { value, faults } = parseJsonc(await readConfig(file), file)
  const completeEnv = { ...(await readDotEnv(join(directory, '.env'))), ...env }
  const config = parse(value, { baseDirectory: directory, env: completeEnv, origin: basename(file), faults })
  return { config, path: file, directory, env: completeEnv }
}

/**
 * Checks a configuration made in code, whose warehouse may be a live `pg.Pool` or DuckDB instance.
 * References such as `${NAME}` take their values from `env`, which is empty unless given.
 *
 * @throws ConfigError that lists every fault with its path.
 */
export function parseConfig(
  raw: ConfigInput,
  { baseDirectory, env = {} }: { baseDirectory: string; env?: Environment },
): Config {
  return parse(raw, { baseDirectory, env, origin: 'the configuration', faults: [] })
}

type Source = { baseDirectory: string; env: Environment; origin: string; faults: readonly Fault[] }

function parse(raw: unknown, { baseDirectory, env, origin, faults }: Source): Config {
  const met = interpolate(raw, env, baseDirectory)
  const schema = hasLiveWarehouse(met.value) ? liveConfigSchema : configSchema
  const parsed = schema.safeParse(met.value)
  const unresolved = new Set(met.faults.map(({ path }) => pathText(path)))
  const found = [...faultsOf(parsed.error?.issues ?? [], met), ...connectionFaults(met.value, met.sources)]
  const all = [...faults, ...met.faults, ...found.filter(({ path }) => !unresolved.has(pathText(path)))]
  if (!parsed.success || all.length > 0) {
    const count = all.length === 1 ? 'a fault' : `${all.length} faults`
    throw new ConfigError(`${origin} has ${count}:\n${faultLines(all)}`)
  }
  return complete(parsed.data, baseDirectory)
}

/** What the schema cannot see, since it concerns two sections; read from raw values to be told with the rest. */
function connectionFaults(raw: unknown, sources: ReadonlyMap<string, string>): Fault[] {
  const path = ['sync', 'connection']
  const sync = memberOf(raw, 'sync')
  const connections = memberOf(raw, 'connections')
  const names = isPlainObject(connections) ? Object.keys(connections) : []
  const given = memberOf(sync, 'connection')
  if (given === undefined && isPlainObject(sync) && names.length > 1) {
    return [{ path, message: `expected one of the connections ${names.join(', ')}, but it is missing` }]
  }
  if (typeof given !== 'string' || given === '' || names.includes(given)) return []
  const shown = sources.get(pathText(path)) ?? JSON.stringify(given)
  const cure = names.length > 0 ? suggestion(given, names) : '; there are no connections'
  return [{ path, message: `there is no connection ${shown}${cure}` }]
}

function complete(
  parsed: Omit<Config, 'warehouse'> & { warehouse: WarehouseConfig; $schema?: string | undefined },
  base: string,
): Config {
  const { $schema: _, ...config } = parsed
  const names = Object.keys(config.connections)
  return {
    ...config,
    warehouse: withAbsolutePaths(config.warehouse, base),
    sync: {
      ...config.sync,
      connection: config.sync.connection ?? (names.length === 1 ? names[0] : undefined),
    },
    exports: { ...config.exports, directory: resolve(base, config.exports.directory) },
    spool_directory: absolute(config.spool_directory, base),
  }
}

function withAbsolutePaths(warehouse: WarehouseConfig, base: string): WarehouseConfig {
  if ('path' in warehouse) {
    return {
      ...warehouse,
      path: warehouse.path === ':memory:' ? warehouse.path : resolve(base, warehouse.path),
    }
  }
  if (!('ssl' in warehouse) || typeof warehouse.ssl !== 'object') return warehouse
  const { ca, cert, key } = warehouse.ssl
  const files = { ca: absolute(ca, base), cert: absolute(cert, base), key: absolute(key, base) }
  return { ...warehouse, ssl: { ...warehouse.ssl, ...files } }
}

function absolute(path: string | undefined, base: string): string | undefined {
  return path === undefined ? undefined : resolve(base, path)
}

function hasLiveWarehouse(raw: unknown): boolean {
  const warehouse = memberOf(raw, 'warehouse')
  return ['pool', 'instance'].some((key) => {
    const value = memberOf(warehouse, key)
    return typeof value === 'object' && value !== null && !isPlainObject(value)
  })
}

async function readConfig(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    const cure = missing
      ? `there is no configuration at ${file}; run "iterable-elt init" to write one, or name another with --config`
      : `cannot read the configuration ${file}: ${messageOf(error)}`
    throw new ConfigError(cure, { cause: error })
  }
}

async function readDotEnv(file: string): Promise<Environment> {
  try {
    return parseEnv(await readFile(file, 'utf8')) as Environment
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {}
    throw new ConfigError(`cannot read ${file}: ${messageOf(error)}`, { cause: error })
  }
}
