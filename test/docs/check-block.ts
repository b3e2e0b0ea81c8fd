/** Tries a block of the documentation. Resolves to what is wrong with it; nothing, if all is well. */
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { parseAllDocuments } from 'yaml'
import { parseJsonc } from '../../src/config/jsonc.ts'
import { parseConfig } from '../../src/config/load.ts'
import type { ConfigInput } from '../../src/index.ts'
import type { Ended } from '../cli/run.ts'
import type { Block } from './blocks.ts'
import { commandsOf, type PlainCommand, plainCommand } from './shell.ts'
import { listId, type Project, type World } from './world.ts'

/** The run that every example names. */
const exampleRun = '508a1087'
const examplePerson = 'jane@example.com'
const exampleList = '"list_id":123'

export async function tryBlock(block: Block, world: World): Promise<string[]> {
  const { language, text, how } = block
  const projects = world.projects.filter(({ kind }) => how.kind === undefined || how.kind === kind)
  if (how.file !== undefined) {
    for (const project of projects) await project.file(how.file, text)
    return []
  }
  if (how.export !== undefined) {
    const commands = [{ words: ['iterable-elt', 'export', how.export, '--dry-run'] }]
    for (const project of projects) await project.file(`sql/exports/${how.export}.sql`, text)
    return inAll(projects, (project) => runCommands(project, commands))
  }
  switch (language) {
    case 'sh':
      return inAll(projects.slice(0, 1), (project) => tryShell(block, project, world))
    case 'sql':
      return inAll(projects, (project) => trySql(block, project))
    case 'json':
    case 'jsonc':
      return tryConfig(text)
    case 'yaml':
      return parseAllDocuments(text).flatMap(({ errors }) => errors.map(String))
    default:
      return [`nobody knows how to try a block of "${language}"`]
  }
}

/** What can be said of a block that is not run: the shell can read it, and our commands have the options it names. */
export async function checkSyntax({ language, text, page }: Block, project: Project): Promise<string[]> {
  if (language === 'yaml') return parseAllDocuments(text).flatMap(({ errors }) => errors.map(String))
  if (language !== 'sh') return []
  const faults: string[] = []
  await promisify(execFile)('bash', ['-n', '-c', text]).catch((error) => faults.push(String(error)))
  for (const [, command = ''] of text.matchAll(/(?:^|[;&|] *|exec )iterable-elt ([^|;&\n]*)/gm)) {
    faults.push(...(await unknownWords(command.split(/\s+/), project)).map((fault) => `${page}: ${fault}`))
  }
  return faults
}

/** Commands and options that the program does not have. */
export async function unknownWords(words: readonly string[], project: Project): Promise<string[]> {
  const options = words.filter((word) => word.startsWith('--')).map((word) => word.replace(/=.*/, ''))
  const names = words.slice(0, words.findIndex((word) => !/^[a-z][a-z-]+$/.test(word)) >>> 0)
  for (let depth = Math.min(names.length, 2); depth > 0; depth -= 1) {
    const { stdout } = await project.cli([...names.slice(0, depth), '--help'])
    if (!stdout.startsWith(`Usage: iterable-elt ${names.slice(0, depth).join(' ')} `)) continue
    return options
      .filter((option) => !new RegExp(`${option}\\b`).test(stdout))
      .map((option) => `${names[0]} has no ${option}`)
  }
  return names.length > 0 ? [`there is no command ${names[0]}`] : []
}

async function inAll(
  projects: readonly Project[],
  attempt: (project: Project) => Promise<string[]>,
): Promise<string[]> {
  const faults: string[] = []
  for (const project of projects)
    faults.push(...(await attempt(project)).map((fault) => `[${project.kind}] ${fault}`))
  return faults
}

/** Commands do the same on both warehouses, and other tests see to that: one of them is enough here. */
async function tryShell({ text, how }: Block, project: Project, { somebody }: World): Promise<string[]> {
  const run = text.includes(exampleRun) ? await runFor(text, project) : exampleRun
  if (how.held) await project.prepareHold()
  const exits = how.held ? 3 : how.exits
  const lines = text
    .replaceAll(exampleRun, run)
    .replaceAll(examplePerson, somebody)
    .replaceAll(exampleList, `"list_id":${listId}`)
  const commands = commandsOf(lines).map(plainCommand)
  if (commands.every(isOurs)) return runCommands(project, commands, exits)
  return faultsOf('the shell', await project.shell(lines), exits)
}

