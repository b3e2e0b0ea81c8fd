import { readdirSync, readFileSync } from 'node:fs'
import { join, posix, sep } from 'node:path'
import { describe, expect, test } from 'vitest'

/**
 * What each station of src may import besides itself and the small shared files at the top of src (errors.ts …).
 * `type:x` means `import type` only; a name with a slash is one file.
 */
const mayImport: Record<string, readonly string[]> = {
  cli: [
    'index',
    'config',
    'catalog',
    'iterable',
    'warehouse',
    'state',
    'sync',
    'export',
    'schedule',
    'notify',
    'report',
    'check',
    'sandbox',
  ],
  index: [
    'config',
    'catalog',
    'iterable',
    'warehouse',
    'state',
    'marts',
    'sync',
    'export',
    'schedule',
    'notify',
    'report',
    'check',
  ],
  sync: ['iterable', 'marts', 'warehouse', 'state', 'catalog', 'config'],
  marts: ['warehouse', 'type:state', 'catalog'],
  export: ['iterable', 'warehouse', 'state', 'catalog', 'config'],
  schedule: ['warehouse', 'state', 'catalog', 'config'],
  notify: ['warehouse', 'state', 'catalog', 'config'],
  report: ['marts', 'warehouse', 'state', 'catalog', 'type:config'],
  check: ['iterable', 'warehouse', 'state', 'catalog', 'type:config', 'report/read'],
  iterable: ['catalog', 'type:config'],
  warehouse: ['catalog', 'type:config', 'type:state'],
  state: ['catalog', 'type:config', 'type:warehouse', 'warehouse/types'],
  config: ['catalog'],
  catalog: [],
  sandbox: [],
  shared: [],
}

