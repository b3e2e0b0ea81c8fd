/** What `init` asks on a terminal: each answer is looked at before the next question, and a refusal says why. */
import { checkbox, input, select } from '@inquirer/prompts'
import { catalogue } from '../catalog/index.ts'
import { media } from '../catalog/media.ts'
import { instantSetting, postgresUrl } from '../config/values.ts'
import { namesake } from '../warehouse/duckdb/file-name.ts'
import type { Context } from './command.ts'
import { type Answers, usualProjectType } from './init-files.ts'
import { askForKey, type KnownKey } from './init-key.ts'

/** Asks for what no option says; `presets` are the answers of who says nothing. */
export async function askFor(given: Partial<Answers>, presets: Answers, context: Context): Promise<Answers> {
  const { stdin, terminal, signal } = context
  const on: Asking = { input: stdin, output: terminal.noteStream, signal }
  const warehouse = given.warehouse ?? (await askForWarehouse(on))
  const path = given.path ?? (warehouse === 'duckdb' ? await askForFile(on, presets.path) : presets.path)
  const url = given.url ?? (warehouse === 'postgres' ? await askForAddress(on) : undefined)
  const key = await askForKey(context, given)
  const region = given.region ?? key.region ?? (await askForRegion(on))
  const projectType = given.projectType ?? (await askForProjectType(on, region))
  const startDate = given.startDate ?? (await askForStart(on, presets.startDate))
  const streams = await askForChannels(on, key)
  const { baseUrl, schemaPath } = presets
  return {
    warehouse,
    path,
    url,
    region,
    projectType,
    startDate,
    streams,
    baseUrl,
    schemaPath,
    apiKey: key.apiKey,
    hasKey: key.media !== undefined,
  }
}

interface Asking {
  readonly input: NodeJS.ReadStream
  readonly output: NodeJS.WriteStream
  readonly signal: AbortSignal
}

const askForWarehouse = (on: Asking) =>
  select(
    {
      message: 'Where shall the tables live?',
      choices: [
        {
          value: 'duckdb' as const,
          name: 'DuckDB',
          description: 'One file and nothing to install; one program writes at a time.',
        },
        {
          value: 'postgres' as const,
          name: 'Postgres',
          description: 'A server: many read while it is written, and any number of workers share it.',
        },
      ],
    },
    on,
  )

const askForFile = (on: Asking, preset: string) =>
  input(
    {
      message: 'DuckDB file',
      default: preset,
      validate: (text) =>
        namesake(text, schema) === undefined ||
        `A program that opens ${text} would find ${schema}.users ambiguous: name it otherwise, e.g. warehouse.duckdb`,
    },
    on,
  )

const schema = 'iterable'

const askForAddress = async (on: Asking) =>
  (await input(
    {
      message: 'Address of the database (empty: $DATABASE_URL, when the tool runs)',
      validate: (text) => text === '' || refusal(postgresUrl, text),
    },
    on,
  )) || undefined

const askForRegion = (on: Asking) =>
  select(
    {
      message: 'Which data centre is the project in?',
      choices: [
        { value: 'us' as const, name: 'US', description: 'The web app is at app.iterable.com.' },
        { value: 'eu' as const, name: 'EU', description: 'The web app is at app.eu.iterable.com.' },
      ],
    },
    on,
  )

// No request of the API tells.
const askForProjectType = (on: Asking, region: Answers['region']) =>
  select(
    {
      message: 'What identifies people in the project? (Iterable: Settings > Project Settings)',
      choices: projectTypes.filter(({ value }) => region === 'us' || value !== 'email'),
      default: usualProjectType(region),
    },
    on,
  )

const projectTypes = [
  {
    value: 'email' as const,
    name: 'E-mail address',
    description: 'What most projects of the US data centre are; tables have the key email.',
  },
  {
    value: 'hybrid' as const,
    name: 'Both (hybrid)',
    description: 'People have an e-mail address, a userId or both.',
  },
  { value: 'userId' as const, name: 'userId', description: 'Your own identifier.' },
]

const askForStart = (on: Asking, preset: string) =>
  input(
    {
      message: 'First day to sync (MM/DD/YYYY or ISO 8601)',
      default: preset,
      validate: (text) => refusal(instantSetting, text),
    },
    on,
  )

const askForChannels = async (on: Asking, { media: used }: KnownKey): Promise<readonly string[]> => {
  const known = catalogue('email')
  const tables = (group: string) =>
    known.filter(({ groups }) => groups.some((one) => one === group)).map(({ name }) => name)
  const chosen = await checkbox(
    {
      message: used
        ? 'Which channels beside e-mail? Those of the project are chosen (space changes, enter goes on)'
        : 'Which channels beside e-mail does the project use? (space chooses, enter goes on)',
      choices: media.map(({ group, name, medium }) => ({
        value: group,
        name,
        checked: used?.has(medium) ?? false,
        description: `Adds ${tables(group).join(', ')}.`,
      })),
    },
    on,
  )
  return ['core', ...chosen]
}

/** True, or why a value is not taken. */
function refusal(schema: typeof instantSetting | typeof postgresUrl, text: string): true | string {
  return schema.safeParse(text).error?.issues[0]?.message ?? true
}