/** A run that waits for approval where somebody decides about it; any will do elsewhere. */
const runFor = (text: string, project: Project): Promise<string> =>
  /runs (?:approve|cancel)/.test(text) ? project.hold() : project.lastRun()

const isOurs = (command: PlainCommand | undefined): command is PlainCommand =>
  command?.words[0] === 'iterable-elt'

/** Commands that many pages begin with, and that need nothing of theirs: each is tried once. */
const common = new Set([
  ...['check', 'sync', 'sync --dry-run', 'status', 'lists', 'worker'],
  ...['snapshot copy.duckdb --force', 'snapshot --parquet parquet --force'],
])
const tried = new Set<string>()

async function runCommands(
  project: Project,
  commands: readonly PlainCommand[],
  exits = 0,
): Promise<string[]> {
  const faults: string[] = []
  for (const [index, { words, stdin, stdout }] of commands.entries()) {
    const expected = index === commands.length - 1 ? exits : 0
    const line = words.slice(1).join(' ')
    if (tried.has(line)) continue
    const input = stdin === undefined ? undefined : await readFile(join(project.folder, stdin), 'utf8')
    const ended = await project.cli(adapted(words.slice(1)), input)
    if (stdout !== undefined) await project.file(stdout, ended.stdout)
    faults.push(...faultsOf(words.join(' '), ended, expected))
    if (common.has(line) && ended.exitCode === 0) tried.add(line)
  }
  return faults
}

/** Ports that are free, and no browser. */
function adapted([command = '', ...given]: readonly string[]): string[] {
  const words = given
    .filter((word) => word !== '--open')
    .map((word, index, all) => (/^--(?:[a-z]+-)?port$/.test(all[index - 1] ?? '') ? '0' : word))
  const isUi = command === 'ui' && !words.some((word) => word === '--port' || word === '--hash')
  return [command, ...words, ...(isUi ? ['--port', '0'] : [])]
}

const faultsOf = (what: string, { exitCode, stdout, stderr }: Ended, expected = 0): string[] =>
  exitCode === expected ? [] : [`${what} ends with ${exitCode}: ${stderr.trim() || stdout.trim()}`]

/** Each statement: a query as an analyst runs it, anything else with a client of the database. */
async function trySql({ text, how }: Block, project: Project): Promise<string[]> {
  const query = how.dbt ? text.replaceAll(/\{\{ source\('(\w+)', '(\w+)'\) \}\}/g, sourceOf) : text
  if (!how.writes) return faultsOf('the query', await project.cli(['sql', '-'], query))
  return project.write(text).then(
    () => [],
    (error) => [String(error)],
  )
}

/** Sources are called like schemas, but that of the streams. */
const sourceOf = (_: string, source: string, table: string): string =>
  `${source === 'iterable' ? 'iterable_views' : source}.${table}`

const hash = `scrypt:16384:8:1:${'x'.repeat(16)}:${'x'.repeat(32)}`
const exampleEnv = {
  ITERABLE_API_KEY: 'x',
  DATABASE_URL: 'postgres://x/y',
  SMTP_URL: 'smtp://x',
  WEBHOOK_SECRET: 'x',
  LAKE_KEY_ID: 'x',
  LAKE_KEY: 'x',
  LAKE_CONNECTION: 'x',
  LAKE_ACCOUNT: 'x',
  UI_TOKEN: 'x'.repeat(32),
  ANALYST_HASH: hash,
  CRM_LEAD_HASH: hash,
}

const skeleton = {
  warehouse: { type: 'duckdb', path: 'warehouse.duckdb' },
  connections: { iterable: { api_key: 'x' } },
} as const

/** A configuration, or sections of one. */
function tryConfig(text: string): string[] {
  try {
    const whole = text.trimStart().startsWith('{') ? text : `{${text}}`
    const { value, faults } = parseJsonc(whole, 'the block')
    parseConfig({ ...skeleton, ...(value as object) } as ConfigInput, { baseDirectory: '/', env: exampleEnv })
    return faults.map(String)
  } catch (error) {
    return [String(error)]
  }
}
