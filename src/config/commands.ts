/**
 * Values that a command prints: `${exec:op read op://vault/iterable/key}`. Each command is run once, before the
 * configuration is read; what it prints stays in this process, and is part of no message.
 */
import { spawn } from 'node:child_process'
import { wordsOf } from '../command-line.ts'
import { type Environment, isPlainObject, type Reference, referencesIn } from './interpolate.ts'

/** What each command has answered, by its text. */
export type CommandAnswers = ReadonlyMap<string, Reference>

export interface CommandOptions {
  readonly env: Environment
  /** The folder that commands are run in. */
  readonly baseDirectory: string
  /** Password managers may ask the person; nobody is there for ever. */
  readonly timeoutMs?: number
}

const usualTimeoutMs = 30_000
/** A secret is short; a program that prints on and on is not one that has it. */
const longestBytes = 64 * 1024

/** Runs all commands that the texts of a configuration refer to, beside each other. Nothing is thrown. */
export async function runCommands(raw: unknown, options: CommandOptions): Promise<CommandAnswers> {
  const commands = new Set(commandsIn(raw))
  const answers = await Promise.all(
    [...commands].map(async (command) => [command, await answerOf(command, options)] as const),
  )
  return new Map(answers)
}

function commandsIn(value: unknown): readonly string[] {
  if (typeof value === 'string') {
    return referencesIn(value).flatMap((name) => (name.startsWith('exec:') ? [name.slice(5)] : []))
  }
  if (Array.isArray(value)) return value.flatMap(commandsIn)
  return isPlainObject(value) ? Object.values(value).flatMap(commandsIn) : []
}

/** No shell: nothing in the text is expanded, and the limit ends the command itself. */
function answerOf(
  command: string,
  { env, baseDirectory, timeoutMs = usualTimeoutMs }: CommandOptions,
): Promise<Reference> {
  const [program = '', ...args] = wordsOf(command.trim())
  if (program === '') return Promise.resolve({ fault: 'an exec reference names no command' })
  const fault = (what: string): Reference => ({
    fault: `the command ${JSON.stringify(program)} that prints its value ${what}`,
  })
  return new Promise((resolve) => {
    // What it says besides may hold the secret too, so nobody hears it.
    const child = spawn(program, args, { cwd: baseDirectory, env, stdio: ['ignore', 'pipe', 'ignore'] })
    const printed: Buffer[] = []
    let bytes = 0
    const end = (answer: Reference) => {
      clearTimeout(timer)
      child.kill('SIGKILL')
      // A child of the command may hold it open for ever.
      child.stdout.destroy()
      child.unref()
      resolve(answer)
    }
    const timer = setTimeout(
      () =>
        end(
          fault(`has not ended within ${timeoutMs / 1000} seconds; run it by hand to see what it waits for`),
        ),
      timeoutMs,
    )
    child.stdout.on('data', (piece: Buffer) => {
      bytes += piece.length
      printed.push(piece)
      if (bytes > longestBytes) end(fault('prints more than 64 kB'))
    })
    child.once('error', ({ code }: NodeJS.ErrnoException) =>
      end(fault(`cannot be run (${code ?? 'unknown'})`)),
    )
    child.once('close', (exitCode, signal) => {
      if (exitCode !== 0) {
        const how = exitCode === null ? `was ended by ${signal}` : `has failed with exit code ${exitCode}`
        return end(fault(`${how}; run it by hand to see what it says`))
      }
      const value = Buffer.concat(printed)
        .toString('utf8')
        .replace(/(\r?\n)+$/, '')
      end(value === '' ? fault('has printed nothing') : { value })
    })
  })
}
