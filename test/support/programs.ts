/**
 * Programs that tests start as processes of their own. They are bundled once a run: `tsx` would compile the product
 * anew for each, which takes two CPU seconds (measured).
 */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { build } from 'esbuild'

const root = join(import.meta.dirname, '../..')
/** Work trees that share one `node_modules` have bundles of their own. */
const bundles = join(root, 'node_modules/.cache/iterable-elt', createHash('sha1').update(root).digest('hex'))

const programs = [
  'src/cli/main.ts',
  'test/export/child.ts',
  'test/schedule/worker-process.ts',
  'test/support/hold-file.ts',
  'test/support/sync-process.ts',
] as const

export type Program = (typeof programs)[number]

/** Bundles all of them; packages stay where they are. */
export async function bundlePrograms(): Promise<void> {
  await build({
    absWorkingDir: root,
    entryPoints: [...programs],
    outdir: bundles,
    outbase: root,
    bundle: true,
    splitting: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'node20',
    logLevel: 'warning',
  })
}

/** Starts a program with its arguments. */
export function startProgram(
  program: Program,
  args: readonly string[],
  options: SpawnOptions = {},
): ChildProcess {
  return spawn(process.execPath, [join(bundles, program.replace(/\.ts$/, '.js')), ...args], options)
}
