/**
 * A command in a real pseudo-terminal (that of `script`, from util-linux), and its screen as people see it: a terminal
 * that draws everything, with what has scrolled away.
 */
import { spawn } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import xterm from '@xterm/headless'
import { type Program, programPath } from './programs.ts'

export interface TerminalOptions {
  readonly cwd: string
  readonly columns: number
  readonly rows?: number
  readonly env?: Readonly<Record<string, string>>
}

/** What stands on the screen and above it, line by line. */
export interface RunningTerminal extends AsyncDisposable {
  lines(): readonly string[]
  /** Everything that was drawn, also what was drawn over. */
  readonly raw: () => string
  /** Resolves to what stands there when the text shows; rejects with what shows instead. */
  shows(text: RegExp): Promise<readonly string[]>
  type(keys: string): void
  readonly ended: Promise<number | null>
}

export const keys = { enter: '\r', down: '\u001b[B', space: ' ', interrupt: '\u0003' } as const

const patienceMs = 30_000

export function startInTerminal(
  program: Program,
  args: readonly string[],
  options: TerminalOptions,
): RunningTerminal {
  return startCommandInTerminal([process.execPath, programPath(program), ...args], options)
}

/** Any command of the machine, such as a shell. */
export function startCommandInTerminal(
  words: readonly string[],
  { cwd, columns, rows = 40, env = {} }: TerminalOptions,
): RunningTerminal {
  const command = words.map(quoted).join(' ')
  const child = spawn(
    'script',
    ['-qfec', `stty cols ${columns} rows ${rows}; exec ${command}`, '/dev/null'],
    {
      cwd,
      env: { PATH: process.env.PATH, HOME: cwd, TERM: 'xterm-256color', LC_ALL: 'C.UTF-8', ...env },
    },
  )
  const terminal = new xterm.Terminal({
    cols: columns || 80,
    rows: rows || 24,
    scrollback: 10_000,
    allowProposedApi: true,
  })
  let raw = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    raw += text
    terminal.write(text)
  })
  const lines = () => {
    const { buffer } = terminal
    const all = Array.from({ length: buffer.active.length }, (_, at) =>
      buffer.active.getLine(at)?.translateToString(true),
    )
    return all.map((line) => line ?? '').slice(0, all.findLastIndex((line) => line) + 1)
  }
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  return {
    lines,
    raw: () => raw,
    async shows(text) {
      let shown = lines()
      for (let waitedMs = 0; !text.test(shown.join('\n')); waitedMs += 20) {
        if (waitedMs > patienceMs) throw new Error(`${text} does not show:\n${shown.join('\n')}`)
        await delay(20)
        shown = lines()
      }
      // A question shows what was wrong before it takes keys again; people need longer than this to answer.
      await delay(100)
      return shown
    },
    type: (typed) => child.stdin.write(typed),
    ended: ended.then(async (exitCode) => {
      // What was written last is drawn, too.
      await new Promise<void>((resolve) => terminal.write('', resolve))
      return exitCode
    }),
    async [Symbol.asyncDispose]() {
      child.kill()
      await ended
      terminal.dispose()
    },
  }
}

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`
