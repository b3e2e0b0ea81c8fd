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
    'iterable/client',
    'iterable/clock',
    'engine/budget',
    'engine/room',
    'engine/sweep',
    'engine/version',
    'warehouse/printed',
    'warehouse/schema-names',
    'warehouse/sql',
    'warehouse/duckdb/file-name',
    'export/treasure-data/import',
    'report/run-streams',
    'schedule/cron/explain',
    'check/project',
    'sandbox',
    'ui',
    'mcp',
    'type:check',
  ],
  // It reads through reports, acts as the commands do, and puts on record who did it.
  ui: [
    'type:index',
    'report',
    'config',
    'type:warehouse',
    'state/actions',
    'type:state',
    'schedule/definition',
    'schedule/cron/explain',
  ],
  // It reads through reports, and computes plans as the command does; it has the page's eyes and its names of hosts.
  mcp: ['type:index', 'report', 'config/secrets', 'ui/hosts', 'ui/session', 'ui/sight'],
  index: [
    'jobs',
    'config',
    'iterable',
    'warehouse/open',
    'type:warehouse',
    'state',
    'sync',
    'export',
    'type:schedule',
    'notify/probe',
    'type:notify',
    'report',
    'copy',
    'check',
  ],
  jobs: [
    'type:config',
    'type:iterable',
    'warehouse/open',
    'type:warehouse',
    'state/schedules',
    'sync/shares',
    'type:sync',
    'report/maintain',
    'export/definition/saved',
    'type:export',
    'schedule',
    'notify/outbox',
    'type:check',
  ],
  sync: [
    'iterable',
    'marts',
    'load',
    'spool',
    'json/depth',
    'json/members',
    'engine/sweep',
    'warehouse',
    'state',
    'catalog',
    'type:config',
  ],
  export: [
    'iterable',
    'warehouse',
    'engine/sweep',
    'engine/scratch',
    'json/depth',
    'state',
    'type:catalog',
    'config',
  ],
  marts: ['warehouse', 'type:state', 'type:config', 'catalog'],
  schedule: ['state', 'type:warehouse', 'type:config'],
  notify: ['state', 'type:warehouse', 'config'],
  report: [
    'marts',
    'warehouse',
    'spool/leftovers',
    'json/numbers',
    'state',
    'catalog',
    'config/channels',
    'export/definition/settings',
    'export/plan/detail',
    'export/plan/changes',
    'type:config',
    'type:export',
    'type:engine',
  ],
  copy: [
    'warehouse',
    'state',
    'catalog',
    'config/connections',
    'type:config',
    'report/read',
    'report/job-run',
    'spool/spool',
    'engine/stream',
    'type:engine',
    'json/numbers',
  ],
  check: [
    'iterable',
    'warehouse',
    'state',
    'catalog',
    'config',
    'report/read',
    'report/maintain',
    'type:export',
    'schedule/definition',
    'schedule/cron/expression',
  ],
  iterable: ['json/envelope', 'type:config'],
  // From the bytes of a response to rows of a table: one room after the other.
  load: ['warehouse', 'spool', 'json', 'type:engine', 'type:catalog', 'type:state'],
  warehouse: ['spool', 'engine', 'json/numbers', 'catalog', 'type:config', 'type:state'],
  spool: ['json', 'engine/sweep'],
  engine: ['json/limits'],
  json: [],
  state: ['type:config'],
  config: ['catalog', 'json/depth'],
  catalog: [],
  sandbox: [],
  shared: [],
}

