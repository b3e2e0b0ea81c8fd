/** The files that `init` writes. */
import { basename } from 'node:path'

/** What the configuration depends on. */
export interface Answers {
  readonly warehouse: 'duckdb' | 'postgres'
  /** The DuckDB file. */
  readonly path: string
  /** The Postgres database; from the environment when left out. */
  readonly url: string | undefined
  readonly region: 'us' | 'eu'
  readonly projectType: 'email' | 'userId' | 'hybrid'
  readonly startDate: string
  /** Replaces the host of the data centre. */
  readonly baseUrl?: string | undefined
  /** Names and groups of streams. */
  readonly streams: readonly string[]
  /** The JSON Schema, seen from the configuration. */
  readonly schemaPath: string
  /** To be written into `.env`. */
  readonly apiKey?: string | undefined
  /** A key that Iterable knows is set already. */
  readonly hasKey?: boolean | undefined
}

/** What most projects of a data centre are; that of the EU has no email-based ones. */
export const usualProjectType = (region: Answers['region']): Answers['projectType'] =>
  region === 'eu' ? 'hybrid' : 'email'

const text = (value: string): string => JSON.stringify(value)
/** `${NAME}` of the configuration. */
const variable = (name: string): string => `$\{${name}}`

/** config.json, with comments. */
export function configFile(answers: Answers): string {
  return `// Configuration of iterable-elt. Comments are allowed, and ${variable('NAME')} takes a value from the environment or from
// a .env file beside this one. "iterable-elt check" tests it.
{
  // Lets editors complete and check what is written here.
  "$schema": ${text(answers.schemaPath)},

  // Where the tables live. Stream tables go to the schema "iterable", our own to iterable_sync, views for analysts
  // to iterable_views.
  "warehouse": ${warehouseText(answers)},
  "schema": "iterable",

  // Iterable projects, by a name of your choice.
  "connections": {
    "iterable": {
      // A server-side API key: Iterable, Integrations > API Keys.
      "api_key": "${variable('ITERABLE_API_KEY')}",
      // Data centre of the project: us or eu.
      "region": ${text(answers.region)},
      // What identifies people in the project: email, userId or hybrid.
      "project_type": ${text(answers.projectType)}${
        answers.baseUrl === undefined
          ? ''
          : `,
      // Where requests go in place of the data centre.
      "base_url": ${text(answers.baseUrl)}`
      }
    }
  },

  // Iterable → warehouse.
  "sync": {
    "connection": "iterable",
    // Where the first sync of an incremental stream begins; later changes touch nothing that was replicated.
    "start_date": ${text(answers.startDate)},
    // Campaigns and templates from before that day are kept, too: events of today may belong to them.
    "complete_dimensions": true,
    // How many days of events one request asks for: "auto" lets the volume of each stream decide, or give a number.
    "window_in_days": "auto",
    // "core" are the sixteen of every project; add the channels that yours uses ("push", "sms", "in_app" …), or take
    // "all". Names, globs ("email_*") and exclusions ("!metadata") too: "iterable-elt streams" lists everything.
    "streams": ${JSON.stringify(answers.streams).replaceAll(',', ', ')},
    // When "iterable-elt worker" runs the sync.
    "schedule": { "cron": "0 * * * *", "timezone": "UTC" }
  },

  // Warehouse → lists of Iterable: one .sql file for each export.
  "exports": { "directory": "sql/exports" }
}
`
}

function warehouseText({ warehouse, path, url }: Answers): string {
  if (warehouse === 'duckdb') return `{ "type": "duckdb", "path": ${text(path)} }`
  const address = url === undefined || hasPassword(url) ? variable('DATABASE_URL') : url
  return `{ "type": "postgres", "url": ${text(address)} }`
}

/** A password belongs into .env. */
export const hasPassword = (url: string): boolean => {
  const { password, searchParams } = new URL(url)
  return password !== '' || searchParams.has('password')
}

/** .env.example: the names of the secrets, and none of them. */
export function envExample({ warehouse }: Answers): string {
  const database =
    warehouse === 'postgres'
      ? '# The warehouse.\nDATABASE_URL=postgres://user:password@localhost:5432/database\n'
      : ''
  return `# Copy this file to .env, which git ignores, and fill it in.\n# A server-side API key: Iterable, Integrations > API Keys.\nITERABLE_API_KEY=\n${database}`
}

/** What git must not see: secrets and data, under whatever name. */
export function gitignoreLines({ warehouse, path }: Pick<Answers, 'warehouse' | 'path'>): readonly string[] {
  const isOther = warehouse === 'duckdb' && !path.endsWith('.duckdb')
  const name = basename(path)
  const other = isOther ? [name, `${name}.wal`, `${name}.work/`] : []
  return ['.env', '*.duckdb', '*.duckdb.wal', '*.duckdb.work/', ...other]
}

/** An export to start from; without a schedule it runs only on command. */
export const exampleExport = `/*
# One export: this block says what happens to the people whom the query below returns.
# Try it with: iterable-elt export example --dry-run
action: add                 # add, remove or mirror
list_id: 1                  # the list, as its address in Iterable ends
# new_fields: create        # without it, a first run that makes new fields waits for approval
# schedule: { cron: "0 6 * * *", timezone: UTC }
*/
select
  u.email,                  -- email or user_id identifies the person
  count(*) as "opens30Days" -- every other column becomes a profile field
from iterable.users u
join iterable.email_open o on o.email = u.email
where o."createdAt" > current_timestamp - interval '30 days'
group by u.email
`
