/** `doctor`: what somebody needs to know who is asked for help. Nothing is opened and nobody asked; no secret is told. */
import { stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname } from 'node:path'
import type { Command } from 'commander'
import { channelsOf } from '../config/channels.ts'
import { ConfigError } from '../errors.ts'
import type { Config } from '../index.ts'
import { action, type Context, type Runtime, withExamples } from './command.ts'
import { freeBytes, type Machine, machineOf, withoutHome } from './machine.ts'
import { counted, definitions, size } from './text.ts'
import { type Versions, versions } from './versions.ts'

interface Diagnosis {
  readonly versions: Versions
  readonly machine: Machine
  readonly disks: readonly { readonly for: string; readonly free_bytes: number | null }[]
  readonly configuration: ConfigurationSummary
  /** What is likely to be in the way. */
  readonly findings: readonly string[]
}

interface ConfigurationSummary {
  readonly path: string
  readonly state: 'valid' | 'faulty'
  /** Which of its targets. */
  readonly target: string | null
  /** What is wrong, without the values met. */
  readonly error: string | null
  /** Null where it cannot be read. */
  readonly summary: Readonly<Record<string, unknown>> | null
}

export function doctorCommand(program: Command, runtime: Runtime): void {
  const command = program
    .command('doctor')
    .description('Tell versions, machine, limits and settings, for a report of a fault; no secrets.')
  withExamples(command, 'doctor', 'doctor --json')
  command.action(action(runtime, runDoctor))
}

async function runDoctor(context: Context): Promise<undefined> {
  const diagnosis = await diagnosed(context)
  context.terminal.result(diagnosis, () => sayDiagnosis(context, diagnosis))
}

async function diagnosed({ load, env, configPath }: Context): Promise<Diagnosis> {
  const loaded = await load().then(
    ({ config, target }) => ({ config, target, error: null }),
    (error: unknown) => {
      if (error instanceof ConfigError) return { config: undefined, target: undefined, error: error.message }
      throw error
    },
  )
  const { config, target, error } = loaded
  const machine = machineOf(env)
  const disks = [
    { for: 'downloads', free_bytes: await freeBytes(config?.spool_directory ?? tmpdir()) },
    ...(config && 'path' in config.warehouse
      ? [{ for: 'warehouse', free_bytes: await freeBytes(dirname(config.warehouse.path)) }]
      : []),
  ]
  return {
    versions: await versions(),
    machine,
    disks,
    configuration: {
      path: withoutHome(configPath),
      state: config ? 'valid' : 'faulty',
      target: target ?? null,
      error: error === null ? null : withoutHome(error),
      summary: config ? await summaryOf(config) : null,
    },
    findings: findingsOf({ machine, disks, error }),
  }
}

/** How it is set up, without names of hosts, addresses and keys. */
async function summaryOf(config: Config): Promise<Readonly<Record<string, unknown>>> {
  const { warehouse, connections, sync, notifications, worker, ui } = config
  const file = 'path' in warehouse ? await stat(warehouse.path).catch(() => null) : null
  return {
    warehouse: warehouse.type,
    ...('path' in warehouse && { warehouse_bytes: file?.size ?? null }),
    ...('memory_limit' in warehouse && { memory_limit: warehouse.memory_limit ?? null }),
    ...('threads' in warehouse && { threads: warehouse.threads ?? null }),
    schema: config.schema,
    connections: Object.values(connections).map(({ region, project_type, base_url, rate_limits }) => ({
      region,
      project_type,
      has_base_url: base_url !== null,
      rate_limits: rate_limits === 'off' ? 'off' : Object.keys(rate_limits),
    })),
    streams: sync.streams,
    window_in_days: sync.window_in_days,
    export_route: sync.export_route,
    sync_schedule: sync.schedule?.cron ?? null,
    notifications: channelsOf(notifications),
    concurrency: worker.concurrency,
    ui_sign_in: ui.token !== undefined || Object.keys(ui.users).length > 0,
  }
}

const littleDisk = 1e9
const littleMemory = 400e6
const fewFiles = 256

function findingsOf({
  machine: { limits, memory },
  disks,
  error,
}: Pick<Diagnosis, 'machine' | 'disks'> & { readonly error: string | null }): readonly string[] {
  const most = memory.limit_bytes ?? memory.total_bytes
  return [
    ...(error === null ? [] : ['the configuration cannot be used: see its error']),
    ...(limits.open_files !== null && limits.open_files < fewFiles
      ? [`only ${limits.open_files} files may be open at once: raise it (ulimit -n)`]
      : []),
    ...(limits.file_size_blocks === null ? [] : ['files may not grow beyond a limit (ulimit -f)']),
    ...(most < littleMemory ? [`${size(most)} of memory: loading wide tables takes up to 400 MB`] : []),
    ...disks.flatMap(({ for: what, free_bytes }) =>
      free_bytes !== null && free_bytes < littleDisk
        ? [`only ${size(free_bytes)} are free on the disk for the ${what}`]
        : [],
    ),
  ]
}

function sayDiagnosis({ terminal }: Context, diagnosis: Diagnosis): void {
  const { versions: known, machine, disks, configuration, findings } = diagnosis
  const { platform, processor, memory, limits, environment } = machine
  const say = (entries: readonly (readonly [string, string])[]) =>
    terminal.say(definitions(entries, terminal.width))
  const limit = (value: number | null) => (value === null ? 'unlimited' : String(value))
  say([
    ['iterable-elt', known.iterable_elt],
    ['engine', `DuckDB ${known.duckdb}`],
    ['Node', known.node],
    [
      'platform',
      [
        `${platform.system} ${platform.release} ${platform.architecture}`,
        ...(platform.libc === null ? [] : [platform.libc]),
        ...(platform.is_container ? ['in a container'] : []),
        `${platform.timezone}, ${platform.locale}`,
      ].join(', '),
    ],
    [
      'processor',
      `${processor.usable} of ${counted(processor.cores, 'core')}, ${processor.model ?? 'unknown'}`,
    ],
    [
      'memory',
      `${size(memory.free_bytes)} free of ${size(memory.total_bytes)}${memory.limit_bytes === null ? '' : `, limit ${size(memory.limit_bytes)}`}`,
    ],
    ['open files', limit(limits.open_files)],
    ...disks.map(
      ({ for: what, free_bytes }) =>
        [`disk for ${what}`, free_bytes === null ? 'unknown' : `${size(free_bytes)} free`] as const,
    ),
    ['environment', environment.join(', ') || 'nothing of ours is set'],
    [
      'configuration',
      `${configuration.path} (${[configuration.target ?? [], configuration.state].flat().join(', ')})`,
    ],
    ...Object.entries(configuration.summary ?? {}).map(
      ([name, value]) => [`  ${name}`, typeof value === 'string' ? value : JSON.stringify(value)] as const,
    ),
  ])
  if (configuration.error !== null) terminal.say(`\n${terminal.proposing(configuration.error)}`)
  terminal.say(
    findings.length > 0
      ? '\nWorth a look:'
      : terminal.proposing(
          '\nNothing stands in the way that shows from here; "iterable-elt check" asks Iterable and the warehouse.',
        ),
  )
  for (const finding of findings) terminal.say(`- ${finding}`)
}
