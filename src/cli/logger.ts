/** The log: pino on stderr, as text or as lines of JSON, whichever is asked for; secrets never pass. */
import { createRequire } from 'node:module'
import type { Logger } from 'pino'
import type { Terminal } from './terminal.ts'

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export const logFormats = ['text', 'json'] as const
export type LogLevel = (typeof logLevels)[number]

export async function createLogger(terminal: Terminal, level: LogLevel): Promise<Logger> {
  const { pino } = await import('pino')
  const shown = terminal.isJsonLog ? (line: string) => line : prettyLines(terminal)
  return pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime },
    { write: (line: string) => terminal.log(shown(line).trimEnd()) },
  )
}

/** Most commands log nothing: what it takes is loaded with the first line. */
function prettyLines(terminal: Terminal): (line: string) => string {
  const require = createRequire(import.meta.url)
  let pretty: ((line: string) => string) | undefined
  return (line) => {
    if (!pretty) {
      const { prettyFactory } = require('pino-pretty') as typeof import('pino-pretty')
      const colorize = terminal.noteColors.isColorSupported
      pretty = prettyFactory({ colorize, translateTime: 'SYS:HH:MM:ss' })
    }
    return pretty(line)
  }
}
