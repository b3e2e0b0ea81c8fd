/** `ui`: the operations page in a browser, until Ctrl-C. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import type { Command } from 'commander'
import type { LoadedConfig } from '../config/load.ts'
import { secretsOf } from '../config/secrets.ts'
import { ConfigError, exitCodes } from '../errors.ts'
import type { Elt } from '../index.ts'
import type { UiServer } from '../ui/server.ts'
import { actorName } from './approve.ts'
import { action, type Context, type Runtime, withExamples } from './command.ts'
import { portNumber } from './values.ts'

interface UiFlags {
  readonly port: number
  readonly host: string
  readonly open?: boolean
  readonly hash?: boolean
}

export const usualUiPort = 9465

export function uiCommand(program: Command, runtime: Runtime): void {
  const command = program
    .command('ui')
    .description('Open the operations page: freshness, runs, plans and approvals in a browser.')
    .option('--port <port>', 'where it listens', portNumber, usualUiPort)
    .option(
      '--host <address>',
      'on this address; another than loopback needs ui.token or ui.users',
      '127.0.0.1',
    )
    .option('--open', 'open it in the browser of this machine')
    .option('--hash', 'read a password from standard input, and print its hash for ui.users')
  withExamples(command, 'ui --open', 'ui --hash < password.txt')
  command.action(action<UiFlags>(runtime, runUi))
}

async function runUi(context: Context, { port, host, open, hash }: UiFlags): Promise<number> {
  const { terminal, signal, interruption } = context
  if (hash) return printHash(context)
  interruption.waitForTheEnd()
  const loaded = await context.load()
  await using elt = await context.open(loaded)
  await using ui = await openUi(context, elt, loaded, { port, host })
  terminal.result({ url: ui.url, port: ui.port }, () =>
    terminal.say(`The operations page is at ${ui.url} until Ctrl-C.`),
  )
  if (open) openBrowser(ui.url)
  if (!signal.aborted) await once(signal, 'abort')
  return exitCodes.success
}

/** Serves the page of what is open already. */
export async function openUi(
  context: Pick<Context, 'env'>,
  elt: Elt,
  { config, env }: Pick<LoadedConfig, 'config' | 'env'>,
  { port, host }: Pick<UiFlags, 'port' | 'host'>,
): Promise<UiServer> {
  const { serveUi } = await import('../ui/server.ts')
  return serveUi(elt, {
    port,
    host,
    localName: actorName(context),
    secrets: secretsOf(config, env),
    now: () => new Date(),
  })
}

async function printHash({ stdin, terminal }: Context): Promise<number> {
  const password = (await text(stdin)).replace(/\r?\n$/, '')
  if (password.length < 8)
    throw new ConfigError('a password of 8 characters or more is expected on standard input')
  const { passwordHashOf } = await import('../ui/passwords.ts')
  const hash = await passwordHashOf(password)
  terminal.result({ password: hash }, () => terminal.say(hash))
  return exitCodes.success
}

/** Whoever has no browser has the address. */
function openBrowser(url: string): void {
  const [program = '', ...args] =
    process.platform === 'darwin'
      ? ['open', url]
      : process.platform === 'win32'
        ? ['cmd', '/c', 'start', url]
        : ['xdg-open', url]
  spawn(program, args, { stdio: 'ignore', detached: true })
    .on('error', () => {})
    .unref()
}
