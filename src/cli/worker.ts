/** `worker`: runs what is due until it is stopped. */
import type { Command } from 'commander'
import { ConfigError, exitCodes } from '../errors.ts'
import type { WorkerEvent } from '../index.ts'
import { action, type Context, type Runtime, withExamples } from './command.ts'
import { oneLine, seconds } from './text.ts'
import { openUi } from './ui.ts'
import { portNumber, wholeNumber } from './values.ts'

interface WorkerOptions {
  readonly concurrency?: number
  readonly healthPort?: number
  readonly healthHost?: string
  readonly grace: number
  readonly uiPort?: number
}

const daySeconds = 86_400

export function workerCommand(program: Command, runtime: Runtime): void {
  const command = program
    .command('worker')
    .description('Run what is due until stopped; any number of workers may share a Postgres warehouse.')
    .option('--concurrency <n>', 'runs at the same time', wholeNumber(1, 64))
    .option('--health-port <port>', 'serve /healthz and /metrics (Prometheus) there', portNumber)
    .option(
      '--health-host <address>',
      'on this address, e.g. 0.0.0.0 (default: 127.0.0.1, this machine only)',
    )
    .option('--ui-port <port>', 'serve the operations page there, for this machine only', portNumber)
    .option(
      '--grace <seconds>',
      'how long runs may go on after SIGTERM before they are put back',
      wholeNumber(0, daySeconds),
      20,
    )
  withExamples(command, 'worker --health-port 9464')
  command.action(action<WorkerOptions>(runtime, runWorker))
}

async function runWorker(
  context: Context,
  { concurrency, healthPort, healthHost, grace, uiPort }: WorkerOptions,
): Promise<number> {
  if (healthHost !== undefined && healthPort === undefined) {
    throw new ConfigError('--health-host says where --health-port is served: give both', { code: 'usage' })
  }
  const { open, load, terminal, signal, interruption } = context
  interruption.waitForTheEnd()
  const loaded = await load()
  await using elt = await open(loaded)
  await using ui =
    uiPort === undefined ? undefined : await openUi(context, elt, loaded, { port: uiPort, host: '127.0.0.1' })
  if (ui) terminal.note(`the operations page is at ${ui.url}`)
  const ended = new Map<string, number>()
  await elt.worker({
    signal,
    graceMs: grace * 1000,
    ...(concurrency !== undefined && { concurrency }),
    ...(healthPort !== undefined && { healthPort }),
    ...(healthHost !== undefined && { healthHost }),
    onEvent(event) {
      if (event.type === 'ended') ended.set(event.state, (ended.get(event.state) ?? 0) + 1)
      const line = lineOf(event)
      if (line === undefined) return
      const timed = `${new Date().toISOString().slice(0, 19)}Z ${line}`
      if (isTrouble(event)) terminal.warn(timed)
      else terminal.note(timed)
    },
  })
  terminal.result({ runs: Object.fromEntries(ended) }, () => terminal.note('the worker has stopped'))
  return exitCodes.success
}

/** What also somebody hears who asked for quiet. */
const isTrouble = (event: WorkerEvent): boolean =>
  event.type === 'failed' ||
  event.type === 'notice' ||
  (event.type === 'ended' && event.state !== 'succeeded' && !states.has(event.state))

function lineOf(event: WorkerEvent): string | undefined {
  switch (event.type) {
    case 'ready':
      return 'waiting for what is due'
    case 'begun':
      return `${oneLine(event.job)} begins (run ${event.runId}${event.attempt > 1 ? `, attempt ${event.attempt}` : ''})`
    case 'ended': {
      const state = states.get(event.state) ?? event.state.replaceAll('_', ' ')
      return `${oneLine(event.job)} ${state} after ${seconds(event.tookMs / 1000)}${event.error ? `: ${oneLine(event.error, 300)}` : ''}`
    }
    case 'failed':
    case 'notice':
      return event.message
    case 'stopping':
      return event.atWork > 0 ? `stopping; waiting for ${event.atWork} at work` : 'stopping'
    case 'looked':
      return undefined
  }
}

const states = new Map<string, string>(
  Object.entries({
    again: 'put back, it goes on where it stopped,',
    locked: 'put back, another process is at it,',
    lost: 'taken over by another worker',
  }),
)
