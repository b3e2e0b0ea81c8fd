/** The log: pino on stderr, as text or as lines of JSON, whichever is asked for; secrets never pass. */
import type { Logger } from 'pino'
import type { Terminal } from './terminal.ts'

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export const logFormats = ['text', 'json'] as const
export type LogLevel = (typeof logLevels)[number]

export async function createLogger(terminal: Terminal, level: LogLevel): Promise<Logger> {
  const { pino } = await import('pino')
  const shown = terminal.isJsonLog ? (line: string) => line : await prettyLines(terminal)
  return pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime },
    { write: (line: string) => terminal.log(shown(line).trimEnd()) },
  )
}

async function prettyLines(terminal: Terminal): Promise<(line: string) => string> {
  const { prettyFactory } = await import('pino-pretty')
  const pretty = prettyFactory({
    colorize: terminal.noteColors.isColorSupported,
    translateTime: 'SYS:HH:MM:ss',
  })
  return (line) => pretty(line)
}
