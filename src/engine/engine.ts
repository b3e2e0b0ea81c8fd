/**
 * The DuckDB inside this process. It reads every chunk of NDJSON, for both warehouses: JSON.parse alone is slower
 * than DuckDB parsing and storing (measured 146 against 570 MB/s a core), and one reader gives one set of type rules.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { type DuckDBConnection, DuckDBInstance, type Json } from '@duckdb/node-api'
import './texts.ts'
import { ConfigError, firstOf } from '../errors.ts'
import { type Budget, type BudgetSettings, baseMemoryMb, budgetFor, type Room } from './budget.ts'
import { isOutOfMemory } from './errors.ts'
import { macros } from './macros.ts'
import { roomHere } from './room.ts'
import { sweepNow } from './sweep.ts'
import { Turns } from './turns.ts'

/**
 * What a column more costs (80 columns failed at 92 MB, and load at 112 MB; 1,200 failed at 150 MB). What is not needed
 * is not given: the process takes what it may.
 */
const usualColumns = 24
const memoryPerColumnMb = 0.5

/** The reader holds a line twice, and its values once. Where a commit wants more, it is made again with more. */
const memoryPerLineByte = 3

/** Beyond it a few lines fill the memory. */
const longLineBytes = 2 ** 20

/** No session writes so much to the log beside the file that its checkpoint could not wait for the end. */
const largestLog = '256MB'

export interface EngineOptions extends BudgetSettings {
  /** Where DuckDB may spill. */
  readonly directory: string
  /** What the process may use, where it is not asked of the machine. */
  readonly room?: Room | undefined
  /** `InstanceOptions.trustsExtensions`. */
  readonly trustsExtensions?: boolean | undefined
}

export class Engine implements AsyncDisposable {
  readonly instance: DuckDBInstance
  readonly budget: Budget
  readonly #parser: DuckDBConnection
  /** DuckDB's `memory_limit`, unless the user has set it: then it stays. */
  #memoryMb: number | undefined
  #usesLog = true
  readonly #growths = new Turns()
  readonly #statements = new Turns()

  static async create({
    directory,
    room = roomHere(),
    trustsExtensions,
    ...settings
  }: EngineOptions): Promise<Engine> {
    const budget = budgetFor(room, settings)
    const { memory: memoryLimit, threads } = budget
    const instance = await makeInstance({ directory, memoryLimit, threads, trustsExtensions })
    return new Engine(instance, await connect(instance), budget, settings.memoryLimit !== undefined)
  }

  private constructor(instance: DuckDBInstance, parser: DuckDBConnection, budget: Budget, isFixed: boolean) {
    this.instance = instance
    this.budget = budget
    this.#parser = parser
    this.#memoryMb = isFixed ? undefined : Number.parseInt(budget.memory, 10)
  }

  /** DuckDB's `memory_limit` at present. */
  get memoryLimit(): string {
    return this.#memoryMb === undefined ? this.budget.memory : `${this.#memoryMb}MB`
  }

  /** A connection of its own (to a host's instance, if given), with our macros and UTC as its zone. */
  connect(instance: DuckDBInstance = this.instance): Promise<DuckDBConnection> {
    return connect(instance)
  }

