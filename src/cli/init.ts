/** `init`: a commented starting set beside the configuration; what is there already is left alone. */
import { existsSync } from 'node:fs'
import { appendFile, readFile, writeFile } from 'node:fs/promises'
import { dirname, join, relative, resolve } from 'node:path'
import type { Command } from 'commander'
import { ConfigError, InterruptedError } from '../errors.ts'
import { makeFolder, writingTo } from '../folders.ts'
import { packageFile } from '../package-files.ts'
import { action, type Context, type Runtime, withExamples } from './command.ts'
import {
  type Answers,
  configFile,
  envExample,
  exampleExport,
  gitignoreLines,
  hasPassword,
  usualProjectType,
} from './init-files.ts'
import { completeEnv } from './init-key.ts'
import { oneOf, quotedForShell } from './values.ts'

interface InitOptions extends Partial<Answers> {
  readonly yes?: boolean
}

const words = {
  warehouse: ['duckdb', 'postgres'],
  region: ['us', 'eu'],
  projectType: ['email', 'userId', 'hybrid'],
} as const

export function initCommand(program: Command, runtime: Runtime): void {
  const command = program
    .command('init')
    .description('Write a commented configuration and what belongs to it; nothing is overwritten.')
    .addOption(oneOf('--warehouse <type>', 'where the tables live', words.warehouse))
    .option('--path <file>', 'the DuckDB file (default: warehouse.duckdb)')
    .option('--url <address>', 'the Postgres database (default: $DATABASE_URL, when the tool runs)')
    .addOption(oneOf('--region <region>', 'data centre of the project', words.region))
    .addOption(oneOf('--project-type <type>', 'what identifies people', words.projectType))
    .option('--base-url <address>', 'in place of the address of the data centre (a proxy, the sandbox)')
    .option('--start-date <day>', 'where the first sync begins (MM/DD/YYYY or ISO 8601)')
    .option('--yes', 'ask nothing; take the defaults for what is not given')
  withExamples(command, 'init', 'init --warehouse postgres --region eu --project-type hybrid --yes')
  command.action(action<InitOptions>(runtime, runInit))
}

async function runInit(context: Context, options: InitOptions): Promise<undefined> {
  const { terminal, configPath, invocation } = context
  await refuseWrongValues(options)
  const asks = context.stdin.isTTY === true && !options.yes && !terminal.isJson
  const directory = dirname(configPath)
  const presets = withDefaults(options, schemaPathFor(directory), new Date())
  const answers = asks ? await asked(options, presets, context) : presets
  const written: string[] = []
  const kept: string[] = []
  const files: readonly (readonly [path: string, text: string])[] = [
    [configPath, configFile(answers)],
    [join(directory, 'sql/exports/example.sql'), exampleExport],
    [join(directory, '.env.example'), envExample(answers)],
  ]
  const secrets = secretsOf(answers, asks)
  await writingTo(`cannot write to ${shown(directory) || '.'}`, async () => {
    for (const [path, text] of files) ((await writeNew(path, text)) ? written : kept).push(shown(path))
    const gitignore = join(directory, '.gitignore')
    ;((await completeGitignore(gitignore, gitignoreLines(answers))) ? written : kept).push(shown(gitignore))
    const env = join(directory, '.env')
    if (secrets.size > 0) ((await completeEnv(env, secrets)) ? written : kept).push(shown(env))
  })
  terminal.result({ written, kept }, () => {
    for (const path of written) terminal.say(`wrote       ${path}`)
    for (const path of kept) terminal.say(`left alone  ${path} (it is there already)`)
    if (!secrets.has('DATABASE_URL') && answers.url !== undefined && hasPassword(answers.url)) {
      terminal.say('The address of the database has a password: put it into .env as DATABASE_URL.')
    }
    const isComplete = asks && (secrets.has('ITERABLE_API_KEY') || answers.hasKey === true)
    if (!isComplete) terminal.say('Put the keys into .env (see .env.example).')
    terminal.say('\nNext:')
    const steps = [
      ['check', 'tests everything, and sends nothing'],
      ['sync --dry-run', 'shows what a sync asks for, and how long that takes'],
      ['sync', 'replicates'],
    ] as const
    const named =
      configPath === resolve('config.json') ? '' : ` --config ${quotedForShell(shown(configPath))}`
    const lines = steps.map(([command, what]) => [`${invocation} ${command}${named}`, what] as const)
    const width = Math.max(...lines.map(([line]) => line.length))
    for (const [line, what] of lines) terminal.say(`  ${line.padEnd(width)}  ${what}`)
  })
}

