/** A private directory for what is on its way into a Postgres warehouse. */

import { createHash } from 'node:crypto'
import { mkdtemp, readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ConfigError, messageOf } from '../../errors.ts'
import { makeFolder } from '../../folders.ts'
import { removeSpool } from '../load/spool.ts'
import { isAlive } from '../processes.ts'
import type { Target } from './errors.ts'

/** Makes the directory, readable by nobody else, and removes those that dead processes have left behind. */
export async function makeWorkDirectory(parent: string | undefined, target: Target): Promise<string> {
  const { host, port, database, schema } = target
  const identity = createHash('sha256')
    .update(JSON.stringify([host, port, database, schema]))
    .digest('hex')
  const prefix = `iterable-elt-${identity.slice(0, 12)}-`
  const directory = parent ?? tmpdir()
  try {
    await makeFolder(directory)
    await removeLeftovers(directory, prefix)
    return await mkdtemp(join(directory, `${prefix}${process.pid}-`))
  } catch (error) {
    throw new ConfigError(
      `cannot write downloads to ${directory}: ${messageOf(error)}; make it writable, or set "spool_directory"`,
      { code: 'spool_not_writable', cause: error },
    )
  }
}

async function removeLeftovers(directory: string, prefix: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (!name.startsWith(prefix)) continue
    const pid = Number(name.slice(prefix.length).split('-')[0])
    // Another user's leftovers stay: they are not ours to remove.
    if (Number.isInteger(pid) && !isAlive(pid)) await removeSpool(join(directory, name)).catch(() => {})
  }
}
