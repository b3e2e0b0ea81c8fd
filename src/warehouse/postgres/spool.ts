/** A private directory for what is on its way into a Postgres warehouse. */
import { createHash } from 'node:crypto'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ConfigError, messageOf } from '../../errors.ts'
import { makeFolder } from '../../folders.ts'
import { ownName, removeLeftovers } from '../../spool/leftovers.ts'
import type { Target } from './login.ts'

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
    const made = await mkdtemp(join(directory, `${ownName(prefix)}-`))
    await removeLeftovers(directory, prefix)
    return made
  } catch (error) {
    throw new ConfigError(
      `cannot write downloads to ${directory}: ${messageOf(error)}; make it writable, or set "spool_directory"`,
      { code: 'spool_not_writable', cause: error },
    )
  }
}
