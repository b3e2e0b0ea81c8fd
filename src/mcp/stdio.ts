/** The server on standard input and output, for a client that starts the command. */
import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js'
import type { McpOptions } from './context.ts'
import { serverOf } from './tools.ts'

/** Serves until the client closes our input, or the server is to stop. */
export async function serveStdio(
  options: McpOptions,
  { stdin, stdout }: { readonly stdin: Readable; readonly stdout: Writable },
): Promise<void> {
  const server = serverOf(options)
  const ended = Promise.race([
    once(stdin, 'end', { signal: options.closing }),
    once(stdin, 'close', { signal: options.closing }),
  ]).catch(() => {})
  await server.connect(new StdioServerTransport(stdin, stdout))
  await ended
  await server.close()
  stdin.destroy()
}
