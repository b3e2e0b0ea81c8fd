/** Folders that are made as they are needed, and places that cannot be written to. */
import { mkdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { ConfigError } from './errors.ts'

/**
 * Makes a folder and those above it that are missing; one that is there stays as it is. Step by step: the recursive
 * `mkdir` of Node never returns from a path that no folder can be made in (`/proc/x/y`), and calls a read-only file
 * system a missing folder.
 * @throws the error of the system that names the folder which cannot be made.
 */
export async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { mode })
  } catch (error) {
    const parent = dirname(path)
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || parent === path) {
      if (await isFolder(path)) return
      throw error
    }
    if (!(await isFolder(parent))) await makeFolder(parent)
    // In any case once more: somebody else may have made the parent since, or even the folder.
    await mkdir(path, { mode }).catch(async (second: unknown) => {
      if (!(await isFolder(path))) throw second
    })
  }
}

/**
 * Writes where a person wants it.
 * @param place as the message names it: `--html: cannot write report.html`.
 * @throws ConfigError where the system refuses.
 */
export async function writingTo<T>(place: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException
    if (syscall === undefined || code === 'ENOSPC') throw error
    throw new ConfigError(`${place} (${code}); name a file or folder that can be written`, {
      code: 'usage',
      cause: error,
    })
  }
}

/** What passes through is people's data: for its owner only. */
const mode = 0o700

async function isFolder(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined)
  return found?.isDirectory() ?? false
}
