/** What a sync tells while it works. */
import type { ErrorKind, FailureCode } from '../errors.ts'
import type { NewColumn } from '../warehouse/shape.ts'

/** `skipped`: another sync works on it. */
export type StreamState = 'succeeded' | 'succeeded_with_rejects' | 'failed' | 'cancelled' | 'skipped'

/** How one stream ended; the entry of `--json`. */
export interface StreamReport {
  readonly stream: string
  readonly state: StreamState
  readonly rows_read: number
  readonly rows_written: number
  readonly rows_rejected: number
  /** ISO 8601; null for full tables. */
  readonly bookmark: string | null
  /** Windows (of event and user exports), lists or reads that were committed. */
  readonly windows: number
  readonly api_calls: number
  readonly error: string | null
  /** A short stable word for the error. */
  readonly error_code: FailureCode | null
  /** What the error calls for: `config`, a change by a person; `transient`, another try; `run`, nothing. */
  readonly error_kind: ErrorKind | null
  /** Columns that the table has got. */
  readonly new_columns: readonly NewColumn[]
  /** Things worth knowing: kept rows of a shrunk window, replaced characters, widened columns. */
  readonly notes: readonly string[]
}

/** The report of a stream of which nothing was read, with what there is to tell all the same. */
export const untouchedReport = (
  stream: string,
  told: Partial<Omit<StreamReport, 'stream'>>,
): StreamReport => ({
  stream,
  state: 'succeeded',
  bookmark: null,
  new_columns: [],
  notes: [],
  rows_read: 0,
  rows_written: 0,
  rows_rejected: 0,
  windows: 0,
  api_calls: 0,
  error: null,
  error_code: null,
  error_kind: null,
  ...told,
})

/** How a sync ended; what `sync --json` prints. */
export interface SyncReport {
  readonly run_id: string
  readonly job: 'sync'
  readonly state: 'succeeded' | 'succeeded_with_rejects' | 'failed' | 'cancelled'
  readonly rows_read: number
  readonly rows_written: number
  readonly rows_rejected: number
  readonly streams: readonly StreamReport[]
}

export type SyncEvent =
  | { readonly type: 'started'; readonly runId: string; readonly streams: readonly string[] }
  /** Something of a stream moved. `label` names the window or list being read. */
  | {
      readonly type: 'progress'
      readonly stream: string
      /** Of the part that `label` names: it waits for its turn, comes, is here, goes into the warehouse, is there. */
      readonly phase: 'waiting' | 'downloading' | 'downloaded' | 'loading' | 'done'
      readonly label: string
      readonly bytes: number
      readonly rows: number
      /** Parts done and known so far. */
      readonly done: number
      readonly total: number
    }
  /** The sync as a whole: after it began, and when something of the numbers has changed. */
  | {
      readonly type: 'whole'
      readonly streamsDone: number
      readonly streams: number
      /** Parts of all streams. */
      readonly done: number
      readonly total: number
      /** Until the end, at least: what the rate limits make of the parts that are left. */
      readonly secondsLeft: number
    }
  /** The rate limit or a failing server is being waited for. */
  | {
      readonly type: 'wait'
      readonly stream: string
      readonly reason: string
      readonly until: Date
      /** The attempt that has failed, from 1; 0 when nothing has and a turn is waited for. */
      readonly attempt: number
    }
  | { readonly type: 'notice'; readonly stream: string | undefined; readonly message: string }
  | { readonly type: 'finished'; readonly report: StreamReport }
