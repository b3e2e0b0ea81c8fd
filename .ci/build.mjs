/**
 * Builds `dist` and `config.schema.json`. The compiler writes into `.ci/dist`, which then takes the place of
 * `dist` at one stroke: a failed build leaves the last good one, and a program running from it sees no half.
 */
import { execFileSync } from 'node:child_process'
import { chmodSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const at = (path) => join(root, path)

rmSync(at('.ci/dist'), { recursive: true, force: true })
try {
  const tsc = at('node_modules/typescript/bin/tsc')
  execFileSync(process.execPath, [tsc, '-p', 'tsconfig.build.json', '--outDir', '.ci/dist'], {
    cwd: root,
    stdio: 'inherit',
  })
} catch {
  // The compiler has already said what is wrong.
  process.exit(1)
}
chmodSync(at('.ci/dist/cli/main.js'), 0o755)
rmSync(at('dist'), { recursive: true, force: true })
renameSync(at('.ci/dist'), at('dist'))

const { configJsonSchema } = await import('../dist/config/json-schema.js')
writeFileSync(at('config.schema.json'), `${JSON.stringify(configJsonSchema(), null, 2)}\n`)
