/**
 * Builds `dist` and `config.schema.json`. The compiler writes into `.ci/dist`, which then takes the place of
 * `dist` at one stroke: a failed build leaves the last good one, and a program running from it sees no half. The command
 * is bundled with what it needs, in parts that are loaded with the commands that want them: reading seven hundred small
 * files takes longer than most commands do. The library stays as the compiler writes it.
 */
import { execFileSync } from 'node:child_process'
import { chmodSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

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
rmSync(at('.ci/dist/cli'), { recursive: true })
await build({
  ...JSON.parse(readFileSync(at('.ci/bundle.json'), 'utf8')),
  absWorkingDir: root,
  entryPoints: ['src/cli/main.ts'],
  entryNames: 'main',
  chunkNames: 'parts/[hash]',
  outdir: '.ci/dist/cli',
  minifyWhitespace: true,
  minifySyntax: true,
})
chmodSync(at('.ci/dist/cli/main.js'), 0o755)
rmSync(at('dist'), { recursive: true, force: true })
renameSync(at('.ci/dist'), at('dist'))

const { configJsonSchema } = await import('../dist/config/json-schema.js')
writeFileSync(at('config.schema.json'), `${JSON.stringify(configJsonSchema(), null, 2)}\n`)
