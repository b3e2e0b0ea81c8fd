/** What the machine does to a warehouse, in words that say what to change. */
import { ConfigError, firstOf, messageOf, TransientError, UserError } from '../errors.ts'

/** The error itself, or what it means where it tells of a full disk or of files that may not be written. */
export function explainedFault(caught: unknown): unknown {
  const error = firstOf(caught)
  if (error instanceof UserError) return error
  const message = messageOf(error)
  if (isDiskFull(error)) {
    return new TransientError(
      'disk_full',
      `the disk is full (${firstLine(message)}); free space beside the warehouse, or move "spool_directory". Nothing half-written was published`,
      { cause: error },
    )
  }
  if (/EACCES|EPERM|EROFS|Permission denied|Read-only file system/i.test(message)) {
    return new ConfigError(
      `a file cannot be written (${firstLine(message)}); check the permissions of the warehouse and of "spool_directory"`,
      { code: 'warehouse_not_writable', cause: error },
    )
  }
  return error
}

export const isDiskFull = (error: unknown): boolean =>
  /ENOSPC|EDQUOT|No space left on device|Disk quota exceeded/i.test(messageOf(error))

const firstLine = (message: string): string => message.split('\n', 1)[0] ?? message
