/** What schedules are about. Jobs are handed in as functions: this folder knows when, never what. */
import type { NotifyEvent, ScheduleConfig } from '../config/schema.ts'
import type { ErrorKind, FailureCode } from '../errors.ts'
import type { RunState } from '../state/tables/sync.ts'

/** Whom an export tells beside those of the configuration. */
export interface NotifySettings {
  readonly email?: readonly string[] | undefined
  readonly webhook?: string | undefined
  readonly on: readonly NotifyEvent[]
}

/** A job as it is defined now. */
export interface JobDefinition {
  /** `sync` or `export:NAME`. */
  readonly job: string
  /** Absent: it has no schedule there (a row of `schedules` may still give it one). */
  readonly schedule?: ScheduleConfig | undefined
  /** Where the schedule is written: `config`, `file` or `exports` (a row of that table). */
  readonly definedIn: string
  /** Its definition cannot be read at present: what is known of its schedule stays. */
  readonly isUnreadable?: boolean
  readonly notify?: NotifySettings | undefined
}

/** One run, as its job sees it. */
export interface RunContext {
  readonly job: string
  /** The run's row is there already, in state `running`. */
  readonly runId: string
  /** Null where nobody set one: a run asked for by hand. */
  readonly nominalAt: Date | null
  readonly dueAt: Date
  /** The tick before the nominal time, as the schedule has it. */
  readonly previousNominalAt: Date | null
  /** `schedule`, `retry`, `backfill`, `request` or `manual`. */
  readonly trigger: string
  /** 1, or more when the worker before died or was stopped in the middle of this run. */
  readonly attempt: number
  /** Ends the job as soon as it can. */
  readonly signal: AbortSignal
  /** Asks the job to end after the window or batch in flight. */
  readonly stopping: AbortSignal
}

export interface JobResult {
  readonly state: RunState
  readonly error?: { readonly code: FailureCode; readonly text: string } | undefined
  readonly kind: ErrorKind
}

/** Jobs by their names. */
export interface Jobs {
  /** All that are defined now. */
  definitions(): Promise<readonly JobDefinition[]>
  /** Runs one. May throw: `locked` means that another process has it, and the run waits. */
  run(context: RunContext): Promise<JobResult>
}
