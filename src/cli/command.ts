/** What every command has: the global options, the configuration, the way to stop, and an example in its help. */
import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { LoadedConfig } from '../config/load.ts'
import type { Elt, OpenOptions } from '../index.ts'
import type { Interruption } from './interruption.ts'
import { createLogger, type LogLevel } from './logger.ts'
import type { Terminal, TerminalStreams } from './terminal.ts'
import { quotedForShell } from './values.ts'

/** What the process gives to the command line. */
export interface Runtime extends TerminalStreams {
  readonly stdin: NodeJS.ReadStream
  readonly terminal: Terminal
  readonly interruption: Interruption
  /** What calls this program on a command line: `iterable-elt`, or the way to a program that is not on the PATH. */
  readonly invocation: string
  /** What the process ends with; set by the command. */
  exitCode: number
}

/** A group of commands adds itself to the program. */
export type CommandGroup = (program: Command, runtime: Runtime) => void

export interface GlobalOptions {
  readonly config?: string
  readonly json?: boolean
  readonly logLevel: LogLevel
  readonly target?: string
}

/** What a command works with. */
export interface Context {
  readonly env: Runtime['env']
  readonly stdin: Runtime['stdin']
  readonly terminal: Terminal
  /** Aborted by Ctrl-C and SIGTERM. */
  readonly signal: AbortSignal
  readonly interruption: Interruption
  readonly invocation: string
  /** Path of the configuration file, which need not exist. */
  readonly configPath: string
  /** Reads the configuration. @throws ConfigError */
  load(): Promise<LoadedConfig>
  /** Opens what the configuration, or the one given, describes. @throws ConfigError */
  open(loaded?: Pick<LoadedConfig, 'config' | 'env'>, options?: Pick<OpenOptions, 'clock'>): Promise<Elt>
}

/**
 * Turns `work` into an action of commander: it receives the context, the options (global ones included) and the
 * arguments of the command, and resolves to the exit code (0 when it resolves to nothing).
 */
export function action<Options extends object, Args extends readonly unknown[] = []>(
  runtime: Runtime,
  work: (context: Context, options: Options & GlobalOptions, ...args: Args) => Promise<number | undefined>,
): (...given: unknown[]) => Promise<void> {
  return async (...given) => {
    const command = given.at(-1) as Command
    const options = command.optsWithGlobals<Options & GlobalOptions>()
    const context = createContext(runtime, options)
    runtime.exitCode = (await work(context, options, ...(given.slice(0, -2) as unknown as Args))) ?? 0
  }
}

const examplesBy = new WeakMap<Command, readonly string[]>()

/** The examples in a command's help, without the name of the program. */
export const examplesOf = (command: Command): readonly string[] => examplesBy.get(command) ?? []

/** Puts examples at the end of a command's help. */
export function withExamples(command: Command, ...examples: readonly string[]): Command {
  examplesBy.set(command, examples)
  const lines = examples.map((example) => `  $ iterable-elt ${example}`)
  return command.addHelpText('after', ['', `Example${examples.length > 1 ? 's' : ''}:`, ...lines].join('\n'))
}

function createContext(runtime: Runtime, options: GlobalOptions): Context {
  const { env, stdin, terminal, interruption, invocation } = runtime
  terminal.proposeWith(takenOver(options))
  const configPath = resolve(options.config ?? (env.ITERABLE_ELT_CONFIG || 'config.json'))
  const load = async () => {
    const { loadConfig } = await import('../config/load.ts')
    return hiding(terminal, await loadConfig(configPath, { env, target: options.target }))
  }
  return {
    env,
    stdin,
    terminal,
    interruption,
    invocation,
    signal: interruption.signal,
    configPath,
    load,
    async open(loaded, openOptions) {
      const { config, env: completeEnv } = await hiding(terminal, loaded ?? (await load()))
      const { openParsed } = await import('../index.ts')
      // What is made from here on holds rows of people: nobody else may read it, the log that DuckDB keeps beside its
      // file included.
      process.umask(0o077)
      const logger = await createLogger(terminal, options.logLevel)
      const onWait = (message: string) => terminal.note(message)
      return openParsed(config, { env: completeEnv, logger, onWait, ...openOptions })
    },
  }
}

/** What the next command needs of this one's options; what the environment says, it says again. */
const takenOver = ({ config, target }: GlobalOptions): string =>
  [config === undefined ? [] : ['--config', config], target === undefined ? [] : ['--target', target]]
    .flat()
    .map((word) => ` ${quotedForShell(word)}`)
    .join('')

async function hiding<Loaded extends Pick<LoadedConfig, 'config' | 'env'>>(
  terminal: Terminal,
  loaded: Loaded,
): Promise<Loaded> {
  const { secretsOf } = await import('../config/secrets.ts')
  terminal.hide(secretsOf(loaded.config, loaded.env))
  return loaded
}