const shown = (path: string): string => relative('.', path)

/** What was typed on a terminal, and belongs into no file but `.env`. */
function secretsOf({ apiKey, url }: Answers, wereAsked: boolean): ReadonlyMap<string, string> {
  return new Map([
    ...(apiKey === undefined ? [] : [['ITERABLE_API_KEY', apiKey] as const]),
    ...(wereAsked && url !== undefined && hasPassword(url) ? [['DATABASE_URL', url] as const] : []),
  ])
}

function withDefaults(options: InitOptions, schemaPath: string, now: Date): Answers {
  const region = options.region ?? 'us'
  return {
    warehouse: options.warehouse ?? (options.url === undefined ? 'duckdb' : 'postgres'),
    path: options.path ?? 'warehouse.duckdb',
    url: options.url,
    region,
    baseUrl: options.baseUrl,
    projectType: options.projectType ?? usualProjectType(region),
    startDate: options.startDate ?? `01/01/${now.getUTCFullYear()}`,
    streams: ['core'],
    schemaPath,
  }
}

/** @throws ConfigError */
async function refuseWrongValues({ warehouse, path, url, baseUrl, startDate }: InitOptions): Promise<void> {
  const { httpUrl, instantSetting: instant, postgresUrl } = await import('../config/values.ts')
  const wrong = (message: string) => new ConfigError(message, { code: 'usage' })
  if (path !== undefined && (url !== undefined || warehouse === 'postgres')) {
    throw wrong('--path is for DuckDB, --url for Postgres: choose one')
  }
  if (url !== undefined && warehouse === 'duckdb') throw wrong('--url is for Postgres; DuckDB takes --path')
  const { refuseNamesake } = await import('../warehouse/duckdb/file-name.ts')
  if (path !== undefined) refuseNamesake(path, 'iterable', '--path')
  const checks = [
    ['--start-date', startDate, instant],
    ['--url', url, postgresUrl],
    ['--base-url', baseUrl, httpUrl],
  ] as const
  for (const [option, value, schema] of checks) {
    const issue = value === undefined ? undefined : schema.safeParse(value).error?.issues[0]
    if (issue) throw wrong(`${option}: ${issue.message}`)
  }
}

/** Asks, unless an interruption ends it: then nothing was written. */
async function asked(options: InitOptions, presets: Answers, context: Context): Promise<Answers> {
  const { askFor } = await import('./init-questions.ts')
  try {
    return await askFor(options, presets, context)
  } catch (error) {
    // Ctrl-C and Ctrl-D at a question.
    if (context.signal.aborted || (error as Error).name === 'ExitPromptError')
      throw new InterruptedError('interrupted; nothing was written', { cause: error })
    throw error
  }
}

/** Where editors find the JSON Schema: relative to the configuration, so that it may be moved with what is around it. */
function schemaPathFor(directory: string): string {
  const usual = './node_modules/iterable-elt/config.schema.json'
  const ours = packageFile('config.schema.json')
  return existsSync(join(directory, usual)) || !existsSync(ours) ? usual : relative(directory, ours)
}

/** Writes a file that is not there; false where it is. */
async function writeNew(path: string, text: string): Promise<boolean> {
  await makeFolder(dirname(path))
  try {
    await writeFile(path, text, { flag: 'wx' })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/** Adds the entries that are missing; false where none is. */
async function completeGitignore(path: string, lines: readonly string[]): Promise<boolean> {
  const before = existsSync(path) ? await readFile(path, 'utf8') : ''
  const present = new Set(before.split(/\r?\n/).map((line) => line.trim()))
  const missing = lines.filter((line) => !present.has(line))
  if (missing.length === 0) return false
  const lead = before === '' || before.endsWith('\n') ? '' : '\n'
  await appendFile(path, `${lead}${missing.join('\n')}\n`)
  return true
}
