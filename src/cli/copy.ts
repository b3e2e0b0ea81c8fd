/** `copy`: one warehouse into another, of whatever kind. */
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { LoadedConfig } from '../config/load.ts'
import { exitCodes } from '../errors.ts'
import type { CopyEvent, CopyReport } from '../index.ts'
import { action, type Context, type Runtime, withExamples } from './command.ts'
import type { Terminal } from './terminal.ts'
import { count, table } from './text.ts'

interface CopyOptions {
  readonly to: string
  readonly dryRun?: boolean
}

export function copyCommand(program: Command, runtime: Runtime): void {
  const command = program
    .command('copy')
    .description(
      'Copy the warehouse into an empty one of any kind: tables, bookmarks, members, schedules, history.',
    )
    .requiredOption('--to <target>', 'one of the targets of the configuration, or another configuration file')
    .option('--dry-run', 'show what would be copied')
  withExamples(command, 'copy --to lake --dry-run', 'copy --to ../lake/config.json')
  command.action(action<CopyOptions>(runtime, runCopy))
}

async function runCopy(context: Context, { to, dryRun = false }: CopyOptions): Promise<number> {
  const { open, terminal, signal } = context
  await using source = await open()
  await using target = await open(await loadTarget(context, to))
  const state = new CopyState()
  const line = () => state.line()
  const progress = dryRun ? undefined : terminal.showProgress({ line, lines: () => [line()] })
  const report = await source
    .copyTo(target, { isDryRun: dryRun, signal, onProgress: (event) => state.hear(event) })
    .finally(() => progress?.stop())
  terminal.result(report, () => sayCopy(terminal, report))
  return report.is_equal === false ? exitCodes.failed : exitCodes.success
}

async function loadTarget({ configPath, env }: Context, to: string): Promise<LoadedConfig> {
  const { loadConfig } = await import('../config/load.ts')
  const isFile = /[/\\]|\.jsonc?$/.test(to) && existsSync(resolve(to))
  return isFile ? loadConfig(resolve(to), { env }) : loadConfig(configPath, { env, target: to })
}

/** The line that is shown while it is at work. */
class CopyState {
  #table = 'looking at both warehouses'
  #rows = 0

  hear(event: CopyEvent): void {
    if (event.type === 'rows') this.#rows += event.rows
    else {
      this.#table =
        event.type === 'comparing' ? 'comparing' : `${event.table} (${event.number} of ${event.of})`
    }
  }

  line(): string {
    return `${this.#table}, ${count(this.#rows)} rows copied`
  }
}

function sayCopy(terminal: Terminal, { run_id, is_equal, tables, notices }: CopyReport): void {
  const isDone = run_id !== null
  terminal.say(
    table(
      ['table', 'rows', ...(isDone ? ['there', 'checksum', 'there', ''] : [])],
      tables.map((one) => [
        ...[one.table, count(one.rows)],
        ...(isDone
          ? [
              count(one.target_rows),
              one.checksum ?? '',
              one.target_checksum ?? '',
              isSame(one) ? 'same' : 'DIFFERS',
            ]
          : []),
      ]),
      'lrrlll',
    ),
  )
  for (const notice of notices) terminal.say(notice)
  const end =
    is_equal === false
      ? 'The two differ. Empty the target, copy again, and report it if it stays so.'
      : isDone
        ? 'The next sync into the target goes on where the last one ended.'
        : 'Nothing was copied. Bookmarks, members, schedules and history would go along.'
  terminal.say(`\n${end}`)
}

const isSame = (one: CopyReport['tables'][number]): boolean =>
  one.rows === one.target_rows && one.checksum === one.target_checksum
