/**
 * Azurite, Microsoft's own emulator of Azure's storage, for the tests of lakes there. It has 374 packages of 186 MB, a third
 * of all that is installed here, for one test: so it is fetched when that test runs, and not with `npm ci`.
 *
 *     node .ci/azurite.mjs [DIRECTORY]
 *
 * Prints the program that serves blobs. Exit code 1, and the reason, where it cannot be had.
 */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

/** The last one that runs on every Node that we run on. */
const version = '3.35.0'

/** The program, fetched if need be. */
export async function fetchAzurite(directory = defaultDirectory) {
  const home = join(directory, version)
  const program = join(home, 'node_modules/azurite/dist/src/blob/main.js')
  if (existsSync(program)) return program
  // Whoever fetches at the same time finds all of it, or nothing.
  const fresh = `${home}.${process.pid}`
  try {
    await mkdir(fresh, { recursive: true })
    await writeFile(join(fresh, 'package.json'), '{ "private": true }')
    const options = ['--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock', '--prefer-offline']
    // Without a network it is over soon.
    options.push('--fetch-retries=1', '--fetch-retry-mintimeout=1000')
    await promisify(execFile)('npm', ['install', ...options, `azurite@${version}`], { cwd: fresh })
    await rename(fresh, home).catch(async (error) => {
      if (!existsSync(program)) throw error
    })
  } finally {
    await rm(fresh, { recursive: true, force: true })
  }
  return program
}

const defaultDirectory = fileURLToPath(
  new URL('../node_modules/.cache/iterable-elt/azurite', import.meta.url),
)

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    console.log(await fetchAzurite(process.argv[2]))
  } catch (error) {
    // What npm goes on to say is a stack.
    console.error(`Azurite cannot be had: ${error.message.split('\n').slice(0, 5).join('\n').trim()}`)
    process.exitCode = 1
  }
}
