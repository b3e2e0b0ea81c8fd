/** `mcp`: the warehouse for assistants, by the Model Context Protocol. */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { Command } from 'commander'
import { secretsOf } from '../config/secrets.ts'
import { ConfigError, exitCodes } from '../errors.ts'
import { version } from '../package-files.ts'
import { action, type Context, type Runtime, withExamples } from './command.ts'
import { portNumber } from './values.ts'

interface McpFlags {
  readonly http?: boolean
  readonly port: number
  readonly host: string
}

const usualMcpPort = 9466

export function mcpCommand(program: Command, runtime: Runtime): void {
  const command = program
    .command('mcp')
    .description(
      'Serve the warehouse to assistants by the Model Context Protocol: they read, and cannot send.',
    )
    .option('--http', 'over HTTP, instead of standard input and output')
    .option('--port <port>', 'HTTP: where it listens', portNumber, usualMcpPort)
    .option('--host <address>', 'HTTP: on this address; another than loopback needs mcp.token', '127.0.0.1')
  withExamples(command, 'mcp', 'mcp --http --port 9466')
  command.action(action<McpFlags>(runtime, (context, options) => runMcp(context, options, runtime.stdout)))
}

async function runMcp(
  context: Context,
  { http, port, host }: McpFlags,
  stdout: Runtime['stdout'],
): Promise<number> {
  const { terminal, signal, interruption, stdin } = context
  if (!http && terminal.isJson) {
    throw new ConfigError(
      '--json prints a document on standard output, which is for the protocol: leave out one of the two',
      {
        code: 'usage',
      },
    )
  }
  interruption.waitForTheEnd()
  const loaded = await context.load()
  const { config, env } = loaded
  await using elt = await context.open(loaded)
  const options = {
    elt,
    closing: signal,
    version: version(),
    secrets: secretsOf(config, env),
    key: randomBytes(24).toString('base64url'),
  }
  if (http) {
    const { serveHttp } = await import('../mcp/http.ts')
    const token = config.mcp.token ?? (env.ITERABLE_ELT_MCP_TOKEN || undefined)
    await using server = await serveHttp({ ...options, port, host, token })
    terminal.result({ url: server.url }, () =>
      terminal.say(`Assistants find the warehouse at ${server.url} until Ctrl-C.`),
    )
    if (!signal.aborted) await once(signal, 'abort')
    return exitCodes.success
  }
  const { serveStdio } = await import('../mcp/stdio.ts')
  await serveStdio(options, { stdin, stdout })
  return exitCodes.success
}
