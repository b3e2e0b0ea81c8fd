/** Processes of the benchmark: each task runs in one of its own, so that memory and CPU are its own as well. */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { isLarge } from '../src/engine/budget.ts'
import { roomHere } from '../src/engine/room.ts'
import type { LakePlace } from './lake-place.ts'

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
  /** How many cores the measured process may use; all of them without it. */
  readonly cores?: number | undefined
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
  result('sync', [file('./sync.js'), JSON.stringify(task)], task.cores)

/** Runs a task of `tasks.ts`. */
export const measureTask = (name: 'prepare' | 'baseline', task: Task): Promise<Measured> =>
  result(name, ['--import', 'tsx', file('./tasks.ts'), name, JSON.stringify(task)], task.cores)

/** What one of several processes syncs into a lake. */
interface WorkerTask extends LakePlace {
  readonly streams: readonly string[]
  readonly url: string
  readonly apiKey: string
  readonly start: string
  readonly now: string
}

export interface MeasuredWorker {
  /** Of the sync alone, by the clock of the machine. */
  readonly begunMs: number
  readonly endedMs: number
  readonly windows: number
  readonly rows: number
}

/** Runs `worker.js`, on the built package. */
export const measureWorker = (task: WorkerTask): Promise<MeasuredWorker> =>
  result<MeasuredWorker>('worker', [file('./worker.js'), JSON.stringify(task)])

/** A query on a lake. */
export interface ReaderTask extends LakePlace {
  readonly query: string
  readonly directory: string
}

/** Runs a query in a DuckDB of its own. `bytes` are those that it read from files. */
export const measureReader = (task: ReaderTask): Promise<Required<Omit<Measured, 'apiCalls'>>> =>
  result('read', ['--import', 'tsx', file('./tasks.ts'), 'read', JSON.stringify(task)])

async function result<Result = Measured>(
  name: string,
  args: readonly string[],
  cores?: number,
): Promise<Result> {
  const child = start(args, cores)
  const exit = new Promise<number | null>((resolve) => child.once('exit', resolve))
  let last = ''
  for await (const line of createInterface({ input: child.stdout })) last = line
  const code = await exit
  if (code !== 0) throw new Error(`${name} ended with ${code}`)
  return JSON.parse(last) as Result
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

/** A process of Node as the command makes its own, bound to the first cores where their number is given (Linux only). */
function start(args: readonly string[], cores?: number) {
  const here = roomHere()
  const young = isLarge({ ...here, cores: cores ?? here.cores }) ? [] : ['--max-semi-space-size=1']
  const node = [process.execPath, '--expose-gc', ...young, ...args]
  const [command = '', ...rest] = cores === undefined ? node : ['taskset', '-c', `0-${cores - 1}`, ...node]
  return spawn(command, rest, { stdio: ['ignore', 'pipe', 'inherit'] })
}

/**
 * Runs another program's load of the same rows, through a shell; what it prints goes to stderr. It learns what to load
 * from the environment: BENCH_URL, BENCH_API_KEY, BENCH_STREAM, BENCH_START, BENCH_NOW, BENCH_DIRECTORY, BENCH_DATABASE.
 * Its seconds are those of the whole process, its CPU that of all processes that it waited for.
 */
export async function measurePeer(command: string, task: Task): Promise<Measured> {
  const env = Object.fromEntries(
    (['url', 'stream', 'start', 'now', 'directory', 'database'] as const).map((name) => [
      `BENCH_${name.toUpperCase()}`,
      task[name],
    ]),
  )
  const begin = performance.now()
  // `times` of the shell: its own on one line, those of its children on the next.
  const child = spawn('sh', ['-c', `(${command}\n) >&2 && times`], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...env, BENCH_API_KEY: task.apiKey },
  })
  let printed = ''
  child.stdout.on('data', (text) => {
    printed += text
  })
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  if (code !== 0) throw new Error(`the peer ended with ${code}`)
  return { seconds: (performance.now() - begin) / 1000, cpuSeconds: cpuOfTimes(printed), rssMb: Number.NaN }
}

/** The seconds of all `0m1.25s` in what `times` prints. */
const cpuOfTimes = (printed: string): number =>
  [...printed.matchAll(/(\d+)m([\d.]+)s/g)].reduce(
    (sum, [, minutes, seconds]) => sum + 60 * Number(minutes) + Number(seconds),
    0,
  )
