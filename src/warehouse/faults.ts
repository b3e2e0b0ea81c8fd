/** What the machine does to a warehouse, in words that say what to change. */
import { isOutOfSpace, isUnwritable } from '../engine/errors.ts'
import { ConfigError, firstOf, messageOf, systemCodeOf, TransientError, UserError } from '../errors.ts'

/** The error itself, or what it means where it tells of a full disk or of files that may not be written. */
export function explainedFault(caught: unknown): unknown {
  const error = firstOf(caught)
  if (error instanceof UserError) return error
  const said = messageOf(error).split('\n', 1)[0]
  if (isDiskFull(error)) {
    return new TransientError(
      'disk_full',
      `the disk is full (${said}); free space beside the warehouse, or move "spool_directory". Nothing half-written was published`,
      { cause: error },
    )
  }
  if (forbidding.has(systemCodeOf(error)) || isUnwritable(error)) {
    return new ConfigError(
      `a file cannot be written (${said}); check the permissions of the warehouse and of "spool_directory"`,
      { code: 'warehouse_not_writable', cause: error },
    )
  }
  return error
}

/** True where a file could not be written for want of room, whoever wrote it. */
export const isDiskFull = (error: unknown): boolean => filling.has(systemCodeOf(error)) || isOutOfSpace(error)

const filling = new Set(['ENOSPC', 'EDQUOT'])
const forbidding = new Set(['EACCES', 'EPERM', 'EROFS'])
