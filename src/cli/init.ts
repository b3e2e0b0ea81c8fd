/** `init`: a commented starting set beside the configuration; what is there already is left alone. */
import { existsSync } from 'node:fs'
import { appendFile, readFile, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { type Command, Option } from 'commander'
import { ConfigError, InterruptedError } from '../errors.ts'
import { makeFolder } from '../folders.ts'
import { action, type Context, type Runtime, withExamples } from './command.ts'
import {
  type Answers,
  configFile,
  envExample,
  exampleExport,
  gitignoreLines,
  hasPassword,
} from './init-files.ts'

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
    .addOption(new Option('--warehouse <type>', 'where the tables live').choices(words.warehouse))
    .option('--path <file>', 'the DuckDB file (default: warehouse.duckdb)')
    .option('--url <address>', 'the Postgres database (default: $DATABASE_URL, when the tool runs)')
    .addOption(new Option('--region <region>', 'data centre of the project').choices(words.region))
    .addOption(new Option('--project-type <type>', 'what identifies people').choices(words.projectType))
    .option('--start-date <day>', 'where the first sync begins (MM/DD/YYYY or ISO 8601)')
    .option('--yes', 'ask nothing; take the defaults for what is not given')
  withExamples(command, 'init', 'init --warehouse postgres --region eu --project-type hybrid --yes')
  command.action(action<InitOptions>(runtime, runInit))
}

async function runInit(context: Context, options: InitOptions): Promise<undefined> {
  const { terminal, configPath } = context
  await refuseWrongValues(options)
  const asks = context.stdin.isTTY === true && !options.yes && !terminal.isJson
  const answers = asks ? await askFor(options, context) : withDefaults(options, new Date())
  const directory = dirname(configPath)
  const written: string[] = []
  const kept: string[] = []
  const files: readonly (readonly [path: string, text: string])[] = [
    [configPath, configFile(answers)],
    [join(directory, 'sql/exports/example.sql'), exampleExport],
    [join(directory, '.env.example'), envExample(answers)],
  ]
  for (const [path, text] of files) ((await writeNew(path, text)) ? written : kept).push(shown(path))
  const gitignore = join(directory, '.gitignore')
  ;((await completeGitignore(gitignore)) ? written : kept).push(shown(gitignore))
  terminal.result({ written, kept }, () => {
    for (const path of written) terminal.say(`wrote       ${path}`)
    for (const path of kept) terminal.say(`left alone  ${path} (it is there already)`)
    if (answers.url !== undefined && hasPassword(answers.url)) {
      terminal.say('The address of the database has a password: put it into .env as DATABASE_URL.')
    }
    terminal.say('\nNext: put the keys into .env (see .env.example), then run "iterable-elt check"')
  })
}

const shown = (path: string): string => relative('.', path)

function withDefaults(options: InitOptions, now: Date): Answers {
  const region = options.region ?? 'us'
  return {
    warehouse: options.warehouse ?? (options.url === undefined ? 'duckdb' : 'postgres'),
    path: options.path ?? 'warehouse.duckdb',
    url: options.url,
    region,
    // The EU data centre has no email-based projects.
    projectType: options.projectType ?? (region === 'eu' ? 'hybrid' : 'email'),
    startDate: options.startDate ?? `01/01/${now.getUTCFullYear()}`,
  }
}

/** @throws ConfigError */
async function refuseWrongValues({ warehouse, path, url, startDate }: InitOptions): Promise<void> {
  const { instant, postgresUrl } = await import('../config/values.ts')
  const wrong = (message: string) => new ConfigError(message, { code: 'usage' })
  if (path !== undefined && (url !== undefined || warehouse === 'postgres')) {
    throw wrong('--path is for DuckDB, --url for Postgres: choose one')
  }
  if (url !== undefined && warehouse === 'duckdb') throw wrong('--url is for Postgres; DuckDB takes --path')
  const checks = [
    ['--start-date', startDate, instant],
    ['--url', url, postgresUrl],
  ] as const
  for (const [option, value, schema] of checks) {
    const issue = value === undefined ? undefined : schema.safeParse(value).error?.issues[0]
    if (issue) throw wrong(`${option}: ${issue.message}`)
  }
}

/** Asks for what no option says; an empty answer takes the default. */
async function askFor(options: InitOptions, { stdin, signal, terminal }: Context): Promise<Answers> {
  const { instant } = await import('../config/values.ts')
  const reader = createInterface({ input: stdin, output: terminal.noteStream })
  // Ctrl-C and Ctrl-D end the questions, and with them the command.
  const ended = new AbortController()
  reader.once('SIGINT', () => ended.abort())
  reader.once('close', () => ended.abort())
  const ask = async <Value extends string>(
    question: string,
    preset: Value,
    isRight: (answer: string) => boolean,
  ) => {
    for (;;) {
      const answer =
        (
          await reader.question(`${question} [${preset}]: `, {
            signal: AbortSignal.any([signal, ended.signal]),
          })
        ).trim() || preset
      if (isRight(answer)) return answer as Value
    }
  }
  const choose = <Word extends string>(question: string, known: readonly Word[], preset: Word) =>
    ask(`${question} (${known.join(', ')})`, preset, (answer) => known.some((word) => word === answer))
  try {
    const presets = withDefaults(options, new Date())
    const warehouse = options.warehouse ?? (await choose('Warehouse', words.warehouse, presets.warehouse))
    const path =
      options.path ??
      (warehouse === 'duckdb' ? await ask('DuckDB file', presets.path, () => true) : presets.path)
    const region = options.region ?? (await choose('Data centre of the project', words.region, 'us'))
    const { projectType: usual } = withDefaults({ ...options, region }, new Date())
    const projectType =
      options.projectType ?? (await choose('What identifies people', words.projectType, usual))
    const startDate =
      options.startDate ??
      (await ask('First day to sync', presets.startDate, (answer) => instant.safeParse(answer).success))
    return { warehouse, path, url: options.url, region, projectType, startDate }
  } catch (error) {
    throw ended.signal.aborted
      ? new InterruptedError('interrupted; nothing was written', { cause: error })
      : error
  } finally {
    reader.close()
  }
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
async function completeGitignore(path: string): Promise<boolean> {
  const before = existsSync(path) ? await readFile(path, 'utf8') : ''
  const present = new Set(before.split(/\r?\n/).map((line) => line.trim()))
  const missing = gitignoreLines.filter((line) => !present.has(line))
  if (missing.length === 0) return false
  const lead = before === '' || before.endsWith('\n') ? '' : '\n'
  await appendFile(path, `${lead}${missing.join('\n')}\n`)
  return true
}
