/**
 * The errors that a user may meet. Each says what to change; `exitCode` is what the command line ends with.
 */

/** Exit codes of the command line (README, "Exit codes"). */
export const exitCodes = { success: 0, failed: 1, usage: 2, held: 3, interrupted: 130 } as const

/**
 * What a failure calls for. `config`: a change by a person, and many in a row pause the schedule. `transient`: another
 * try later. `run`: nothing (rows that are refused, a brake); the next tick comes as planned.
 */
export type ErrorKind = 'config' | 'transient' | 'run'

/** An error whose message is meant for the user: it names the thing, the value met and the cure. */
export class UserError extends Error {
  override readonly name: string = 'UserError'
  readonly kind: ErrorKind = 'run'
  /** A short stable word for machines, stored in `runs.error_code`. */
  readonly code: string
  readonly exitCode: number

  constructor(code: string, message: string, options?: ErrorOptions & { exitCode?: number }) {
    super(message, options)
    this.code = code
    this.exitCode = options?.exitCode ?? exitCodes.failed
  }
}

/** Wrong configuration or wrong usage: nothing has been done, exit code 2. */
export class ConfigError extends UserError {
  override readonly name = 'ConfigError'
  override readonly kind = 'config'

  constructor(message: string, options?: ErrorOptions & { code?: string }) {
    super(options?.code ?? 'config', message, { ...options, exitCode: exitCodes.usage })
  }
}

/** Something that may have passed by the next try: a lock, a full disk, a server that is away. */
export class TransientError extends UserError {
  override readonly name: string = 'TransientError'
  override readonly kind = 'transient'
}

/** The person asked to stop (Ctrl-C, SIGTERM or an AbortSignal); what was committed stays, the rest is done again. */
export class InterruptedError extends UserError {
  override readonly name = 'InterruptedError'

  constructor(message = 'interrupted; the next run goes on where this one stopped', options?: ErrorOptions) {
    super('interrupted', message, { ...options, exitCode: exitCodes.interrupted })
  }
}

/** The code of anything thrown; `unexpected` for what nobody foresaw. */
export const codeOf = (error: unknown): string => (error instanceof UserError ? error.code : 'unexpected')

/** What anything thrown calls for; what nobody foresaw is tried again. */
export const kindOf = (error: unknown): ErrorKind => (error instanceof UserError ? error.kind : 'transient')

/** The text of anything thrown, for messages and logs. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
