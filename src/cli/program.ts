/** The program: all commands, the global options, and how errors end it. */
import { Command, CommanderError, Option } from 'commander'
import { exitCodes, firstOf, InterruptedError, messageOf, UserError, withDocs } from '../errors.ts'
import { approveCommand } from './approve.ts'
import { checkCommand } from './check.ts'
import type { CommandGroup, Runtime } from './command.ts'
import { completionCommand } from './completion.ts'
import { copyCommand } from './copy.ts'
import { demoCommand } from './demo.ts'
import { doctorCommand } from './doctor.ts'
import { eraseCommand } from './erase.ts'
import { exportCommand } from './export.ts'
import { exportsCommand } from './exports.ts'
import { importTdCommand } from './import-td.ts'
import { initCommand } from './init.ts'
import type { Interruption } from './interruption.ts'
import { listsCommand } from './lists.ts'
import { logFormats, logLevels } from './logger.ts'
import { maintainCommand } from './maintain.ts'
import { mcpCommand } from './mcp.ts'
import { migrateCommand } from './migrate.ts'
import { notifyCommand } from './notify.ts'
import { personCommand } from './person.ts'
import { rejectsCommand } from './rejects.ts'
import { reportCommand } from './report.ts'
import { runsCommand } from './runs.ts'
import { sandboxCommand } from './sandbox.ts'
import { scheduleCommand } from './schedule.ts'
import { snapshotCommand } from './snapshot.ts'
import { sqlCommand } from './sql.ts'
import { statusCommand } from './status.ts'
import { streamsCommand } from './streams.ts'
import { syncCommand } from './sync.ts'
import { Terminal, type TerminalStreams } from './terminal.ts'
import { uiCommand } from './ui.ts'
import { sayVersions, VersionsAsked } from './versions.ts'
import { viewsCommand } from './views.ts'
import { workerCommand } from './worker.ts'

const groups: readonly CommandGroup[] = [
  initCommand,
  checkCommand,
  streamsCommand,
  syncCommand,
  exportCommand,
  exportsCommand,
  listsCommand,
  runsCommand,
  approveCommand,
  rejectsCommand,
  scheduleCommand,
  workerCommand,
  notifyCommand,
  uiCommand,
  mcpCommand,
  statusCommand,
  personCommand,
  eraseCommand,
  sqlCommand,
  snapshotCommand,
  copyCommand,
  maintainCommand,
  migrateCommand,
  reportCommand,
  viewsCommand,
  importTdCommand,
  sandboxCommand,
  demoCommand,
  doctorCommand,
  completionCommand,
]

/** What the process gives to the program. */
export interface ProgramInput extends TerminalStreams {
  /** Without the program's own name. */
  readonly args: readonly string[]
  readonly stdin: NodeJS.ReadStream
  readonly interruption: Interruption
  /** What calls this program on a command line. */
  readonly invocation: string
}

/** The command line at work. */
export interface RunningProgram {
  /** Resolves to the exit code when everything has been said. */
  readonly ended: Promise<number>
  /** Tells an error that no command can tell. Returns its exit code. */
  tell(error: unknown): number
  /** Says that the work was stopped, unless the command has told its result, and only its end takes long. Returns the exit code. */
  tellInterruption(): number
  /** Says what became of standard output when it cannot be written to any more. Returns the exit code of it all. */
  endOutput(error: NodeJS.ErrnoException): number
  /** A line beside the result. */
  note(text: string): void
}

