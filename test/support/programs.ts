/**
 * Programs that tests start as processes of their own. They are bundled once a run, as the command is that is released:
 * `tsx` would compile the product anew for each, which takes two CPU seconds (measured).
 */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { build } from 'esbuild'

const root = join(import.meta.dirname, '../..')
/** Work trees that share one `node_modules` have bundles of their own. */
const bundles = join(root, 'node_modules/.cache/iterable-elt', createHash('sha1').update(root).digest('hex'))

const programs = [
  'src/cli/main.ts',
  'test/export/child.ts',
  'test/schedule/worker-process.ts',
  'test/support/hold-file.ts',
  'test/support/s3-server.ts',
  'test/support/sync-process.ts',
] as const

export type Program = (typeof programs)[number]

/** Bundles all of them. Another run of the same tree may be starting them at this moment: each is there as a whole. */
export async function bundlePrograms(): Promise<void> {
  const settings = JSON.parse(readFileSync(join(root, '.ci/bundle.json'), 'utf8'))
  const { outputFiles = [] } = await build({
    ...settings,
    external: [...settings.external, 's3rver'],
    absWorkingDir: root,
    entryPoints: [...programs],
    outdir: bundles,
    outbase: root,
    write: false,
  })
  for (const { path, contents } of outputFiles) {
    await mkdir(dirname(path), { recursive: true })
    const made = `${path}.${process.pid}`
    await writeFile(made, contents)
    await rename(made, path)
  }
}

/** Starts a program with its arguments. */
export function startProgram(
  program: Program,
  args: readonly string[],
  options: SpawnOptions = {},
): ChildProcess {
  return spawn(process.execPath, [programPath(program), ...args], options)
}

/** The bundle of a program. */
export const programPath = (program: Program): string => join(bundles, program.replace(/\.ts$/, '.js'))
