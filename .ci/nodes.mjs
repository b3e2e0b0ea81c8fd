/**
 * The parts of the tests that would notice another Node first, on other Nodes: `node .ci/nodes.mjs 24 26`. Their binaries
 * come from the package registry; where one cannot be had, that is said, and nothing fails.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
/** Both warehouses, HTTP, processes, the configuration, and what hosts bring along. */
const smoke = [
  ...['test/config/load.test.ts', 'test/iterable/client.test.ts', 'test/cli/commands.test.ts'],
  ...['test/notify/chats.test.ts', 'test/telemetry.test.ts'],
]

const folder = mkdtempSync(join(tmpdir(), 'elt-nodes-'))
let failures = 0
try {
  for (const major of process.argv.slice(2)) {
    const node = install(major)
    if (node === undefined) console.log(`NOT RUN: Node ${major} cannot be had here`)
    else if (!passes(node)) failures += 1
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
process.exit(failures > 0 ? 1 : 0)

function install(major) {
  const name = `node-${process.platform}-${process.arch}`
  const place = join(folder, major)
  const options = ['--no-save', '--no-audit', '--no-fund', '--ignore-scripts', '--prefix', place]
  const { status } = spawnSync('npm', ['install', ...options, `${name}@${major}`], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  return status === 0 ? join(place, 'node_modules', name, 'bin/node') : undefined
}

function passes(node) {
  const run = (args) =>
    spawnSync(node, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] }).status === 0
  return (
    run([join(root, 'dist/cli/main.js'), '--version']) &&
    run([join(root, 'node_modules/vitest/vitest.mjs'), 'run', ...smoke])
  )
}