/** Runs one command. Nothing is thrown: errors are told where the user reads them. */
export function runProgram(input: ProgramInput): RunningProgram {
  const { args, interruption } = input
  const terminal = new Terminal(input, {
    isJson: args.includes('--json'),
    // Also what is said before the options are read is a line of JSON.
    isJsonLog: /--log-format[= ]json/.test(args.join(' ')),
    isQuiet: args.includes('--quiet') || args.includes('-q'),
    hidesProgress: args.includes('--no-progress'),
  })
  const runtime: Runtime = { ...input, terminal, exitCode: exitCodes.success }
  const isDebug = /--log-level[= ](debug|trace)/.test(args.join(' '))
  const tell = (caught: unknown) => {
    const error = firstOf(caught)
    terminal.endLive()
    // Before it is said: what is said may find nobody to read it.
    runtime.exitCode = exitCodeOf(error)
    tellError(error, terminal, { isDebug })
    return runtime.exitCode
  }
  const work = async () => {
    try {
      await programOf(runtime).parseAsync(args, { from: 'user' })
    } catch (error) {
      if (error instanceof VersionsAsked) return sayVersions(terminal)
      const wasStopped = interruption.signal.aborted && !(firstOf(error) instanceof UserError)
      tell(wasStopped ? new InterruptedError(undefined, { cause: error }) : error)
    }
  }
  const run = async () => {
    await work()
    await terminal.flush()
    return runtime.exitCode
  }
  return {
    ended: run(),
    tell,
    tellInterruption: () => (terminal.hasResult ? exitCodes.interrupted : tell(new InterruptedError())),
    endOutput(error) {
      if (error.code === 'EPIPE') return runtime.exitCode
      terminal.warn(`${terminal.noteColors.red('error:')} the result cannot be written: ${messageOf(error)}`)
      return runtime.exitCode || exitCodes.failed
    },
    note: (text) => terminal.note(text),
  }
}

function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.success : exitCodes.usage
  return error instanceof UserError ? error.exitCode : exitCodes.failed
}

/** The program with all its commands. */
export function programOf(runtime: Runtime): Command {
  const { terminal, stdout } = runtime
  const program = new Command('iterable-elt')
    .description('Iterable into your own DuckDB or Postgres, and SQL rows into Iterable lists.')
    .option('-V, --version', 'print the versions of the program, its engine and Node')
    .on('option:version', () => {
      throw new VersionsAsked()
    })
    .option('--config <file>', 'configuration file (default: $ITERABLE_ELT_CONFIG, else ./config.json)')
    .option('--target <name>', 'one of the targets of the configuration (default: $ITERABLE_ELT_TARGET)')
    .option('--json', 'print one JSON document on stdout, everything else on stderr')
    .option('-q, --quiet', 'print only results, warnings and errors')
    .option('--no-progress', 'show no progress')
    .addOption(
      new Option('--log-level <level>', 'what the log on stderr tells').choices(logLevels).default('warn'),
    )
    .addOption(
      new Option('--log-format <format>', 'all of stderr as text, or as lines of JSON')
        .choices(logFormats)
        .default('text'),
    )
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => stdout.write(text),
      writeErr: (text) => (terminal.isJson ? undefined : terminal.warn(text.trimEnd())),
    })
    .showHelpAfterError('(add --help for the options and an example)')
    .exitOverride()
    .addHelpText('after', '\nExample:\n  $ iterable-elt demo')
  for (const addTo of groups) addTo(program, runtime)
  return program
}

/** Says what went wrong, in one line (and the stack, where details are asked for). */
function tellError(error: unknown, terminal: Terminal, { isDebug }: { readonly isDebug: boolean }): void {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return
    const message = error.code === 'commander.help' ? 'a command is expected' : error.message
    if (terminal.isJson)
      terminal.document({ error: { code: 'usage', message: message.replace(/^error: /, '') } })
    return
  }
  const isKnown = error instanceof UserError
  const message = isKnown ? error.message : `unexpected: ${messageOf(error).split('\n')[0]}`
  const { noteColors } = terminal
  const document = { error: { code: isKnown ? error.code : 'unexpected', message } }
  if (!terminal.isJson || !terminal.document(document))
    terminal.warn(
      `${noteColors.red('error:')} ${isKnown ? withDocs(terminal.proposing(message), error.code) : message}`,
    )
  if (isDebug) terminal.warn(stackOf(error))
  else if (!isKnown) terminal.warn(noteColors.dim('--log-level debug shows where it happened'))
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const cause = error.cause === undefined ? '' : `\ncaused by ${stackOf(error.cause)}`
  return `${error.stack ?? error.message}${cause}`
}
