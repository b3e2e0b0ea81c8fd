/**
 * DuckDB's extensions for a lake, without DuckDB's own download: the Python package index has them as wheels, built for
 * exactly one version of the engine. They are laid out as `extension_directory` wants them.
 *
 *     node .ci/duckdb-extensions.mjs [DIRECTORY]
 *
 * Prints the directory. Exit code 1, and the reason, where those that every lake needs cannot be had.
 */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { copyFile, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { DuckDBInstance } from '@duckdb/node-api'

const run = promisify(execFile)
/** A lake cannot do without these. */
const needed = ['ducklake', 'postgres_scanner', 'httpfs']
/** These it needs for some storages alone: keys that the machine has, and Azure. */
const ofClouds = ['aws', 'azure']

/** The directory with all of them, filled if need be. `onMissing` hears of those that are left out. */
export async function fetchExtensions(directory = defaultDirectory, onMissing = console.error) {
  const { version, platform } = await engine()
  const home = join(directory, version, platform)
  await mkdir(home, { recursive: true })
  await fetchInto(home, needed, version)
  for (const name of ofClouds) {
    await fetchInto(home, [name], version).catch((error) =>
      onMissing(`DuckDB's extension ${name} cannot be had: ${error.message.trim()}`),
    )
  }
  return directory
}

async function fetchInto(home, names, version) {
  const missing = []
  for (const name of names) {
    if (!existsSync(join(home, fileOf(name)))) missing.push(name)
  }
  if (missing.length === 0) return
  const scratch = await mkdtemp(join(tmpdir(), 'elt-wheels-'))
  try {
    const wheels = missing.map((name) => `duckdb-extension-${name.replaceAll('_', '-')}==${version.slice(1)}`)
    await run('python3', [
      '-m',
      'pip',
      'download',
      '--quiet',
      '--no-deps',
      '--only-binary=:all:',
      '-d',
      scratch,
      ...wheels,
    ])
    for (const wheel of await readdir(scratch)) {
      await run('python3', ['-m', 'zipfile', '-e', join(scratch, wheel), join(scratch, 'unpacked')])
    }
    for (const name of missing) {
      const unpacked = join(
        scratch,
        'unpacked',
        `duckdb_extension_${name}`,
        'extensions',
        version,
        fileOf(name),
      )
      // Whoever fetches at the same time finds the file whole, or not at all.
      const fresh = join(home, `${fileOf(name)}.${process.pid}`)
      await copyFile(unpacked, fresh)
      await rename(fresh, join(home, fileOf(name)))
    }
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

const defaultDirectory = fileURLToPath(
  new URL('../node_modules/.cache/iterable-elt/duckdb-extensions', import.meta.url),
)

const fileOf = (name) => `${name}.duckdb_extension`

async function engine() {
  const instance = await DuckDBInstance.create()
  const connection = await instance.connect()
  try {
    const [[version, platform]] = (
      await connection.runAndReadAll(
        'select v.library_version, p.platform from pragma_version() v, pragma_platform() p',
      )
    ).getRows()
    return { version, platform }
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    console.log(await fetchExtensions(process.argv[2]))
  } catch (error) {
    console.error(`DuckDB's extensions cannot be had: ${error.message.trim()}`)
    process.exitCode = 1
  }
}
