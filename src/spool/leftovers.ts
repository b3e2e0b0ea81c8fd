/** Folders of one process, named so that any later one finds out whether its maker is dead, and removes them. */
import { createHash } from 'node:crypto'
import { mkdtemp, readdir, stat } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { isAlive } from './processes.ts'
import { removeSpool } from './spool.ts'

/** Ids of processes count within a machine (or container) only. */
const machine = createHash('sha256').update(hostname()).digest('hex').slice(0, 8)
const made = new Set<string>()

/** A name that no other process uses, nor this one again. */
export function ownName(prefix: string): string {
  const name = `${prefix}${machine}-${process.pid}-${made.size + 1}`
  made.add(name)
  return name
}

/**
 * Makes a folder for this process alone, whose name nobody can know before, and so have made; what dead processes have left
 * under names with the same prefix is removed.
 */
export async function makeOwnFolder(directory: string, prefix: string): Promise<string> {
  const own = await mkdtemp(join(directory, `${ownName(prefix)}-`))
  await removeLeftovers(directory, prefix)
  return own
}

/** Nobody works for this long without touching a folder. */
const staleMs = 2 * 86_400_000

/**
 * Removes what dead processes have left in a folder under names with this prefix; asked when a folder was just made
 * there. Of other machines, whose processes cannot be seen, only what nobody has touched for days goes.
 */
export async function removeLeftovers(directory: string, prefix: string): Promise<void> {
  const { mtimeMs: nowMs } = await stat(directory)
  for (const name of await readdir(directory)) {
    if (!name.startsWith(prefix)) continue
    const path = join(directory, name)
    const [own, where, id] = /^([0-9a-f]{8})-(\d+)-\d+/.exec(name.slice(prefix.length)) ?? []
    const isDead =
      where === machine ? isDeadHere(`${prefix}${own}`, Number(id)) : await isOlder(path, nowMs - staleMs)
    // Another user's leftovers stay: they are not ours to remove.
    if (isDead) await removeSpool(path).catch(() => {})
  }
}

/** In a container a process may have the id of the one before it. */
const isDeadHere = (name: string, pid: number): boolean =>
  pid === process.pid ? !made.has(name) : !isAlive(pid)

const isOlder = (path: string, thanMs: number): Promise<boolean> =>
  stat(path).then(
    ({ mtimeMs }) => mtimeMs < thanMs,
    () => false,
  )

/** Removes a folder of this process, and those named after it. */
export async function removeOwn(directory: string, name: string): Promise<void> {
  const names = await readdir(directory).catch(() => [])
  for (const one of names.filter((found) => found === name || found.startsWith(`${name}-`))) {
    await removeSpool(join(directory, one))
  }
}