  /** Runs a statement of the parser; statements run one after another. Resolves to its rows as JSON values. */
  async rows(sql: string): Promise<Json[][]> {
    return this.#statements.take(() =>
      this.withRoom(async () => (await this.#parser.runAndReadAll(sql)).getRowsJson()),
    )
  }

  /**
   * Does the work, and begins it anew with more memory where the engine has run out of it.
   * @throws UserError as `growAfter` does.
   */
  async withRoom<T>(work: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await work()
      } catch (error) {
        if (!(await this.growAfter(error))) throw error
      }
    }
  }

  /** Gives the engine the memory that a table of so many columns needs, and a line of so many bytes. */
  async makeRoomFor(columnCount: number, lineBytes: number): Promise<void> {
    const ofColumns = Math.max(0, columnCount - usualColumns) * memoryPerColumnMb
    const needed = Math.ceil(baseMemoryMb + ofColumns + (lineBytes / 2 ** 20) * memoryPerLineByte)
    if (this.#memoryMb !== undefined && needed > this.#memoryMb) await this.#setMemory(needed)
    await this.#useLog(lineBytes <= longLineBytes)
  }

  /**
   * Answers an out-of-memory error: grows the engine and says true when trying again may help.
   * @throws UserError when the user's own limit, or half of the machine, is not enough.
   */
  async growAfter(error: unknown): Promise<boolean> {
    if (!isOutOfMemory(firstOf(error))) return false
    const { ceilingMb } = this.budget
    if (this.#memoryMb === undefined || this.#memoryMb >= ceilingMb) {
      throw new ConfigError(
        `DuckDB needs more memory than its limit allows; raise "warehouse.memory_limit" in the configuration`,
        { code: 'out_of_memory', cause: error },
      )
    }
    await this.#setMemory(Math.min(ceilingMb, Math.ceil(this.#memoryMb * 1.4)))
    return true
  }

  /**
   * Gives back to the system what DuckDB has freed: it keeps tens of megabytes until it works again, and whoever works next
   * takes more. To set the limit, even as it was, makes it let go (measured: 90 MB less at the peak of a sync of several
   * windows, around the checkpoints of their commits). `connection`: one that does nothing else at the moment.
   */
  async releaseFreed(connection: DuckDBConnection): Promise<void> {
    await this.#growths.take(async () => {
      // An engine that is full to the last byte refuses the statement, and has freed nothing.
      await connection.run(`set memory_limit = '${this.memoryLimit}'`).catch(() => {})
    })
  }

  async #setMemory(megabytes: number): Promise<void> {
    this.#memoryMb = megabytes
    await this.#set(`set memory_limit = '${megabytes}MB'`)
  }

  /**
   * Whether small commits go through the log before the file. DuckDB holds all that it writes there in memory, and tells
   * small from large by rows: six values of 30 MB took 390 MB at the commit, and 30 straight into the file (measured).
   */
  async #useLog(isUsed: boolean): Promise<void> {
    if (isUsed === this.#usesLog) return
    this.#usesLog = isUsed
    const [checkpoint, skip] = isUsed ? [largestLog, 100_000] : ['1B', 0]
    await this.#set(
      `set wal_autocheckpoint = '${checkpoint}'; set auto_checkpoint_skip_wal_threshold = ${skip}`,
    )
  }

  async #set(settings: string): Promise<void> {
    await this.#growths.take(async () => {
      // On a connection of its own: the parser's may be in the middle of the statement that needs the room.
      const connection = await this.instance.connect()
      try {
        await withPatience(() => connection.run(settings))
      } finally {
        connection.closeSync()
      }
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#statements.take(async () => {})
    await this.#growths.take(async () => {})
    this.#parser.closeSync()
    this.instance.closeSync()
  }
}

export interface InstanceOptions {
  readonly directory: string
  readonly memoryLimit: string
  readonly threads: number
  /** Extensions that it is told to load are loaded without a look at their signatures. */
  readonly trustsExtensions?: boolean | undefined
}

/** A DuckDB in memory that takes as little of it as it can, and fetches nothing from anywhere. */
export function makeInstance({
  directory,
  memoryLimit,
  threads,
  trustsExtensions = false,
}: InstanceOptions): Promise<DuckDBInstance> {
  return DuckDBInstance.create(':memory:', {
    threads: String(threads),
    memory_limit: memoryLimit,
    temp_directory: directory,
    // Whoever lets go of a file writes its checkpoint: one in the middle of a commit took 30 MB more (measured).
    wal_autocheckpoint: largestLog,
    // What DuckDB frees goes back to the system at once; by default it would keep up to 128 MB (measured: 100 MB less
    // of peak RSS, at no cost that shows).
    allocator_flush_threshold: '1MB',
    allocator_bulk_deallocation_flush_threshold: '1MB',
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    allow_unsigned_extensions: String(trustsExtensions),
  })
}

/**
 * The statement that raises the limit needs 2 kB for its own result, and whoever calls may have found all of it taken.
 * What others do ends soon, or fails; what they have left behind is swept. (A reserve that is freed first would do
 * without waiting, but a query that is held half read costs the process 10 MB more at its peak, measured.)
 */
async function withPatience<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await work()
    } catch (error) {
      if (!isOutOfMemory(error) || tries === growthTries) throw error
      sweepNow()
      await delay(growthPauseMs)
    }
  }
}

const growthTries = 100
const growthPauseMs = 50

/**
 * For each connection. Values without an offset are read in the session's zone. A result that is streamed is buffered by
 * what its vectors take without their texts: a buffer of 1 MB, as usual, holds 600 MB of values of 20 kB (measured).
 */
export const connectionSettings = `set TimeZone = 'UTC'; set streaming_buffer_size = '64kB'`

async function connect(instance: DuckDBInstance): Promise<DuckDBConnection> {
  const connection = await instance.connect()
  await connection.run(connectionSettings)
  for (const macro of macros) await connection.run(macro)
  return connection
}