/** The command line, and the one clock that it hands to everything that waits. */
const mayReadTheOutside = ['src/cli/', 'src/iterable/clock.ts']
const outside = /\bprocess\.(?:env|argv)\b|\bprocess\[|\bnew Date\(\s*\)|\bDate\.now\b/g

type Files = Readonly<Record<string, string>>

describe('the product', () => {
  const product = readFolder('src')

  test('has only stations that the table knows', () => {
    const stations = Object.keys(product).map((path) => stationOf(path))
    expect(stations.filter((station) => !(station in mayImport))).toEqual([])
    expect(stations.length).toBeGreaterThan(10)
  })

  test('imports only along the table', () => {
    expect(wrongImports(product)).toEqual([])
  })

  test('imports only files that exist, with their .ts ending', () => {
    const missing = Object.entries(product).flatMap(([path, text]) =>
      relativeImports(path, text)
        .filter(({ target }) => !(target in product))
        .map(({ target }) => `${path} imports ${target}`),
    )
    expect(missing).toEqual([])
  })

  test('keeps what is asked by names from outside in maps: an object has a constructor, whatever stands in it', () => {
    expect(plainTables(product)).toEqual([])
  })

  test('reads clock, environment and arguments only in the command line', () => {
    expect(readsOfTheOutside(product)).toEqual([])
  })
})

describe('the guard', () => {
  test.each([
    ['sync and export meet', 'src/sync/a.ts', "import { plan } from '../export/plan.ts'"],
    ['export and sync meet', 'src/export/a.ts', "import {\n  a,\n  b,\n} from '../sync/windows.ts'"],
    ['the schedule knows what it runs', 'src/schedule/worker.ts', "export * from '../sync/stream.ts'"],
    ['a notice reaches the schedule', 'src/notify/mail.ts', "import '../schedule/due.ts'"],
    [
      'the catalogue asks the warehouse',
      'src/catalog/a.ts',
      "import type { W } from '../warehouse/warehouse.ts'",
    ],
    ['an import goes upwards', 'src/warehouse/a.ts', "const { open } = await import('../index.ts')"],
    ['the sandbox uses the product', 'src/sandbox/a.ts', "import { UserError } from '../errors.ts'"],
    ['the product uses the sandbox', 'src/index.ts', "import { sandbox } from './sandbox/index.ts'"],
    [
      'the warehouse needs code of state',
      'src/warehouse/a.ts',
      "import { type R, read } from '../state/runs.ts'",
    ],
    ['state needs code of the warehouse', 'src/state/a.ts', "import { load } from '../warehouse/load.ts'"],
    [
      'the warehouse needs code of config',
      'src/warehouse/a.ts',
      "import { schema } from '../config/schema.ts'",
    ],
    ['a shared file leans on a station', 'src/progress.ts', "import type { S } from './catalog/index.ts'"],
    ['an import from a station nobody knows', 'src/sync/a.ts', "import { x } from '../misc/x.ts'"],
  ])('sees that %s', (_name, path, text) => {
    expect(wrongImports({ [path]: text })).toHaveLength(1)
  })

  test.each([
    ['src/cli/main.ts', "import { startSandbox } from '../sandbox/index.ts'"],
    ['src/index.ts', "import { syncStream } from './sync/stream.ts'"],
    ['src/warehouse/a.ts', "import type { Tables } from '../state/tables.ts'"],
    ['src/warehouse/a.ts', "import { type Tables, type Runs } from '../state/tables.ts'"],
    ['src/state/a.ts', "import { isDue } from '../warehouse/types.ts'"],
    [
      'src/sync/a.ts',
      "import { UserError } from '../errors.ts'\nimport { b } from './b.ts'\nimport pg from 'pg'",
    ],
    ['src/sync/a.ts', "// import { plan } from '../export/plan.ts'"],
  ])('lets pass what %s may: %s', (path, text) => {
    expect(wrongImports({ [path]: text })).toEqual([])
  })

  test.each([
    'const now = new Date()',
    'const now = Date.now()',
    'const clock = Date.now',
    'const key = process.env.ITERABLE_API_KEY',
    "const key = process['env']",
    'const [, , name] = process.argv',
    "const url = 'http://x' // ok\nconst late = new Date( )",
  ])('sees a hidden input: %s', (text) => {
    expect(readsOfTheOutside({ 'src/sync/a.ts': text })).toHaveLength(1)
    expect(readsOfTheOutside({ 'src/cli/main.ts': text })).toEqual([])
  })

  test.each([
    "const words: Record<string, string> = { a: 'b' }",
    'const known: Readonly<Record<string, readonly string[]>> = {',
    'const counts: Record<string, number> = {}',
    'let seen: { [name: string]: number } = {}',
    'const names = {} as Record<string, string>',
  ])('sees a table that a name from outside could look through: %s', (text) => {
    expect(plainTables({ 'src/sync/a.ts': text })).toHaveLength(1)
    expect(plainTables({ 'src/sandbox/a.ts': text })).toEqual([])
  })

  test.each([
    'const words = new Map<string, string>()',
    "const labels: Record<'a' | 'b', string> = { a: '', b: '' }",
    'function f(headers: Readonly<Record<string, string>>): void {}',
    'const object = Object.create(null) as Record<string, unknown>',
    'const row: Readonly<Record<string, unknown>> = read()',
  ])('lets pass what no name can look through: %s', (text) => {
    expect(plainTables({ 'src/sync/a.ts': text })).toEqual([])
  })

  test('does not mind times that are given, nor comments', () => {
    const text =
      "/** Not `new Date()`. */\nconst at = new Date(0) // Date.now()\nconst url = 'http://a/b'\nfetch(url)"
    expect(readsOfTheOutside({ 'src/sync/a.ts': text })).toEqual([])
  })
})

function wrongImports(files: Files): string[] {
  return Object.entries(files).flatMap(([path, text]) => {
    const from = stationOf(path)
    return relativeImports(path, text)
      .filter(({ to, target, typeOnly }) => {
        if (to === from) return false
        if (to === 'shared') return from === 'sandbox'
        const allowed = mayImport[from] ?? []
        const file = target.replace(/^src\/|\.ts$/g, '')
        return !(
          allowed.includes(to) ||
          allowed.includes(file) ||
          (typeOnly && allowed.includes(`type:${to}`))
        )
      })
      .map(({ target, typeOnly }) => `${path} imports ${typeOnly ? 'types of ' : ''}${target}`)
  })
}

function readsOfTheOutside(files: Files): string[] {
  return Object.entries(files)
    .filter(([path]) => !mayReadTheOutside.some((allowed) => path.startsWith(allowed)))
    .flatMap(([path, text]) =>
      [...withoutComments(text).matchAll(outside)].map(([read]) => `${path} reads ${read}`),
    )
}

/**
 * Objects with any text as key that are written out here. `words['constructor']` is a function, whatever stands in them:
 * a map has what was put in, and nothing else. The sandbox is asked by our own tests only.
 */
function plainTables(files: Files): string[] {
  const declared =
    /\b(?:const|let)\s+(?<name>\w+):\s*(?:Readonly<)?(?:Record<string,[^=;]*|\{\s*(?:readonly\s+)?\[\w+:\s*string\][^=;]*)=\s*\{/g
  const asserted = /\b(?:const|let)\s+(?<name>\w+)\s*=\s*\{[^;]*?\}\s*as\s+(?:Readonly<)?Record<string,/g
  return Object.entries(files)
    .filter(([path]) => !path.startsWith('src/sandbox/'))
    .flatMap(([path, text]) =>
      [declared, asserted].flatMap((pattern) =>
        [...withoutComments(text).matchAll(pattern)].map(({ groups }) => `${path}: ${groups?.name}`),
      ),
    )
}

type Import = { readonly target: string; readonly to: string; readonly typeOnly: boolean }

function relativeImports(path: string, text: string): Import[] {
  const statements =
    /^\s*(?:import|export)\s+(?<what>(?:type\s+)?[\w*{][^'"]*?)\s*from\s*['"](?<a>\.[^'"]*)['"]|\bimport\s*\(?\s*['"](?<b>\.[^'"]*)['"]/gm
  return [...withoutComments(text).matchAll(statements)].map(({ groups }) => {
    const target = posix.join(posix.dirname(path), groups?.a ?? groups?.b ?? '')
    const what = groups?.what ?? ''
    const names = /^\{(.*)\}$/s
      .exec(what)?.[1]
      ?.split(',')
      .filter((name) => name.trim() !== '')
    const typeOnly = /^type\b/.test(what) || (names?.every((name) => /^\s*type\s/.test(name)) ?? false)
    return { target, to: stationOf(target), typeOnly }
  })
}

/** The folder below src; `index` for src/index.ts and `shared` for the other files beside it. */
function stationOf(path: string): string {
  const [, first = '', ...rest] = path.split('/')
  if (rest.length > 0) return first
  return first === 'index.ts' ? 'index' : 'shared'
}

/** Strings are matched too, so that the `//` of a URL is not taken for a comment. */
function withoutComments(text: string): string {
  const stringOrComment = /'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`|\/\/.*|\/\*[\s\S]*?\*\//g
  return text.replace(stringOrComment, (found) => (found.startsWith('/') ? ' ' : found))
}

function readFolder(folder: string): Files {
  const root = join(import.meta.dirname, '..')
  const names = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
  const sources = names
    .filter((name) => name.endsWith('.ts'))
    .map((name) => posix.join(folder, ...name.split(sep)))
  return Object.fromEntries(sources.map((path) => [path, readFileSync(join(root, path), 'utf8')]))
}
