/** What a sync has to itself: some streams where others may work on the rest, or the whole warehouse. */
/** Held until disposed, or until this process dies. */
export interface StreamLocks extends AsyncDisposable {
  /** Streams that were asked for and that another sync works on, and who that is. */
  readonly heldBy: ReadonlyMap<string, string>
  /** True where no other sync can be at work before this is disposed. */
  readonly isWhole: boolean
  /** True while another sync is at work. */
  hasCompany(): Promise<boolean>
  /** True while the sync that has this run is at work, in whatever process. */
  isAtWork(runId: string): Promise<boolean>
  /** Works while no other sync does work of this kind. Whoever is to stop does not wait. */
  inTurn<T>(work: () => Promise<T>, options: TurnOptions): Promise<T>
}

/** What has locks. */
interface Lockable {
  lock(job: string): Promise<AsyncDisposable>
  readonly lockStreams?: (streams: readonly string[], runId: string) => Promise<StreamLocks>
}

export interface TurnOptions {
  readonly signal: AbortSignal
  /** Hears once that another sync has the turn. */
  readonly onWait: (message: string) => void
}

/**
 * Takes the streams of a sync, where the warehouse lets several syncs work at once; else the warehouse.
 * @throws UserError with code `locked` where another sync has all of them, or somebody is alone in the warehouse.
 */
export async function lockStreams(
  warehouse: Lockable,
  streams: readonly string[],
  runId: string,
): Promise<StreamLocks> {
  if (warehouse.lockStreams) return warehouse.lockStreams(streams, runId)
  return wholeLock(await warehouse.lock('sync'))
}

/** The one lock of a warehouse in which one sync works at a time. */
const wholeLock = (lock: AsyncDisposable): StreamLocks => ({
  heldBy: new Map(),
  isWhole: true,
  hasCompany: async () => false,
  isAtWork: async () => false,
  inTurn: (work) => work(),
  [Symbol.asyncDispose]: () => lock[Symbol.asyncDispose](),
})
