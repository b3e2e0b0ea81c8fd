/** The command line: in a process of its own, or the program within this one, which is quicker. */
import type { ChildProcess } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, type Readable, Writable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { runProgram } from '../../src/cli/program.ts'
import type { ConfigInput } from '../../src/index.ts'
import { startProgram } from '../support/programs.ts'

export interface Ended {
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly cwd: string
  readonly env?: Record<string, string>
  /** What is typed at each question, in a process whose input is a terminal. */
  readonly answers?: readonly string[]
  /** Hears what is written to stderr. */
  readonly onNote?: (text: string) => void
  /** What stands on standard input. */
  readonly input?: string
  /** The width of a terminal that stdout is. */
  readonly columns?: number
  /** Stops the command, as Ctrl-C does. */
  readonly signal?: AbortSignal
  /** Hears what is written to stdout. */
  readonly onOutput?: (text: string) => void
  /** File descriptors in place of pipes. */
  readonly stdout?: number
  readonly stderr?: number
}

/** Starts a command; `ended` resolves when it has. */
export function start(
  args: readonly string[],
  { cwd, env = {}, stdout, stderr }: RunOptions,
): { readonly child: ChildProcess; readonly ended: Promise<Ended> } {
  const child = startProgram('src/cli/main.ts', args, {
    cwd,
    env: { PATH: process.env.PATH, HOME: cwd, ...env },
    stdio: ['ignore', stdout ?? 'pipe', stderr ?? 'pipe'],
  })
  const exit = new Promise<number | null>((resolve) => child.once('close', resolve))
  const ended = Promise.all([exit, textOf(child.stdout), textOf(child.stderr)]).then(
    ([exitCode, stdout, stderr]) => ({ exitCode, stdout, stderr }),
  )
  return { child, ended }
}

/** Resolves to what a process has printed, when what is looked for is part of it. */
export function printed(stream: NodeJS.ReadableStream | null, what: RegExp): Promise<string> {
  let text = ''
  return new Promise((resolve) => {
    stream?.on('data', (piece: Buffer) => {
      text += piece
      if (what.test(text)) resolve(text)
    })
  })
}

const textOf = (stream: Readable | null) => (stream ? text(stream) : '')

/** Runs the program in this process, with the configuration of `cwd` unless another is named. */
export async function run(
  args: readonly string[],
  { cwd, env = {}, answers, input, columns, onNote, onOutput, signal }: RunOptions,
): Promise<Ended> {
  const stdin = Object.assign(new PassThrough(), { isTTY: answers !== undefined })
  const typed = [...(answers ?? [])]
  if (input !== undefined) stdin.end(input)
  const stdout = collector(onOutput)
  if (columns !== undefined) Object.assign(stdout.stream, { isTTY: true, columns })
  const stderr = collector((text) => {
    onNote?.(text)
    if (text.endsWith(']: ')) stdin.write(`${typed.shift()}\n`)
  })
  const { ended } = runProgram({
    args,
    env: { ITERABLE_ELT_CONFIG: join(cwd, 'config.json'), ...env },
    stdin: stdin as unknown as NodeJS.ReadStream,
    stdout: stdout.stream,
    stderr: stderr.stream,
    interruption: { signal: signal ?? new AbortController().signal, waitForTheEnd() {} },
    invocation: 'iterable-elt',
  })
  return { exitCode: await ended, stdout: stdout.text(), stderr: stderr.text() }
}

function collector(onText: (text: string) => void = () => {}): {
  readonly stream: NodeJS.WriteStream
  readonly text: () => string
} {
  const pieces: string[] = []
  const stream = new Writable({
    write(piece: Buffer, _encoding, done) {
      pieces.push(piece.toString())
      onText(piece.toString())
      done()
    },
  })
  return { stream: stream as NodeJS.WriteStream, text: () => pieces.join('') }
}

type Json = ReturnType<typeof JSON.parse>

/** Runs a command with `--json` and parses the one document that it prints. */
export async function runJson(
  args: readonly string[],
  options: RunOptions,
): Promise<Ended & { readonly document: Json }> {
  const ended = await run([...args, '--json'], options)
  return { ...ended, document: JSON.parse(ended.stdout) }
}

/** A folder of its own, gone afterwards. */
export async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'elt-cli-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 5 }) }
}

/** A configuration for a sandbox whose data ends now and began so many days ago. */
export function configFor(
  { url, keys }: { readonly url: string; readonly keys: { readonly server: string } },
  warehouse: ConfigInput['warehouse'],
  {
    days = 10,
    key = keys.server,
    marts = { enabled: false },
  }: { days?: number; key?: string; marts?: ConfigInput['marts'] } = {},
): ConfigInput {
  const start = new Date(Date.now() - days * 86_400_000).toISOString().slice(0, 10)
  return {
    warehouse,
    connections: { iterable: { api_key: key, base_url: url, rate_limits: 'off' } },
    sync: { start_date: start },
    marts,
  } as ConfigInput
}

export const writeConfig = (folder: string, config: ConfigInput): Promise<void> =>
  writeFile(join(folder, 'config.json'), JSON.stringify(config))
