/**
 * Makes a checkout ready to run: `node .ci/prepare.mjs` installs what is missing, `--build` also rebuilds
 * a `dist` that is older than its sources. Needs nothing but Node and npm, and does nothing when all is there.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const read = (path) => JSON.parse(readFileSync(join(root, path), 'utf8'))

refuseOldNode(read('package.json').engines.node)
if (!isInstalled()) run('npm', ['ci', '--include=dev'])
if (process.argv.includes('--build') && isStale()) run(process.execPath, [join(root, '.ci/build.mjs')])

function refuseOldNode(range) {
  const needed = range.replace(/^>=/, '').split('.').map(Number)
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > needed[0] || (major === needed[0] && minor >= needed[1])) return
  console.error(`Node ${process.versions.node} is too old for iterable-elt: it needs Node ${range}`)
  process.exit(1)
}

/** Compares versions, not file times: git gives package-lock.json a new time at every checkout. */
function isInstalled() {
  if (!existsSync(join(root, 'node_modules/.package-lock.json'))) return false
  const installed = read('node_modules/.package-lock.json').packages
  return Object.entries(read('package-lock.json').packages).every(
    ([path, wanted]) =>
      path === '' || wanted.optional || wanted.devOptional || installed[path]?.version === wanted.version,
  )
}

function isStale() {
  const built = join(root, 'dist/cli/main.js')
  if (!existsSync(built) || !existsSync(join(root, 'config.schema.json'))) return true
  const sources = [
    'src',
    'package.json',
    'tsconfig.json',
    'tsconfig.build.json',
    '.ci/build.mjs',
    '.ci/bundle.json',
  ]
  return Math.max(...sources.map((path) => newestMs(join(root, path)))) > statSync(built).mtimeMs
}

/** Folders count too: a deleted file shows in nothing but the time of its folder. */
function newestMs(path) {
  const stat = statSync(path)
  if (!stat.isDirectory()) return stat.mtimeMs
  return Math.max(stat.mtimeMs, ...readdirSync(path).map((name) => newestMs(join(path, name))))
}

function run(command, args) {
  // Everything goes to stderr, so that stdout of the command that follows stays its own.
  const shell = process.platform === 'win32' && command === 'npm'
  const { status, error } = spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', 2, 2],
    shell,
    env: ownEnv(),
  })
  if (error) console.error(`cannot run ${command}: ${error.message}`)
  if (status !== 0) process.exit(status ?? 1)
}

/** What `npm install -g .` hands on to the scripts that it runs would send an npm of theirs to the global folder too. */
function ownEnv() {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^npm_config_(global|prefix|location)$/i.test(name)),
  )
}
