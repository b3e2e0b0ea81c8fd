/** The public types of the sandbox: what startSandbox() takes and what it gives back. */

/** How the fake project identifies people. The type of a real project is fixed when it is made. */
export type SandboxProjectType = 'email' | 'userId' | 'hybrid'

export interface SandboxOptions {
  /** TCP port on 127.0.0.1; 0 (the default) takes a free one. */
  readonly port?: number
  /** Same seed and sizes: same keys, same rows, byte for byte. Default 1. */
  readonly seed?: number
  /** Start without any data (no people, lists, campaigns, events ...). */
  readonly empty?: boolean
  /** People in the project. Default 200. */
  readonly users?: number
  /** Lists (a mix of Standard and Dynamic, one Suppression). Default 6. */
  readonly lists?: number
  /** Events of all types together per day; every type that has data gets at least three rows. Default 200. */
  readonly eventsPerDay?: number
  /** Days of events before `until`. Default 30. */
  readonly days?: number
  /** The present of the sandbox: stamps writes, ends `range=Today`. Default 2026-02-01T00:00:00Z, standing still. */
  readonly now?: Date | (() => Date)
  /** No generated event or profile is newer than this. Default: `now` at the start. */
  readonly until?: Date
  /** Data centre. Only decides which keys are foreign. Default us. */
  readonly region?: 'us' | 'eu'
  /** Default email in the US, hybrid in the EU (which has no email-based projects). */
  readonly projectType?: SandboxProjectType
  /** Fault profiles, combinable; see `faults` of the Sandbox for single faults. */
  readonly faults?: FaultProfile | readonly FaultProfile[]
  /** true (the default): Iterable's documented limits. `off` or false: none. */
  readonly rateLimits?: boolean | 'off'
  /** Send `Retry-After` with a 429 of the rate limiter. The API documents none, so the default is false. */
  readonly retryAfter?: boolean
  /** Divides every wait of the sandbox: with 60, 4 a minute becomes 4 a second. Default 1. */
  readonly timeScale?: number
  /** Added before each answer. Default 0. */
  readonly latencyMs?: number
  /** How long an asynchronous export job works. Default 200. */
  readonly jobMs?: number
  /** Size of one file of an asynchronous export. Default 10 MB, as documented. */
  readonly jobFileBytes?: number
  /** What one asynchronous export brings at most; more is `exportTruncated`. Default 100 GB, as documented. */
  readonly jobMaxBytes?: number
  /** How long a link to a file is good for. Default 30 minutes. */
  readonly linkMs?: number
  /** For how long a list just made answers 400 invalidListId. Default 0. */
  readonly newListDelayMs?: number
  /** Rows of one write; more are answered 400 BatchTooLarge. Default 1,000. */
  readonly maxBatchRows?: number
  /** Bytes of one write body; more are answered 413. Default 4 MB. */
  readonly maxBatchBytes?: number
  /** Does a field type conflict refuse its row (invalidData*, default) or the whole request (400)? */
  readonly typeConflicts?: 'row' | 'batch'
  /** Answers about catalogues in `params` (default, as the official client knows them) or flat (as documented). */
  readonly catalogForm?: 'wrapped' | 'flat'
  /** Volume: exact numbers of rows in the exports emailSend and user, on top of (user) or in place of (emailSend) the rest. */
  readonly bench?: { readonly emailSend?: number; readonly users?: number }
  /** Encoded events kept in memory before the least recently used are dropped and generated anew. Default 2 GiB. */
  readonly cacheBytes?: number
  /** Requests remembered in `requests`. Default 20,000. */
  readonly logSize?: number
  /** Monotonic clock in milliseconds, for limits and the log. Default performance.now. */
  readonly clock?: () => number
}

/** A row with any JSON in it. */
export type Row = Record<string, unknown>