/** The command line, and the one clock that it hands to everything that waits. */
const mayReadTheOutside = ['src/cli/', 'src/iterable/clock.ts']
const outside = /\bprocess\.(?:env|argv)\b|\bprocess\[|\bnew Date\(\s*\)|\bDate\.now\b/g

/**
 * Values are bound. Where a statement takes no parameters, `warehouse/sql.ts` quotes them: only for these files, and why.
 */
const mayQuoteValues: Readonly<Record<string, string>> = {
  'src/load/': 'columns and paths of read_json; the same text goes into an insert of DuckDB and into a COPY',
  'src/export/rows/lines.ts': 'columns of read_csv',
  'src/export/rows/shape.ts': 'names of fields and constants, in a query that a person wrote',
  'src/export/rows/query.ts':
    'instants in the text of a query that a person wrote, which stands as a subquery',
  'src/export/plan/members-file.ts': 'columns of read_csv',
  'src/export/plan/adopt.ts': 'a statement of the engine, whose rows COPY takes',
  'src/warehouse/comments.ts': 'comment on',
  'src/warehouse/custom-events.ts': 'create view',
  'src/warehouse/duckdb/attach.ts': 'attach',
  'src/warehouse/duckdb/guard.ts': 'several settings at once',
  'src/warehouse/duckdb/scrub.ts': 'attach',
  'src/warehouse/duckdb/snapshot.ts': 'attach; copy to a path',
  'src/warehouse/ducklake/': 'attach, secrets, settings; the arguments of call',
  'src/warehouse/postgres/partitions.ts': 'attach partition; a statement of the engine',
  'src/warehouse/postgres/partition-tables.ts': 'comment on',
  'src/warehouse/postgres/csv.ts': 'columns of read_csv; copy to a path',
  'src/warehouse/postgres/snapshot.ts': 'attach; copy to a path',
  'src/warehouse/postgres/transactions.ts': 'several statements in one text take no parameters',
  'src/marts/': 'create view and comment on',
  'src/report/performance-queries.ts': 'dates in a text that is rendered as the views are',
  'src/report/masked/': 'selects that stand in the text of a query that a person wrote',
  'src/copy/': 'paths of read_parquet; the same text goes into an insert of DuckDB and into a COPY',
  'src/cli/shell.ts': 'a statement as a person would type it',
}

/** Statements that are text have names and expressions of the catalogue in them, and DDL: in these files, and why. */
const mayRunText: Readonly<Record<string, string>> = {
  'src/load/commit.ts': 'names of tables and columns, quoted',
  'src/report/performance-queries.ts': 'a text that is rendered as the views are',
  'src/report/masked/shield.ts': 'a select of the dialect',
  'src/copy/': 'names of tables, quoted; drop table and drop view',
  'src/export/plan/forgotten.ts': 'an expression of the dialect',
  'src/warehouse/sql.ts': 'a name that is quoted',
  'src/warehouse/views.ts': 'create view',
  'src/warehouse/schemas.ts': 'create schema',
  'src/warehouse/comments.ts': 'comment on',
  'src/warehouse/migrations.ts': 'the files of migrations/',
  'src/warehouse/list-history.ts': 'an expression of the dialect',
  'src/warehouse/custom-events.ts': 'an expression of the dialect',
  'src/warehouse/duckdb/append.ts': 'what load/ has made; alter table',
  'src/warehouse/duckdb/upsert.ts': 'keys, and conditions of load/',
  'src/warehouse/duckdb/warehouse.ts': 'create view; a name that is quoted',
  'src/warehouse/ducklake/': 'names that are quoted; alter table',
  'src/warehouse/postgres/upsert.ts': 'keys, and conditions of load/',
  'src/warehouse/postgres/readers.ts': 'grant',
  'src/warehouse/postgres/tx.ts': 'alter table and the like; a name that is quoted',
  'src/warehouse/postgres/warehouse.ts': 'set local',
  'src/warehouse/postgres/jsonb.ts': 'alter table',
  'src/warehouse/postgres/partitions.ts': 'create table and alter table; names that are quoted',
  'src/warehouse/postgres/partition-tables.ts': 'create table, create index and the like',
  'src/warehouse/postgres/views.ts': 'create view, and what the server says of one',
  'src/warehouse/postgres/client.ts': 'begin and rollback',
  'src/marts/': 'create view and create table, with the text of sql/views',
  'src/cli/demo-project.ts': 'drop schema',
}

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

  test('needs everything that the table allows', () => {
    const used = Object.entries(product).flatMap(([path, text]) =>
      relativeImports(path, text).map(({ to, target, typeOnly }) => ({
        from: stationOf(path),
        to,
        target,
        typeOnly,
      })),
    )
    const unused = Object.entries(mayImport).flatMap(([from, allowed]) =>
      allowed
        .filter((one) => !used.some((found) => found.from === from && isMeant(one, found)))
        .map((one) => `${from} never imports ${one}`),
    )
    expect(unused).toEqual([])
  })

  test('imports only files that exist, with their .ts ending', () => {
    const missing = Object.entries(product).flatMap(([path, text]) =>
      relativeImports(path, text)
        .filter(({ target }) => !(target in product))
        .map(({ target }) => `${path} imports ${target}`),
    )
    expect(missing).toEqual([])
  })

  test('has no circle of files, not of types either', () => {
    expect(filesInCircles(product)).toEqual([])
  })

  test('keeps what is asked by names from outside in maps: an object has a constructor, whatever stands in it', () => {
    expect(plainTables(product)).toEqual([])
  })

  test('reads clock, environment and arguments only in the command line', () => {
    expect(readsOfTheOutside(product)).toEqual([])
  })
})

