/**
 * The errors that a user may meet. Each says what to change; `exitCode` is what the command line ends with.
 */

/** Exit codes of the command line (README, "Exit codes"). */
export const exitCodes = { success: 0, failed: 1, usage: 2, held: 3, interrupted: 130 } as const

/** An error whose message is meant for the user: it names the thing, the value met and the cure. */
export class UserError extends Error {
  override readonly name: string = 'UserError'
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

  constructor(message: string, options?: ErrorOptions & { code?: string }) {
    super(options?.code ?? 'config', message, { ...options, exitCode: exitCodes.usage })
  }
}

/** The person asked to stop (Ctrl-C, SIGTERM or an AbortSignal); what was committed stays, the rest is done again. */
export class InterruptedError extends UserError {
  override readonly name = 'InterruptedError'

  constructor(message = 'interrupted; the next run goes on where this one stopped', options?: ErrorOptions) {
    super('interrupted', message, { ...options, exitCode: exitCodes.interrupted })
  }
}

/** The text of anything thrown, for messages and logs. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
