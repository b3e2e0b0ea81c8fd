/** Starts programs beside the test and listens to them. */
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { SyncReport } from '../../src/index.ts'
import { startProgram } from './programs.ts'
import type { SyncJob, SyncLine } from './sync-process.ts'

/** A program that syncs, and everything that it has said. */
export interface SyncProcess extends AsyncDisposable {
  readonly lines: readonly SyncLine[]
  /** Lets it begin. */
  go(): void
  /** Resolves with the first line (also one said already) for which the test holds; rejects when it ends without. */
  until(test: (line: SyncLine) => boolean): Promise<SyncLine>
  readonly pid: number | undefined
  signal(name: NodeJS.Signals): void
  /** Ends it as a power cut would, and waits until it is gone. */
  kill(): Promise<void>
  /** Waits for its end; the report, or the error. */
  result(): Promise<{
    report?: SyncReport
    error?: { code: string; message: string }
    exitCode: number | null
  }>
}

/** Starts a sync in a process of its own; resolves when it is ready to `go`. */
export async function startSync(job: SyncJob): Promise<SyncProcess> {
  const child = startProgram('test/support/sync-process.ts', [JSON.stringify(job)], { stdio: 'pipe' })
  const lines: SyncLine[] = []
  const waiting = new Set<() => void>()
  let isOver = false
  const wake = () => {
    for (const check of waiting) check()
  }
  createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (text) => {
    lines.push(JSON.parse(text) as SyncLine)
    wake()
  })
  let complaints = ''
  child.stderr?.on('data', (text) => {
    complaints += String(text)
  })
  const closed = once(child, 'close').then(() => {
    isOver = true
    wake()
  })
  const until = (test: (line: SyncLine) => boolean) =>
    new Promise<SyncLine>((resolve, reject) => {
      const check = () => {
        const line = lines.find(test)
        if (!line && !isOver) return
        waiting.delete(check)
        if (line) resolve(line)
        else reject(new Error(`the sync ended without that: ${JSON.stringify(lines.at(-1))}\n${complaints}`))
      }
      waiting.add(check)
      check()
    })
  const kill = async () => {
    child.kill('SIGKILL')
    await closed
  }
  await until(({ type }) => type === 'ready')
  return {
    lines,
    go: () => child.stdin?.write('go\n'),
    until,
    pid: child.pid,
    signal: (name) => child.kill(name),
    kill,
    async result() {
      await closed
      const last = lines.at(-1)
      const { exitCode } = child
      if (last?.type === 'report') return { report: last.report, exitCode }
      if (last?.type === 'error') return { error: { code: last.code, message: last.message }, exitCode }
      throw new Error(`the sync ended without a word: ${complaints}`)
    },
    [Symbol.asyncDispose]: kill,
  }
}

/** Another program that holds a DuckDB file until disposed. */
export interface Holder extends AsyncDisposable {
  readonly pid: number | undefined
  /** Ends it as a power cut would. */
  kill(): Promise<void>
}

/** Opens a DuckDB file in another program, and writes a row into it unless it only reads. */
export async function holdFile(path: string, mode: 'read' | 'write' = 'write'): Promise<Holder> {
  const child = startProgram('test/support/hold-file.ts', [path, mode], { stdio: 'pipe' })
  const said = new Promise<string>((resolve) => child.stdout?.once('data', (text) => resolve(String(text))))
  const closed = once(child, 'close')
  const answer = await Promise.race([said, closed.then(() => 'it ended')])
  if (!answer.startsWith('holding')) throw new Error(`the file could not be held: ${answer}`)
  return {
    pid: child.pid,
    async kill() {
      child.kill('SIGKILL')
      await closed
    },
    async [Symbol.asyncDispose]() {
      child.stdin?.end()
      await closed
    },
  }
}
