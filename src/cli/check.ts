/** `check`: what works, what does not, and what to change. */
import type { Command } from 'commander'
import { ConfigError, exitCodes, messageOf, UserError } from '../errors.ts'
import type { CheckItem, CheckReport } from '../index.ts'
import { action, type Context, type Runtime, withExamples } from './command.ts'
import type { Terminal } from './terminal.ts'

export function checkCommand(program: Command, runtime: Runtime): void {
  const command = program
    .command('check')
    .description('Test the configuration, the API key and the warehouse; say what to change.')
  withExamples(command, 'check', 'check --json')
  command.action(action(runtime, runCheck))
}

async function runCheck(context: Context): Promise<number> {
  const report = await reportOf(context)
  context.terminal.result(report, () => sayItems(context.terminal, report))
  if (report.ok) return exitCodes.success
  return report.items.some(isConfigFault) ? exitCodes.usage : exitCodes.failed
}

const isConfigFault = ({ item, state }: CheckItem): boolean => item === 'configuration' && state === 'failed'

/** A configuration that cannot be read, or a warehouse that cannot be opened, is a finding too. */
async function reportOf({ open, signal }: Context): Promise<CheckReport> {
  try {
    await using elt = await open()
    return await elt.check({ signal })
  } catch (error) {
    if (!(error instanceof UserError) || signal.aborted) throw error
    const item = error instanceof ConfigError ? 'configuration' : 'warehouse'
    const cure = `correct it, then run "iterable-elt check" again`
    return { ok: false, items: [{ item, state: 'failed', message: messageOf(error), cure }] }
  }
}

function sayItems(terminal: Terminal, { items, ok }: CheckReport): void {
  const { colors } = terminal
  const labels = {
    ok: colors.green('ok     '),
    warning: colors.yellow('warning'),
    failed: colors.red('failed '),
  }
  const hasSeveral = new Set(items.flatMap(({ connection }) => connection ?? [])).size > 1
  for (const { item, state, message, cure, connection } of items) {
    const about = hasSeveral && connection ? `${connection}: ` : ''
    terminal.say(`${labels[state]}  ${item.padEnd(16)} ${about}${message}`)
    if (cure !== null) terminal.say(`${' '.repeat(26)}→ ${cure}`)
  }
  terminal.say(ok ? '\nready to sync' : '\nnot ready: see what failed above')
}
