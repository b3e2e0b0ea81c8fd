#!/usr/bin/env node
/** The command line. Together with its neighbours in this folder the only reader of arguments and environment. */
import { Command, CommanderError, Option } from 'commander'
import { exitCodes, messageOf, UserError } from '../errors.ts'
import { version } from '../package-files.ts'
import { checkCommand } from './check.ts'
import type { CommandGroup, Runtime } from './command.ts'
import { demoCommand } from './demo.ts'
import { initCommand } from './init.ts'
import { interruptionOf } from './interruption.ts'
import { logLevels } from './logger.ts'
import { rejectsCommand } from './rejects.ts'
import { runsCommand } from './runs.ts'
import { sandboxCommand } from './sandbox.ts'
import { sqlCommand } from './sql.ts'
import { statusCommand } from './status.ts'
import { streamsCommand } from './streams.ts'
import { syncCommand } from './sync.ts'
import { Terminal } from './terminal.ts'

const groups: readonly CommandGroup[] = [
  initCommand,
  checkCommand,
  streamsCommand,
  syncCommand,
  runsCommand,
  rejectsCommand,
  statusCommand,
  sqlCommand,
  sandboxCommand,
  demoCommand,
]

await main(process)

async function main({ argv, env, stdout, stderr, stdin }: NodeJS.Process): Promise<void> {
  const isJson = argv.includes('--json')
  const isDebug = /--log-level[= ](debug|trace)/.test(argv.join(' '))
  const terminal = new Terminal({ stdout, stderr, env }, { isJson })
  const end = (exitCode: number): never => process.exit(exitCode)
  // A reader that has seen enough (`| head`) is no error.
  stdout.on('error', () => end(exitCodes.success))
  process.on('uncaughtException', (error) => end(tell(error, terminal, { isDebug })))
  const interruption = interruptionOf(process, {
    onStop: () => terminal.note('stopping; press Ctrl-C again to end at once'),
    end(exitCode) {
      if (isJson) tell(new UserError('interrupted', interrupted, { exitCode }), terminal, { isDebug })
      end(exitCode)
    },
  })
  const runtime: Runtime = { env, stdin, stdout, stderr, terminal, interruption, exitCode: 0 }
  try {
    await programOf(runtime).parseAsync(argv)
  } catch (error) {
    const wasStopped = interruption.signal.aborted && !(error instanceof UserError)
    runtime.exitCode = tell(
      wasStopped ? new UserError('interrupted', interrupted, { exitCode: exitCodes.interrupted }) : error,
      terminal,
      { isDebug },
    )
  }
  await terminal.flush()
  end(runtime.exitCode)
}

const interrupted = 'interrupted; the next run goes on where this one stopped'

function programOf(runtime: Runtime): Command {
  const { terminal } = runtime
  const program = new Command('iterable-elt')
    .description('Iterable into your own DuckDB or Postgres, and SQL rows into Iterable lists.')
    .version(version())
    .option('--config <file>', 'configuration file (default: $ITERABLE_ELT_CONFIG, else ./config.json)')
    .option('--json', 'print one JSON document on stdout, everything else on stderr')
    .addOption(
      new Option('--log-level <level>', 'what the log on stderr tells').choices(logLevels).default('warn'),
    )
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({ writeErr: (text) => (terminal.isJson ? undefined : terminal.note(text.trimEnd())) })
    .showHelpAfterError('(add --help for the options and an example)')
    .exitOverride()
    .addHelpText('after', '\nExample:\n  $ iterable-elt demo')
  for (const addTo of groups) addTo(program, runtime)
  return program
}

/** Says what went wrong, in one line (and the stack, where details are asked for). Returns the exit code. */
function tell(error: unknown, terminal: Terminal, { isDebug }: { readonly isDebug: boolean }): number {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return exitCodes.success
    const message = error.code === 'commander.help' ? 'a command is expected' : error.message
    if (terminal.isJson)
      terminal.document({ error: { code: 'usage', message: message.replace(/^error: /, '') } })
    return exitCodes.usage
  }
  const isKnown = error instanceof UserError
  const message = isKnown ? error.message : `unexpected: ${messageOf(error).split('\n')[0]}`
  const { noteColors } = terminal
  const document = { error: { code: isKnown ? error.code : 'unexpected', message } }
  if (!terminal.isJson || !terminal.document(document))
    terminal.note(`${noteColors.red('error:')} ${message}`)
  if (isDebug) terminal.note(stackOf(error))
  else if (!isKnown) terminal.note(noteColors.dim('--log-level debug shows where it happened'))
  return isKnown ? error.exitCode : exitCodes.failed
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const cause = error.cause === undefined ? '' : `\ncaused by ${stackOf(error.cause)}`
  return `${error.stack ?? error.message}${cause}`
}