export interface Sandbox extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`, no slash at the end: the product's base_url. */
  readonly url: string
  readonly port: number
  readonly keys: SandboxKeys
  readonly projectType: SandboxProjectType
  /** The stores behind the answers. Change them at will; the next answer shows it. */
  readonly data: SandboxData
  /** What a complete and correct copy must contain. */
  readonly truth: Truth
  readonly faults: Faults
  /** Every request, oldest first, at most `logSize`. */
  readonly requests: readonly LoggedRequest[]
  /** Every write that was carried out, also those whose answer was lost. */
  readonly writes: readonly LoggedWrite[]
  /** The present: settable, so that tests move time. */
  now: Date
  /** Requests so far per `METHOD /path` (ids in the path are `{id}`), and `total`. */
  counts(): Record<string, number>
  /** Moves `now` and the end of the generated data on, and changes some profiles: something for a second sync. */
  advance(milliseconds: number): void
  /** Generates and encodes all events now, so that the first request is not slower than the next. Returns bytes. */
  warm(dataType?: string): number
  close(): Promise<void>
}

/** 32 lower-case hex characters each, made from the seed. */
export interface SandboxKeys {
  /** May call everything. */
  readonly server: string
  /** May GET resources, but neither exports nor members of lists, and writes nothing: 403. */
  readonly readOnly: string
  /** May only call users/update: 403 for the rest. */
  readonly mobile: string
  /** As mobile. */
  readonly javascript: string
  /** Was valid once: 401. */
  readonly disabled: string
  /** A server key of the EU data centre: 401 unless the sandbox stands in the EU. */
  readonly euServer: string
  /** A server key of the US data centre: 401 unless the sandbox stands in the US. */
  readonly usServer: string
}

export interface SandboxData {
  /** Rows of one export data type, in any spelling of case (`emailSend`, `customEvent`, also `user` for raw user lines). */
  events(dataType: string): EventShelf
  readonly users: UserStore
  /** Members of a list; the list need not exist. */
  members(listId: number): MemberSet
  readonly lists: ListRow[]
  readonly campaigns: Row[]
  /** With `templateType` and `messageMedium`, which answers leave out as the API does. */
  readonly templates: Row[]
  readonly channels: Row[]
  readonly messageTypes: Row[]
  readonly metadata: MetadataRow[]
  /** As `GET /api/experiments/{id}` tells them; `author` is told by the list alone. */
  readonly experiments: Row[]
  readonly journeys: Row[]
  readonly snippets: Row[]
  readonly catalogs: CatalogRow[]
  readonly webhooks: Row[]
  /** Templates that no index lists. */
  readonly embeddedTemplates: Row[]
  /** Declared profile fields and their types, as users/getFields tells them. */
  readonly fields: Record<string, string>
  /** GDPR-forgotten emails (lower case) and userIds. */
  readonly forgotten: Set<string>
  /** Makes a list write fail for an identifier (emails in lower case). */
  readonly rowFailures: Map<string, RowFailure>
}

export interface EventShelf {
  /**
   * Adds rows at the end. An object is sent as JSON, a string as the line it is (no newline in it).
   * The filter uses `createdAt` (`profileUpdatedAt` of user rows); a row without a readable one comes with every window.
   */
  push(...rows: (Row | string)[]): void
  /** Adds a line that the filter takes to be of `at`, hidden from the first `hiddenReads` reads that cover it. */
  pushRaw(line: string, at: Date | string, options?: { hiddenReads?: number }): void
  /** Adds rows that only appear after `hiddenReads` reads (default 1) have covered them. */
  pushLate(rows: Row[], hiddenReads?: number): void
  /** Drops everything, also what was generated. */
  clear(): void
  /** Drops the rows for which the test holds; returns their number. Keeps rows that are not JSON. */
  remove(test: (row: Row) => boolean): number
  readonly count: number
}

export interface UserStore {
  readonly size: number
  /** Adds a person or replaces the one with the same identifier. Change people through this, not in place. */
  put(...profiles: Row[]): void
  /** By email (any case) or userId. */
  get(identifier: string): Row | undefined
  remove(identifier: string): boolean
  all(): Row[]
  clear(): void
}

export interface MemberSet {
  readonly size: number
  has(identifier: string): boolean
  /** Adds people; unknown ones are made. */
  add(...identifiers: string[]): void
  delete(identifier: string): boolean
  /** Email, else userId, sorted. */
  all(): string[]
}

export interface ListRow {
  id: number
  name: string
  description?: string
  /** Epoch milliseconds. */
  createdAt: number
  listType: 'Standard' | 'Dynamic' | 'Suppression' | 'Internal'
  isGlobalSuppressionEnabled?: boolean
}

export interface MetadataRow {
  table: string
  key: string
  value: Row
  /** Epoch milliseconds. */
  lastModified: number
  size: number
}

export interface CatalogRow {
  name: string
  definedMappings: Record<string, string>
  undefinedFields: string[]
  items: { itemId: string; value: Row; lastModified: number; size: number }[]
}

/** The array of failedUpdates that names the row, or `unattributed`: counted in failCount and named nowhere. */
export type RowFailure = 'invalid' | 'invalidData' | 'notFound' | 'conflict' | 'forgotten' | 'unattributed'

/** Times are Dates or any spelling Date.parse reads; left out: no bound. From inclusive, to exclusive. */
export interface Truth {
  /**
   * The rows of an export data type (also `user`) that belong into a table: JSON objects, for events with a readable
   * createdAt. Rows not yet visible are included.
   */
  events(dataType: string, from?: Date | string, to?: Date | string): Row[]
  /** The other lines of the same window. */
  badLines(dataType: string, from?: Date | string, to?: Date | string): string[]
  /** As `events('user')`. */
  users(from?: Date | string, to?: Date | string): Row[]
  /** One row per member and list: `{ listId, email }` or `{ listId, userId }`. */
  listUsers(): Row[]
  /** Template rows with the type and medium of the request that returns them. */
  templates(): Row[]
  /** `{ table, key, size, lastModified, value }` */
  metadata(): Row[]
}

export const faultProfiles = [
  '429',
  '429-bare',
  '5xx',
  'reset',
  'cut',
  'cut-line',
  'stall',
  'bad-lines',
  'late',
  'shrink',
  'slow',
  'lost-answer',
  'batch-400',
  'batch-413',
  'row-failures',
] as const
export type FaultProfile = (typeof faultProfiles)[number]

/** What goes wrong with a job, ordered by a rule that its start meets. */
export type JobFaultKind =
  | 'job-failed'
  | 'job-cancelled'
  /** It works for ever and brings nothing more. */
  | 'job-stuck'
  | 'job-truncated'
  /** It goes back into the queue and comes again. */
  | 'job-restarted'
  /** Pages list each file twice. */
  | 'file-twice'

/** What goes wrong with one answer. `drop` closes the connection before anything is done. */
export type FaultKind =
  | '429'
  | '429-bare'
  | '5xx'
  | 'reset'
  | 'cut'
  | 'cut-line'
  | 'stall'
  | 'shrink'
  | 'slow'
  | 'lost-answer'
  | 'drop'
  | 'expired'
  | JobFaultKind
  /** A text or bytes go out as they are, anything else as JSON; a header `content-type` replaces the usual one. */
  | { readonly status: number; readonly body: unknown; readonly headers?: Record<string, string> }

export interface FaultRule {
  readonly fault: FaultKind
  /** How many matching requests are hit. Default 1; Infinity for good. */
  readonly times?: number
  /** Matching requests that are let through first. Default 0. */
  readonly skip?: number
  /** Start of the path. Default: any path. */
  readonly path?: string
  readonly method?: string
  /** Query parameters that must have these values. */
  readonly query?: Record<string, string>
  /** Members that the JSON of the body must have. */
  readonly body?: Record<string, string>
  /** For reset, cut, cut-line and stall: bytes sent before it happens. Default: about half of the body. */
  readonly afterBytes?: number
}

export interface Faults {
  next(rule: FaultRule): void
  /** Drops all rules; profiles stay. */
  clear(): void
}

export interface LoggedRequest {
  readonly number: number
  readonly method: string
  readonly path: string
  readonly query: Record<string, string>
  /** 0 until the answer's head is sent; stays 0 when the connection was dropped before. */
  readonly status: number
  /** Milliseconds since the sandbox started. */
  readonly at: number
  /** Kind of the API key, `none` or `unknown`. */
  readonly key: string
  /** The fault that hit it. */
  readonly fault?: string
  /** Parsed body of a write (its text, where it is not JSON). */
  readonly body?: unknown
}

export interface LoggedWrite {
  readonly path: string
  readonly listId?: number
  /** SHA-256 of the body as it came. */
  readonly hash: string
  readonly rows: number
  readonly successCount: number
  readonly failCount: number
  /** The client was told (the connection did not break). */
  readonly answered: boolean
  readonly at: number
}
