/**
 * The errors that a user may meet. Each says what to change; `exitCode` is what the command line ends with.
 */

import { type CodeOf, type ErrorCode, type ErrorKind, errorCodes, type FailureCode } from './error-codes.ts'

export type { ErrorCode, ErrorKind, FailureCode } from './error-codes.ts'

/** Exit codes of the command line (docs/commands.md, "Exit codes"). */
export const exitCodes = { success: 0, failed: 1, usage: 2, held: 3, interrupted: 130 } as const

/** An error whose message is meant for the user: it names the thing, the value met and the cure. */
export class UserError extends Error {
  override readonly name: string = 'UserError'
  /** A short stable word for machines, stored in `runs.error_code`; `docs/errors.md` explains each. */
  readonly code: ErrorCode
  readonly kind: ErrorKind
  readonly exitCode: number
  /** What the message speaks of, where it begins with that: `export "vip"`. */
  readonly about: string | undefined

  constructor(
    code: ErrorCode,
    message: string,
    options?: ErrorOptions & { exitCode?: number; about?: string | undefined },
  ) {
    super(message, options)
    this.code = code
    this.kind = errorCodes[code].kind
    this.exitCode = options?.exitCode ?? exitCodes.failed
    this.about = options?.about
  }
}

/** Wrong configuration or wrong usage: nothing has been done, exit code 2. */
export class ConfigError extends UserError {
  override readonly name = 'ConfigError'

  constructor(message: string, options?: ErrorOptions & { code?: CodeOf<'config'>; about?: string }) {
    super(options?.code ?? 'config', message, { ...options, exitCode: exitCodes.usage })
  }
}

/** Something that may have passed by the next try: a lock, a full disk, a server that is away. */
export class TransientError extends UserError {
  override readonly name: string = 'TransientError'

  constructor(code: CodeOf<'transient'>, message: string, options?: ErrorOptions) {
    super(code, message, options)
  }
}

/** Another process has the lock of a job. */
export class LockedError extends TransientError {
  override readonly name = 'LockedError'
  /** Who has it, for people. */
  readonly holder: string

  constructor(what: string, holder: string, options?: ErrorOptions) {
    super('locked', `${what} (${holder}); wait until it ends, or stop it`, options)
    this.holder = holder
  }
}

/** The person asked to stop (Ctrl-C, SIGTERM or an AbortSignal); what was committed stays, the rest is done again. */
export class InterruptedError extends UserError {
  override readonly name = 'InterruptedError'

  constructor(message = 'interrupted; the next run goes on where this one stopped', options?: ErrorOptions) {
    super('interrupted', message, { ...options, exitCode: exitCodes.interrupted })
  }
}

/**
 * What went wrong first. An error of tidying up wraps the one that made it necessary (`SuppressedError`), and would be
 * told in its place.
 */
export function firstOf(error: unknown): unknown {
  let first = error
  while (first instanceof Error && first.name === 'SuppressedError' && 'suppressed' in first)
    first = first.suppressed
  return first
}

/** The code of anything thrown; `unexpected` for what nobody foresaw. */
export function codeOf(error: unknown): FailureCode {
  const first = firstOf(error)
  return first instanceof UserError ? first.code : 'unexpected'
}

/** The code that the system, a driver or a server gave an error, or the error within it that came first; else ''. */
export function systemCodeOf(error: unknown): string {
  if (!(error instanceof Error)) return ''
  if ('code' in error && typeof error.code === 'string') return error.code
  // Several addresses of one name were tried.
  return systemCodeOf(error instanceof AggregateError ? error.errors[0] : error.cause)
}

/** What anything thrown calls for; what nobody foresaw is tried again. */
export function kindOf(error: unknown): ErrorKind {
  const first = firstOf(error)
  return first instanceof UserError ? first.kind : 'transient'
}

/** A message that ends with the place where its code is explained. */
export const withDocs = (message: string, code: string | null): string =>
  code !== null && Object.hasOwn(errorCodes, code) ? `${message} (docs/errors.md#${code})` : message

/** The text of anything thrown, for messages and logs. */
export function messageOf(error: unknown): string {
  const first = firstOf(error)
  return first instanceof Error ? first.message : String(first)
}
