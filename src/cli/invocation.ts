/** How the program was started, so that the commands it proposes work as they stand. */
import { existsSync } from 'node:fs'
import { basename, delimiter, join, relative } from 'node:path'

export interface Started {
  /** The file that Node runs, as `argv[1]` has it. */
  readonly script: string | undefined
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
}

/** What to write in place of `iterable-elt` in a command line. */
export function invocationOf({ script, env, cwd }: Started): string {
  const folders = (env.PATH ?? '').split(delimiter).filter((folder) => !folder.endsWith('node_modules/.bin'))
  if (folders.some((folder) => existsSync(join(folder, 'iterable-elt')))) return 'iterable-elt'
  if (script === undefined || env.npm_command === 'exec') return 'npx iterable-elt'
  if (basename(script) === 'iterable-elt') return `./${relative(cwd, script)}`
  if (script.endsWith('.ts')) return 'npm run dev --'
  return `node ${relative(cwd, script)}`
}
