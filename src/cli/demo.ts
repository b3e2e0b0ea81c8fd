/** `demo`: the whole product on a sandbox, step by step. */
import { once } from 'node:events'
import { type Command, Option } from 'commander'
import { ConfigError } from '../errors.ts'
import type { UiServer } from '../ui/server.ts'
import { action, type Context, type Runtime, withExamples } from './command.ts'
import type { Demo } from './demo-project.ts'
import { seconds } from './text.ts'
import { openUi, usualUiPort } from './ui.ts'

interface DemoOptions {
  readonly warehouse: 'duckdb' | 'postgres'
  readonly url?: string
  readonly directory: string
  readonly keep?: boolean
  readonly ui?: boolean
}

export function demoCommand(program: Command, runtime: Runtime): void {
  const command = program
    .command('demo')
    .description('Show the whole product on a sandbox, in under a minute.')
    .addOption(
      new Option('--warehouse <type>', 'where the tables go')
        .choices(['duckdb', 'postgres'])
        .default('duckdb'),
    )
    .option(
      '--url <address>',
      'Postgres database; its schema iterable_demo is made anew (default: $DATABASE_URL)',
    )
    .option('--directory <folder>', 'the only folder that is written', './demo')
    .option('--keep', 'leave the sandbox running until Ctrl-C, to try further commands on')
    .option('--ui', 'the same, with the operations page, on which a plan waits for approval')
  withExamples(
    command,
    'demo',
    'demo --keep',
    'demo --ui',
    'demo --warehouse postgres --url postgres://localhost/scratch',
  )
  command.action(action<DemoOptions>(runtime, runDemo))
}

async function runDemo(context: Context, options: DemoOptions): Promise<undefined> {
  const { terminal } = context
  const { openDemo } = await import('./demo-project.ts')
  const { demoSteps, holdStep } = await import('./demo-steps.ts')
  const startedMs = performance.now()
  const isKept = options.keep === true || options.ui === true
  await using demo = await openDemo(context, { ...options, keep: isKept, url: urlOf(context, options) })
  const results = new Map<string, unknown>()
  const steps = options.ui ? [...demoSteps, holdStep] : demoSteps
  for (const [index, { name, title, run }] of steps.entries()) {
    terminal.say(`\n${terminal.colors.bold(`${index + 1}. ${title}`)}\n`)
    results.set(name, await run(demo))
  }
  const elapsed = (performance.now() - startedMs) / 1000
  if (terminal.isJson)
    terminal.document({ directory: demo.directory, seconds: elapsed, steps: Object.fromEntries(results) })
  terminal.note(`\ndone in ${seconds(elapsed)}`)
  if (!isKept) return
  await using ui = options.ui ? await openDemoUi(context, demo) : undefined
  if (ui) terminal.note(`the operations page is at ${ui.url}, and a plan waits there for approval`)
  terminal.note(`the sandbox stays at ${demo.sandbox.url} until Ctrl-C`)
  if (!context.signal.aborted) await once(context.signal, 'abort')
}

/** At its usual place, or anywhere where that is taken. */
async function openDemoUi(context: Context, { elt }: Demo): Promise<UiServer> {
  const loaded = { config: elt.config, env: context.env }
  const at = (port: number) => openUi(context, elt, loaded, { port, host: '127.0.0.1' })
  return at(usualUiPort).catch(() => at(0))
}

function urlOf({ env }: Context, { warehouse, url }: DemoOptions): string | undefined {
  if (warehouse === 'duckdb') return undefined
  const address = url ?? env.DATABASE_URL
  if (address) return address
  throw new ConfigError('demo --warehouse postgres needs a database: name it with --url or DATABASE_URL', {
    code: 'usage',
  })
}
