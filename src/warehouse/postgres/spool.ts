/** A private directory for what is on its way into a Postgres warehouse. */
import { createHash } from 'node:crypto'
import { tmpdir } from 'node:os'
import { ConfigError, messageOf } from '../../errors.ts'
import { makeFolder } from '../../folders.ts'
import { makeOwnFolder } from '../../spool/leftovers.ts'
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
    return await makeOwnFolder(directory, prefix)
  } catch (error) {
    throw new ConfigError(
      `cannot write downloads to ${directory}: ${messageOf(error)}; make it writable, or set "spool_directory"`,
      { code: 'spool_not_writable', cause: error },
    )
  }
}
