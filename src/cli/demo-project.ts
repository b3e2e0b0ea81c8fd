/** What the demo works with: a sandbox, a clock that can be moved on, and a folder with a configuration. */
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import { sql } from 'kysely'
import { loadConfig } from '../config/load.ts'
import { ConfigError } from '../errors.ts'
import { makeFolder, writingTo } from '../folders.ts'
import type { Elt } from '../index.ts'
import { type Clock, systemClock } from '../iterable/clock.ts'
import { type Sandbox, startSandbox } from '../sandbox/index.ts'
import { schemaNames } from '../warehouse/schema-names.ts'
import { quoted } from '../warehouse/sql.ts'
import type { Context } from './command.ts'
import type { Terminal } from './terminal.ts'

export interface Demo extends AsyncDisposable {
  readonly sandbox: Sandbox
  readonly elt: Elt
  readonly terminal: Terminal
  /** What calls this program on a command line. */
  readonly invocation: string
  /** The sandbox stays when the last step is done. */
  readonly isKept: boolean
  readonly signal: AbortSignal
  /** As the user would write it. */
  readonly directory: string
  /** For `--config`. */
  readonly configPath: string
  /** Schema of the stream tables. */
  readonly schema: string
  /** Lets so much time pass, for the sandbox and for us. */
  advance(milliseconds: number): void
}

export interface DemoPlace {
  readonly warehouse: 'duckdb' | 'postgres'
  readonly url: string | undefined
  readonly directory: string
  readonly keep?: boolean
}

const days = 60
const dayMs = 86_400_000
/** The first words of a configuration made here: only such a folder is replaced. */
const mark = '// Made by "iterable-elt demo", and replaced by the next one.'

/** Starts the sandbox and an empty warehouse in the folder of the demo. */
export async function openDemo(context: Context, place: DemoPlace): Promise<Demo> {
  const directory = resolve(place.directory)
  const shown = relative('.', directory) || '.'
  await writingTo(`--directory: cannot write to ${shown}`, () => clearFolder(directory, shown))
  const clock = movableClock()
  const until = clock.now()
  const sandbox = await startSandbox({
    seed: 7,
    users: 1500,
    lists: 6,
    eventsPerDay: 1200,
    days,
    rateLimits: false,
    now: () => clock.now(),
    until,
  })
  try {
    const startDate = new Date(until.getTime() - days * dayMs)
    const configPath = join(directory, 'config.json')
    await writeFile(configPath, configText(place, sandbox, startDate))
    const loaded = await loadConfig(configPath, {
      // A target is one of the person's own configuration.
      env: {
        ...context.env,
        ITERABLE_ELT_TARGET: undefined,
        ...(place.url && { DATABASE_URL: place.url }),
      },
    })
    const elt = await context.open(loaded, { clock })
    if (place.warehouse === 'postgres') await dropSchemas(elt)
    return {
      sandbox,
      elt,
      terminal: context.terminal,
      signal: context.signal,
      directory: shown,
      invocation: context.invocation,
      isKept: place.keep === true,
      configPath: relative('.', configPath),
      schema: elt.config.schema,
      advance(milliseconds) {
        clock.advance(milliseconds)
        sandbox.advance(milliseconds)
      },
      async [Symbol.asyncDispose]() {
        await elt[Symbol.asyncDispose]()
        await sandbox.close()
      },
    }
  } catch (error) {
    await sandbox.close()
    throw error
  }
}

/** Yesterday's clock: the day by which the demo moves it on ends now, so that ages tell the truth afterwards. */
function movableClock(): Clock & { advance(milliseconds: number): void } {
  let offsetMs = -dayMs
  return {
    now: () => new Date(Date.now() + offsetMs),
    sleep: systemClock.sleep,
    advance(milliseconds) {
      offsetMs += milliseconds
    },
  }
}

/** Empties the folder of an earlier demo. @throws ConfigError where somebody else's files are. */
async function clearFolder(directory: string, shown: string): Promise<void> {
  const known = ['config.json', 'warehouse.duckdb']
  const texts = await Promise.all(known.map((name) => readFile(join(directory, name)).catch(() => undefined)))
  const [config, database] = texts
  if ((config || database) && !config?.toString().startsWith(mark)) {
    throw new ConfigError(
      `${shown} has files that were not made by a demo; name another folder with --directory`,
    )
  }
  const others = ['warehouse.duckdb.wal', 'warehouse.duckdb.work', 'sql']
  for (const name of [...known, ...others]) {
    await rm(join(directory, name), { recursive: true, force: true })
  }
  await makeFolder(directory)
}

function configText({ warehouse }: DemoPlace, { url, keys }: Sandbox, startDate: Date): string {
  const config = {
    warehouse:
      warehouse === 'duckdb'
        ? { type: 'duckdb', path: 'warehouse.duckdb' }
        : // biome-ignore lint/suspicious/noTemplateCurlyInString: a reference of the configuration.
          { type: 'postgres', url: '${DATABASE_URL}' },
    schema: warehouse === 'duckdb' ? 'iterable' : 'iterable_demo',
    connections: { iterable: { api_key: keys.server, base_url: url, rate_limits: 'off' } },
    sync: {
      start_date: startDate.toISOString().slice(0, 10),
      complete_dimensions: true,
      streams: ['core', 'push', 'purchase', 'custom_event'],
    },
  }
  return `${mark}\n${JSON.stringify(config, null, 2)}\n`
}

/** A fresh start in Postgres: the schemas are the demo's own. */
async function dropSchemas({ warehouse, config }: Elt): Promise<void> {
  await warehouse.use(
    async ({ db }) => {
      for (const name of Object.values(schemaNames(config.schema)).reverse()) {
        await sql.raw(`drop schema if exists ${quoted(name)} cascade`).execute(db)
      }
    },
    { isAsFound: true },
  )
}
