/** Queries that people keep: files in a folder, as everything else that is written by hand. */
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ConfigError, messageOf } from '../errors.ts'
import { makeFolder } from '../folders.ts'

const wellNamed = /^[a-z0-9_-]{1,60}$/

export async function listQueries(folder: string): Promise<readonly string[]> {
  const files = await readdir(folder).catch(() => [])
  return files
    .filter((file) => file.endsWith('.sql'))
    .map((file) => file.slice(0, -'.sql'.length))
    .filter((name) => wellNamed.test(name))
    .sort()
}

/** @throws ConfigError where there is none of the name. */
export async function readQuery(folder: string, name: string): Promise<string> {
  if (!wellNamed.test(name)) throw unknownQuery(name)
  return readFile(join(folder, `${name}.sql`), 'utf8').catch(() => {
    throw unknownQuery(name)
  })
}

/** @throws ConfigError for a name that is taken, or none. */
export async function saveQuery(folder: string, name: string, text: string): Promise<void> {
  if (!wellNamed.test(name)) {
    throw new ConfigError(
      `${JSON.stringify(name)} cannot be the name of a query: expected small letters, digits, _ and -`,
    )
  }
  await makeFolder(folder)
  const path = join(folder, `${name}.sql`)
  await writeFile(path, `${text.trimEnd()}\n`, { flag: 'wx' }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw new ConfigError(`cannot write ${path}: ${messageOf(error)}`)
    throw new ConfigError(`there is a query "${name}" already; choose another name, or change ${path}`)
  })
}

const unknownQuery = (name: string) => new ConfigError(`there is no saved query ${JSON.stringify(name)}`)