describe('object literals', () => {
  const spread = /\.\.\.\{/
  /** These still have some. */
  const mayStill = 'test/marts/'

  test.each(['src', 'test', 'bench', '.ci'])('of %s have their members written out, not spread', (folder) => {
    const found = Object.entries(readFolder(folder))
      .filter(([path, source]) => spread.test(source) && !path.startsWith(mayStill))
      .map(([path]) => path)
    expect(found).toEqual([])
  })
})

describe('SQL', () => {
  const product = readFolder('src')
  const quoting = /import\s*\{[^}]*\b(?:literals?|instant)\b[^}]*\}\s*from\s*'[^']*\/sql\.ts'/
  const text = /\.raw\s*[(<]/

  test.each([
    ['binds values, but where a statement takes no parameters', quoting, mayQuoteValues],
    ['is text only where it is DDL, or made of names', text, mayRunText],
  ])('%s', (_name, pattern, allowed) => {
    const found = Object.entries(product)
      .filter(([, source]) => pattern.test(withoutComments(source).replaceAll('CompiledQuery.raw(', '')))
      .map(([path]) => path)
    const isMeantBy = (path: string) => Object.keys(allowed).filter((one) => path.startsWith(one))
    expect(found.filter((path) => isMeantBy(path).length === 0)).toEqual([])
    expect(Object.keys(allowed).filter((one) => !found.some((path) => path.startsWith(one)))).toEqual([])
  })

  test.each([
    ["import { literal, quoted } from '../warehouse/sql.ts'", true, false],
    ["import {\n  instant,\n  type Sql,\n} from './sql.ts'", true, false],
    ["import { quoted } from './sql.ts'", false, false],
    ['await sql.raw(statement).execute(db)', false, true],
    ['await sql\n  .raw<Row>(`select 1`)', false, true],
    ['// literal(x), sql.raw(y)', false, false],
  ])('is seen in %s', (source, quotes, isText) => {
    const plain = withoutComments(source)
    expect([quoting.test(plain), text.test(plain)]).toEqual([quotes, isText])
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
    ['the warehouse knows who loads it', 'src/warehouse/a.ts', "import type { P } from '../load/parse.ts'"],
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
    ['src/report/a.ts', "import { readChanges } from '../export/plan/changes.ts'"],
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

  test('finds a circle of types, and nobody who only looks at it', () => {
    const files = {
      'src/sync/a.ts': "import type { B } from './b.ts'",
      'src/sync/b.ts': "import { type C } from './c.ts'",
      'src/sync/c.ts': "export type { A } from './a.ts'",
      'src/sync/d.ts': "import { a } from './a.ts'",
    }
    expect(filesInCircles(files)).toEqual(['src/sync/a.ts', 'src/sync/b.ts', 'src/sync/c.ts'])
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
        return !mayImport[from]?.some((allowed) => isMeant(allowed, { to, target, typeOnly }))
      })
      .map(({ target, typeOnly }) => `${path} imports ${typeOnly ? 'types of ' : ''}${target}`)
  })
}

/** Files that come to themselves by what they import. */
function filesInCircles(files: Files): string[] {
  const next = new Map(
    Object.entries(files).map(([path, text]) => [
      path,
      relativeImports(path, text).map(({ target }) => target),
    ]),
  )
  return [...next.keys()].filter((start) => {
    const seen = new Set<string>()
    const open = [...(next.get(start) ?? [])]
    for (let path = open.pop(); path !== undefined; path = open.pop()) {
      if (seen.has(path)) continue
      seen.add(path)
      open.push(...(next.get(path) ?? []))
    }
    return seen.has(start)
  })
}

/** True where a row of the table speaks of an import. */
function isMeant(allowed: string, { to, target, typeOnly }: Import): boolean {
  return allowed === to || target === `src/${allowed}.ts` || (typeOnly && allowed === `type:${to}`)
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

/** The folder below src; `index` and `jobs` for the two files that wire it, `shared` for the others beside them. */
function stationOf(path: string): string {
  const [, first = '', ...rest] = path.split('/')
  if (rest.length > 0) return first
  return first === 'index.ts' || first === 'jobs.ts' ? first.slice(0, -'.ts'.length) : 'shared'
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
