import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, posix, sep } from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freePort } from './support/embedded-postgres.ts'
import { layOutImage } from './support/image.ts'

const root = join(import.meta.dirname, '..')
const minutes = 60_000

describe('the package, packed and installed into an empty folder', () => {
  let folder: string
  let packed: readonly string[]

  beforeAll(async () => {
    // Commands that other tests ran in this process keep what they make to themselves; a package is for everybody.
    process.umask(0o022)
    folder = await mkdtemp(join(tmpdir(), 'elt-package-'))
    const consumer = join(folder, 'consumer')
    await mkdir(consumer)
    const pack = JSON.parse(await run(root, 'npm', ['pack', '--json', '--pack-destination', folder]))
    packed = pack[0].files.map((file: { path: string }) => file.path)
    await writeFile(join(consumer, 'package.json'), '{ "private": true, "type": "module" }\n')
    const install = ['install', '--prefer-offline', '--no-audit', '--no-fund']
    await run(consumer, 'npm', [...install, join(folder, pack[0].filename)])
  }, 5 * minutes)

  afterAll(() => rm(folder, { recursive: true, force: true }))

  test('holds the program, its types, its SQL and its schema, but no sources and no tests', async () => {
    const needed = [
      ...[
        'dist/cli/main.js',
        'dist/index.js',
        'dist/index.d.ts',
        'config.schema.json',
        'config.example.json',
      ],
      ...['README.md', 'CHANGELOG.md', 'LICENSE', 'docs/tables.md'],
      ...(await filesIn('migrations')),
      ...(await filesIn('sql')),
      ...(await filesIn('assets')),
    ]
    expect(packed).toEqual(expect.arrayContaining(needed))
    expect(packed.filter((path) => /^(src|test|bench|\.ci)\/|\.env|\.duckdb/.test(path))).toEqual([])
  })

  test('runs as a command', async () => {
    const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
    const printed = await run(join(folder, 'consumer'), 'npx', ['--no-install', 'iterable-elt', '--version'])
    expect(printed).toMatch(
      new RegExp(`^${version}\nDuckDB 1\\.\\d+\\.\\d+, Node ${process.versions.node}, \\S+\n$`),
    )
  })

  test('runs as the image has it: read-only, without rights, telling its health', async () => {
    await chmod(folder, 0o755)
    const image = await layOutImage(join(folder, 'image'), join(folder, 'consumer/node_modules'))
    const state = image.at('var/lib/iterable-elt')
    const config = { warehouse: { type: 'duckdb', path: join(state, 'warehouse.duckdb') } }
    await writeFile(image.at('etc/iterable-elt/config.json'), JSON.stringify(config))
    const port = await freePort()
    const here = (words: readonly string[]) => words.map((word) => word.replaceAll('9464', String(port)))
    const ends = async (words: readonly string[]) => (await once(image.start(here(words)), 'close'))[0]
    const filesOutside = async () =>
      (await readdir(image.at(''), { recursive: true })).filter(
        (path) => !path.startsWith('var/lib/iterable-elt'),
      )
    const before = await filesOutside()
    expect(await ends(image.healthCheck)).toBe(1)
    const worker = image.start(here(image.command))
    const said = text(worker.stderr as Readable)
    while ((await ends(image.healthCheck)) !== 0) expect(worker.exitCode).toBeNull()
    const { uid, mode } = await stat(join(state, 'warehouse.duckdb'))
    expect([uid, mode & 0o777]).toEqual([image.isReadOnly ? 1000 : process.getuid?.(), 0o600])
    worker.kill('SIGTERM')
    expect(await once(worker, 'close')).toEqual([0, null])
    expect(await said).toContain('the worker has stopped')
    expect(await filesOutside()).toEqual(before)
    if (image.isReadOnly) expect(await ends(['touch', image.at('opt/iterable-elt/x'), image.at('x')])).toBe(1)
  })

  test('is a library', async () => {
    const program = `
      import { open } from 'iterable-elt'
      import schema from 'iterable-elt/config.schema.json' with { type: 'json' }
      console.log(typeof open, Object.keys(schema.properties).includes('warehouse'))`
    await writeFile(join(folder, 'consumer/main.js'), program)
    const printed = await run(join(folder, 'consumer'), process.execPath, ['--no-warnings', 'main.js'])
    expect(printed.trim()).toBe('function true')
  })

  test('brings types that accept what is right and refuse what is wrong', async () => {
    const program = `
      import { open } from 'iterable-elt'
      export async function main(): Promise<void> {
        const elt = await open({ warehouse: { type: 'duckdb', path: 'warehouse.duckdb' } })
        await elt.sync({ streams: ['lists'], signal: AbortSignal.timeout(1000) })
        await elt.export('vip')
        // @ts-expect-error an export has a name
        await elt.export(42)
        await elt[Symbol.asyncDispose]()
        // @ts-expect-error no warehouse is a number
        await open({ warehouse: 42 })
      }`
    const compilerOptions = {
      target: 'es2022',
      module: 'nodenext',
      strict: true,
      noEmit: true,
      skipLibCheck: true,
      lib: ['es2023', 'esnext.disposable'],
      typeRoots: [join(root, 'node_modules/@types')],
      types: ['node'],
    }
    const consumer = join(folder, 'consumer')
    await writeFile(join(consumer, 'main.ts'), program)
    await writeFile(join(consumer, 'example.ts'), await libraryExample())
    const files = ['main.ts', 'example.ts']
    await writeFile(join(consumer, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }))
    const tsc = join(root, 'node_modules/typescript/bin/tsc')
    expect(await run(consumer, process.execPath, [tsc, '-p', '.'])).toBe('')
  })
})

/** The program that docs/library.md shows. */
async function libraryExample(): Promise<string> {
  const page = await readFile(join(root, 'docs/library.md'), 'utf8')
  const example = /```ts\n([\s\S]*?)```/.exec(page)?.[1]
  if (!example) throw new Error('docs/library.md has no example')
  return `${example}export { report }\n`
}

/** What a command prints; when it fails, an error with everything that it said. */
async function run(cwd: string, command: string, args: readonly string[]): Promise<string> {
  // Without the npm_ variables of `npm test`, which would send the npm that runs here to this repository.
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^npm_|^INIT_CWD$/i.test(name)),
  )
  try {
    return (await promisify(execFile)(command, args, { cwd, env, maxBuffer: 2 ** 26 })).stdout
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: string; stderr?: string }
    throw new Error(`${command} ${args.join(' ')} failed:\n${stdout}\n${stderr}`, { cause: error })
  }
}

async function filesIn(directory: string): Promise<string[]> {
  const entries = await readdir(join(root, directory), { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) =>
      posix.join(
        ...join(entry.parentPath, entry.name)
          .slice(root.length + 1)
          .split(sep),
      ),
    )
}
