/**
 * From a file (or an object) to a checked `Config`: comments, interpolation, all faults at once, defaults,
 * absolute paths.
 */
import { readFile } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { parseEnv } from 'node:util'
import { ConfigError, messageOf } from '../errors.ts'
import { suggestion } from '../nearest.ts'
import { type CommandAnswers, runCommands } from './commands.ts'
import { faultLines, faultsOf } from './faults.ts'
import { type Environment, interpolate, isPlainObject, type Sources } from './interpolate.ts'
import { knownKeys, schemaMember } from './json-schema.ts'
import { parseJsonc } from './jsonc.ts'
import { type Fault, pathText } from './path.ts'
import {
  type Config,
  type ConfigInput,
  configSchema,
  liveConfigSchema,
  type WarehouseConfig,
} from './schema.ts'
import { type Chosen, chooseTarget, targetKeys } from './targets.ts'

export type LoadedConfig = {
  readonly config: Config
  /** Which of its `targets` was chosen; undefined where it has none. */
  readonly target: string | undefined
  /** Absolute path of the configuration file. */
  readonly path: string
  /** Its folder, against which relative paths were resolved. */
  readonly directory: string
  /** The environment, completed by the `.env` file beside the configuration. */
  readonly env: Environment
}

/**
 * Reads, completes and checks a configuration file. `target` picks one of its targets; without it ITERABLE_ELT_TARGET
 * does, else the configuration itself.
 *
 * @throws ConfigError that lists every fault with its path.
 */
export async function loadConfig(
  path: string,
  { env, target }: { readonly env: Environment; readonly target?: string | undefined },
): Promise<LoadedConfig> {
  const file = resolve(path)
  const directory = dirname(file)
  const { value, faults } = parseJsonc(await readConfig(file), file)
  const completeEnv = { ...(await readDotEnv(join(directory, '.env'))), ...env }
  const from = { baseDirectory: directory, env: completeEnv, origin: basename(file) }
  const chosen = chosenIn(value, target ?? (completeEnv.ITERABLE_ELT_TARGET || undefined), from.origin)
  const commands = await runCommands(chosen.value, from)
  const config = parse(chosen, { ...from, commands, faults })
  return { config, target: chosen.target, path: file, directory, env: completeEnv }
}

interface InCode {
  readonly baseDirectory: string
  readonly env?: Environment
  readonly target?: string | undefined
  /** What the commands in it have printed. */
  readonly commands?: CommandAnswers
}

const inCode = 'the configuration'

/**
 * Checks a configuration made in code, whose warehouse may be a live `pg.Pool` or DuckDB instance; `target` picks one of
 * its targets. References such as `${NAME}` take their values from `env`, which is empty unless given.
 *
 * @throws ConfigError that lists every fault with its path.
 */
export function parseConfig(raw: ConfigInput, { target, ...from }: InCode): Config {
  return parse(chosenIn(raw, target, inCode), { env: {}, origin: inCode, faults: [], ...from })
}

/** The same, when the commands in it have been run. */
export async function openConfig(raw: ConfigInput, given: InCode): Promise<Config> {
  const { value } = chosenIn(raw, given.target, inCode)
  return parseConfig(raw, { ...given, commands: await runCommands(value, { env: {}, ...given }) })
}

/** @throws ConfigError where no target can be chosen: nothing else can be judged then. */
function chosenIn(raw: unknown, asked: string | undefined, origin: string): Chosen {
  const known = () => knownKeys([], raw).filter((key) => !targetKeys.some((one) => one === key))
  const chosen = chooseTarget(raw, { asked, known })
  if ('faults' in chosen) throw faultError(origin, chosen.faults)
  return chosen
}

function faultError(origin: string, faults: readonly Fault[]): ConfigError {
  const count = faults.length === 1 ? 'a fault' : `${faults.length} faults`
  return new ConfigError(`${origin} has ${count}:\n${faultLines(faults)}`)
}

type Source = Sources & { readonly origin: string; readonly faults: readonly Fault[] }

function parse({ value, placeOf }: Chosen, { origin, faults, ...from }: Source): Config {
  const { baseDirectory } = from
  const met = interpolate(value, from)
  const schema = hasLiveWarehouse(met.value) ? liveConfigSchema : configSchema
  const parsed = schema.safeParse(met.value)
  const unresolved = new Set(met.faults.map(({ path }) => pathText(path)))
  const found = [...faultsOf(parsed.error?.issues ?? [], met), ...connectionFaults(met.value, met.sources)]
  const ofValue = [...met.faults, ...found.filter(({ path }) => !unresolved.has(pathText(path)))]
  const all = [...faults, ...ofValue.map((fault) => ({ ...fault, path: placeOf(fault.path) }))]
  if (!parsed.success || all.length > 0) throw faultError(origin, all)
  return complete(parsed.data, baseDirectory)
}

/** What the schema cannot see, since it concerns two sections; read from raw values to be told with the rest. */
function connectionFaults(raw: unknown, sources: ReadonlyMap<string, string>): Fault[] {
  const path = ['sync', 'connection']
  const sync = schemaMember(raw, 'sync')
  const connections = schemaMember(raw, 'connections')
  const names = isPlainObject(connections) ? Object.keys(connections) : []
  const given = schemaMember(sync, 'connection')
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
    ui: { ...config.ui, queries: resolve(base, config.ui.queries) },
    spool_directory: absolute(config.spool_directory, base),
  }
}

function withAbsolutePaths(warehouse: WarehouseConfig, base: string): WarehouseConfig {
  if ('path' in warehouse) {
    return { ...warehouse, path: resolve(base, warehouse.path) }
  }
  if ('data_path' in warehouse) {
    const { data_path, extension_directory } = warehouse
    return {
      ...warehouse,
      // An address of a cloud's storage is absolute.
      data_path: /^[a-z][a-z0-9]*:\/\//i.test(data_path) ? data_path : resolve(base, data_path),
      extension_directory: absolute(extension_directory, base),
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
  const warehouse = schemaMember(raw, 'warehouse')
  return ['pool', 'instance'].some((key) => {
    const value = schemaMember(warehouse, key)
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
    return parseEnv((await readFile(file, 'utf8')).replace(/^\uFEFF/, '')) as Environment
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {}
    throw new ConfigError(`cannot read ${file}: ${messageOf(error)}`, { cause: error })
  }
}
