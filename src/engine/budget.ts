/** How much of the machine the engine takes: a pure function of what this process may really use. */

/** What the process may use: of a container, its limits. */
export interface Room {
  readonly cores: number
  readonly memoryMb: number
}

/** What the configuration says of it. */
export interface BudgetSettings {
  /** DuckDB's `memory_limit`, e.g. `1GB`. */
  readonly memoryLimit?: string | undefined
  readonly threads?: number | undefined
}

export interface Budget {
  readonly threads: number
  /** What the engine begins with; a number of MB unless the configuration has it in its own words. */
  readonly memory: string
  /** It grows up to this where a table or a line needs more; not at all beyond what was set. */
  readonly ceilingMb: number
  /** Why, in words. */
  readonly reason: string
}

/**
 * Memory of the smallest engine that loads event tables; peak RSS is about 200 MB more (measured: 300,000 events need 80
 * MB, and each megabyte more is one more at the peak).
 */
export const baseMemoryMb = 84

/** A machine of 4 GB shows a little less. */
const largeCores = 4
const largeMemoryMb = 3_600
/** What the process takes beside its engine. */
const besideMb = 200
/** A thread's reader takes 32 MB, and the row group that it compresses the rest. */
const memoryPerThreadMb = 128
const mostThreads = 8
const mostMemoryMb = 4_096

/** True where throughput comes first, with an eighth of the memory; elsewhere memory does. */
export const isLarge = ({ cores, memoryMb }: Room): boolean =>
  cores >= largeCores && memoryMb >= largeMemoryMb

export function budgetFor(here: Room, { memoryLimit, threads }: BudgetSettings = {}): Budget {
  const { cores, memoryMb } = here
  const hasRoom = isLarge(here)
  const engineMb = hasRoom ? Math.min(mostMemoryMb, Math.floor(memoryMb / 8) - besideMb) : baseMemoryMb
  // One core is JavaScript's.
  const chosen = hasRoom ? Math.min(cores - 1, mostThreads, Math.floor(engineMb / memoryPerThreadMb)) : 1
  const room = `${cores} ${cores === 1 ? 'core' : 'cores'} and ${memoryMb} MB`
  return {
    threads: threads ?? chosen,
    memory: memoryLimit ?? `${engineMb}MB`,
    ceilingMb: Math.floor(memoryMb / 2),
    reason: [
      hasRoom ? `${room}: an eighth of the memory` : `${room}: as little memory as it can`,
      ...(threads === undefined ? [] : ['threads as configured']),
      ...(memoryLimit === undefined ? [] : ['memory as configured']),
    ].join(', '),
  }
}
