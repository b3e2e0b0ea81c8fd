/** Folders that are made as they are needed. */
import { mkdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'

/**
 * Makes a folder and those above it that are missing; one that is there stays as it is. Step by step: the recursive
 * `mkdir` of Node never returns from a path that no folder can be made in (`/proc/x/y`), and calls a read-only file
 * system a missing folder.
 * @throws the error of the system that names the folder which cannot be made.
 */
export async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ENOENT') {
      if (await isFolder(path)) return
      throw error
    }
    const parent = dirname(path)
    // It is there, and refuses all the same: nothing is won by asking again.
    if (parent === path || (await isFolder(parent))) throw error
    await makeFolder(parent)
    await mkdir(path).catch(async (second: unknown) => {
      // Another process was quicker.
      if (!(await isFolder(path))) throw second
    })
  }
}

async function isFolder(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined)
  return found?.isDirectory() ?? false
}
