/** Processes of the benchmark: each task runs in one of its own, so that memory and CPU are its own as well. */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** What a task is about. */
export interface Task {
  readonly stream: string
  readonly directory: string
  readonly url: string
  readonly apiKey: string
  readonly warehouse: 'duckdb' | 'postgres'
  /** Address of the Postgres server; empty for DuckDB. */
  readonly database: string
  /** The stretch of time that the sandbox's events lie in. */
  readonly start: string
  readonly now: string
  /** Names the warehouse of a sync: the file, or the schema. */
  readonly name: string
  /** Go on with what an earlier sync of that name left. */
  readonly keep: boolean
}

/** What a task reports of itself. */
export interface Measured {
  readonly seconds: number
  readonly cpuSeconds: number
  readonly rssMb: number
  readonly rows?: number
  readonly bytes?: number
  readonly apiCalls?: number
}

const file = (name: string) => fileURLToPath(new URL(name, import.meta.url))

/** Runs our sync, on the built package. */
export const measureSync = (task: Task): Promise<Measured> =>
  result('sync', [file('./sync.js'), JSON.stringify(task)])

/** Runs a task of `tasks.ts`. */
export const measureTask = (name: 'prepare' | 'baseline', task: Task): Promise<Measured> =>
  result(name, ['--import', 'tsx', file('./tasks.ts'), name, JSON.stringify(task)])

async function result(name: string, args: readonly string[]): Promise<Measured> {
  const child = start(args)
  const exit = new Promise<number | null>((resolve) => child.once('exit', resolve))
  let last = ''
  for await (const line of createInterface({ input: child.stdout })) last = line
  const code = await exit
  if (code !== 0) throw new Error(`${name} ended with ${code}`)
  return JSON.parse(last) as Measured
}

/** Starts the sandbox with exact numbers of rows, generated before anything is timed. */
export async function startSandbox(size: {
  readonly events: number
  readonly users: number
  readonly now: string
}): Promise<{ url: string; apiKey: string; stop: () => void }> {
  const child = start(['--import', 'tsx', file('./tasks.ts'), 'sandbox', JSON.stringify(size)])
  for await (const line of createInterface({ input: child.stdout })) {
    const address = JSON.parse(line) as { url: string; apiKey: string }
    return { ...address, stop: () => child.kill('SIGKILL') }
  }
  throw new Error('the sandbox did not start')
}

const start = (args: readonly string[]) =>
  spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
