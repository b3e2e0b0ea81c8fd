/** `sandbox`: a fake Iterable that runs until Ctrl-C. */
import { once } from 'node:events'
import { type Command, Option } from 'commander'
import { ConfigError, exitCodes } from '../errors.ts'
import type { FaultProfile, Sandbox, SandboxOptions } from '../sandbox/index.ts'
import { action, type Context, type Runtime, withExamples } from './command.ts'
import { table } from './text.ts'
import { oneOf, portNumber, positiveNumber, wholeNumber } from './values.ts'

interface Options {
  readonly port?: number
  readonly seed?: number
  readonly users?: number
  readonly lists?: number
  readonly eventsPerDay?: number
  readonly days?: number
  readonly region?: 'us' | 'eu'
  readonly projectType?: 'email' | 'userId' | 'hybrid'
  readonly faults?: string
  readonly timeScale?: number
  readonly rateLimits: 'on' | 'off'
}

export function sandboxCommand(program: Command, runtime: Runtime): void {
  const command = program
    .command('sandbox')
    .description('Start a fake Iterable with repeatable data; it runs until Ctrl-C.')
    .option('--port <number>', 'port on 127.0.0.1 (default: a free one)', portNumber)
    .option('--seed <number>', 'same seed and sizes, same keys and rows (default: 1)', wholeNumber())
    .option('--users <number>', 'people in the project (default: 200)', wholeNumber())
    .option('--lists <number>', 'lists (default: 6)', wholeNumber())
    .option('--events-per-day <number>', 'events of all types together (default: 200)', wholeNumber())
    .option('--days <number>', 'days of events before now (default: 30)', wholeNumber(1, 36_500))
    .addOption(oneOf('--region <region>', 'data centre (default: us)', ['us', 'eu']))
    .addOption(
      oneOf('--project-type <type>', 'what identifies people (default: email, hybrid in the eu)', [
        'email',
        'userId',
        'hybrid',
      ]),
    )
    .option('--faults <profiles>', 'what goes wrong, separated by commas (429, 5xx, cut, stall, bad-lines …)')
    .option('--time-scale <number>', 'divides every wait: 60 makes 4/min into 4/s', positiveNumber)
    .addOption(
      new Option('--rate-limits <on|off>', "Iterable's documented limits")
        .choices(['on', 'off'])
        .default('on'),
    )
  withExamples(command, 'sandbox --port 8080 --users 5000 --events-per-day 2000')
  command.action(action<Options>(runtime, runSandbox))
}

async function runSandbox({ terminal, signal }: Context, options: Options): Promise<number> {
  const sandbox = await start(options)
  terminal.result(describe(sandbox), () => {
    terminal.say(`A fake Iterable at ${sandbox.url} (${sandbox.projectType}-based project). Its keys:\n`)
    terminal.say(table(['key', 'value'], Object.entries(sandbox.keys)))
    terminal.say(`\nIn config.json: "api_key": "${sandbox.keys.server}", "base_url": "${sandbox.url}"`)
    terminal.say(`${sandbox.url}/ lists what it holds. Ctrl-C ends it.`)
  })
  if (!signal.aborted) await once(signal, 'abort')
  await sandbox.close()
  return exitCodes.success
}

const describe = ({ url, port, keys, projectType }: Sandbox) => ({
  url,
  port,
  keys,
  project_type: projectType,
})

async function start(options: Options): Promise<Sandbox> {
  const { port, seed, users, lists, eventsPerDay, days, region, projectType, faults, timeScale } = options
  const { startSandbox, faultProfiles } = await import('../sandbox/index.ts')
  const given = {
    port,
    seed,
    users,
    lists,
    eventsPerDay,
    days,
    region,
    projectType,
    timeScale,
    faults: faults === undefined ? undefined : profilesOf(faults, faultProfiles),
  }
  try {
    return await startSandbox({
      ...withoutUndefined(given),
      rateLimits: options.rateLimits === 'on',
      now: () => new Date(),
      // Data that ends where it began to run, so that every question gets the same answer.
      until: new Date(),
    })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    throw new ConfigError(`port ${port} is taken; name another with --port`, { code: 'port', cause: error })
  }
}

function profilesOf(text: string, known: readonly string[]): FaultProfile[] {
  const names = text.split(',').map((name) => name.trim())
  const unknown = names.filter((name) => !known.includes(name))
  if (unknown.length === 0) return names as FaultProfile[]
  throw new ConfigError(`unknown fault profile ${unknown.join(', ')}; known are ${known.join(', ')}`, {
    code: 'usage',
  })
}

/** The sandbox has its own defaults for what is not given. */
function withoutUndefined<Given extends object>(given: Given): SandboxOptions {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
}
