/** Writes the files of a dbt project beside those that people have changed, which stay as they are. */
import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { makeFolder, writingTo } from '../folders.ts'
import type { DbtProject } from '../index.ts'

/** What became of the files; names are below the folder. */
export interface WrittenProject {
  readonly written: readonly string[]
  readonly unchanged: readonly string[]
  /** Changed by somebody since, or not ours, and left alone. */
  readonly kept: readonly string[]
}

/** Remembers what was written, by its hash: a file of another content is somebody's work. */
const record = '.iterable-elt.json'

/** @throws ConfigError when the folder cannot be written to. */
export async function writeDbtProject(
  folder: string,
  { files }: DbtProject,
  { force }: { readonly force: boolean },
): Promise<WrittenProject> {
  const outcome = { written: [] as string[], unchanged: [] as string[], kept: [] as string[] }
  await writingTo(`--dbt: cannot write to ${folder}`, async () => {
    const hashes = await readHashes(folder)
    for (const { path, text } of files) {
      const there = await readIfThere(join(folder, path))
      if (there === text) outcome.unchanged.push(path)
      else if (there !== undefined && !force && hashes.get(path) !== hashOf(there)) {
        outcome.kept.push(path)
        continue
      } else {
        await makeFolder(dirname(join(folder, path)))
        await writeFile(join(folder, path), text)
        outcome.written.push(path)
      }
      hashes.set(path, hashOf(text))
    }
    await writeFile(join(folder, record), `${JSON.stringify(Object.fromEntries(hashes), null, 2)}\n`)
  })
  return outcome
}

const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex')

/** A record that nobody can read remembers nothing: every file that differs stays as it is. */
async function readHashes(folder: string): Promise<Map<string, string>> {
  const text = await readIfThere(join(folder, record))
  try {
    return new Map(Object.entries(JSON.parse(text ?? '{}') as Record<string, string>))
  } catch {
    return new Map()
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
