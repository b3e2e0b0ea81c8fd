/** `check`: what works, what does not, and what to change. */
import type { Command } from 'commander'
import { ConfigError, exitCodes, messageOf, UserError } from '../errors.ts'
import type { CheckItem, CheckReport } from '../index.ts'
import { action, type Context, type Runtime, withExamples } from './command.ts'
import type { Terminal } from './terminal.ts'

export function checkCommand(program: Command, runtime: Runtime): void {
  const command = program
    .command('check')
    .description('Test configuration, API key, warehouse, exports and schedules; say what to change.')
  withExamples(command, 'check', 'check --json')
  command.action(action(runtime, runCheck))
}

async function runCheck(context: Context): Promise<number> {
  const report = await reportOf(context)
  context.terminal.result(report, () => sayItems(context.terminal, report))
  if (report.ok) return exitCodes.success
  return report.items.some(isConfigFault) ? exitCodes.usage : exitCodes.failed
}

/** What the configuration says of streams and schedules is a part of it, though it is looked at later. */
const isConfigFault = ({ item, state }: CheckItem): boolean =>
  state === 'failed' && (item === 'configuration' || item === 'streams' || item === 'schedules')

/** A configuration that cannot be read, or a warehouse that cannot be opened, is a finding too. */
async function reportOf({ load, open, signal, terminal }: Context): Promise<CheckReport> {
  try {
    const loaded = await load()
    await using elt = await open(loaded)
    const report = await elt.check({ signal, onWait: (message) => terminal.note(message) })
    return loaded.target === undefined ? report : naming(loaded.target, report)
  } catch (error) {
    if (!(error instanceof UserError) || signal.aborted) throw error
    const item = error instanceof ConfigError ? 'configuration' : 'warehouse'
    const cure = `correct it, then run "iterable-elt check" again`
    return { ok: false, items: [{ item, state: 'failed', message: messageOf(error), cure }] }
  }
}

/** Whoever has several targets wants to see which one was tested. */
function naming(target: string, { ok, items }: CheckReport): CheckReport {
  const named = (item: CheckItem) =>
    item.item === 'configuration' ? { ...item, message: `${item.message} (target ${target})` } : item
  return { ok, items: items.map(named) }
}

/** Further lines stand below the first. */
const below = `\n${' '.repeat(26)}`

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
    terminal.say(
      `${labels[state]}  ${item.padEnd(16)} ${about}${terminal.proposing(message).replaceAll('\n', below)}`,
    )
    if (cure !== null) terminal.say(`${below.slice(1)}→ ${terminal.proposing(cure).replaceAll('\n', below)}`)
  }
  terminal.say(`\n${conclusionOf(items, ok)}`)
}

/** What does not keep a sync from running. */
const besideSync = new Set(['exports', 'schedules', 'notifications'])

function conclusionOf(items: CheckReport['items'], isOk: boolean): string {
  if (isOk) return 'ready to sync'
  const wrong = items.filter(({ state }) => state === 'failed').map(({ item }) => item)
  return wrong.every((item) => besideSync.has(item))
    ? 'ready to sync; what failed above will not run'
    : 'not ready: see what failed above'
}
