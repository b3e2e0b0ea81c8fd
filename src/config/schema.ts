/**
 * What a configuration holds: every key, its default and its meaning. The JSON Schema and the reference in
 * the README are made from this file. Durations are milliseconds and dates are `Date` once parsed.
 */
import type { DuckDBInstance } from '@duckdb/node-api'
import type { Pool } from 'pg'
import { z } from 'zod'
import { incrementalNames, streamGroups } from '../catalog/index.ts'
import { endpointNames } from './endpoints.ts'
import {
  anyCase,
  anyHttpUrl,
  byteSize,
  duration,
  httpUrl,
  instant,
  postgresUrl,
  rateLimit,
  signedDuration,
  smtpUrl,
  timeLimit,
  timezone,
} from './values.ts'

const duckdb = z.strictObject({
  type: z.literal('duckdb').describe('A DuckDB database in one file.'),
  path: z.string().min(1).describe('The database file, made if missing.'),
  memory_limit: byteSize
    .optional()
    .describe(
      'The most memory DuckDB may take, e.g. "1GB". Absent: chosen so that the whole process stays small.',
    ),
  threads: z
    .int()
    .min(1)
    .max(256)
    .optional()
    .describe('Threads of DuckDB. Absent: 1, which takes the least memory; a second one rarely pays.'),
})

const tls = z.strictObject({
  ca: z.string().min(1).optional().describe('File with the certificate of the authority (PEM).'),
  cert: z.string().min(1).optional().describe('File with the client certificate (PEM).'),
  key: z.string().min(1).optional().describe('File with the key of the client certificate (PEM).'),
  reject_unauthorized: z
    .boolean()
    .default(true)
    .describe('Refuse a server whose certificate cannot be verified.'),
})

const postgres = z.strictObject({
  type: z.literal('postgres').describe('A Postgres database.'),
  url: postgresUrl
    .optional()
    .describe('Address of the database. Absent: the PG* environment variables and .pgpass, as with psql.'),
  ssl: z
    .union([z.boolean(), tls])
    .optional()
    .describe('Encryption. Absent: as the address says (`sslmode`).'),
  statement_timeout: timeLimit
    .optional()
    .describe('Longest time of one statement. Absent: as the server says.'),
  lock_timeout: timeLimit.optional().describe('Longest wait for a lock. Absent: as the server says.'),
})

/** Databases that the host application has open already; a configuration file cannot hold them. */
const liveDuckdb = z.strictObject({
  type: z.literal('duckdb'),
  instance: z.custom<DuckDBInstance>((given) => isObjectWith(given, 'connect'), 'expected a DuckDBInstance'),
})
const livePostgres = z.strictObject({
  type: z.literal('postgres'),
  pool: z.custom<Pool>(
    (given) => isObjectWith(given, 'connect') && isObjectWith(given, 'query'),
    'expected a pg.Pool',
  ),
})

const connection = z.strictObject({
  type: z.literal('iterable').default('iterable').describe('The kind of system.'),
  api_key: z
    .string()
    .trim()
    .regex(/^[\x21-\x7e]+$/, 'expected a key of visible ASCII characters')
    .describe('Server-side API key ("Standard") of the project.'),
  region: anyCase(['us', 'eu']).prefault('us').describe('Data centre of the project: us or eu (any case).'),
  project_type: anyCase(['email', 'userId', 'hybrid'])
    .prefault('email')
    .describe('What identifies a user in the project: email, userId or hybrid (any case).'),
  base_url: httpUrl
    .nullable()
    .default(null)
    .describe("Overrides the region's host, for a proxy or the sandbox."),
  rate_limits: z
    .union([z.literal('off'), z.partialRecord(z.enum(endpointNames), rateLimit)])
    .default({})
    .describe(
      'Pace by endpoint, e.g. {"export": "4/min"}: N/s, N/min, N/h or "off"; "off" in place of the whole turns ' +
        "pacing off. Endpoints that are not named keep Iterable's documented limits.",
    ),
  timeouts: z
    .strictObject({
      headers: timeLimit
        .prefault('15m')
        .describe('Longest wait for an answer to begin (exports take minutes).'),
      body: timeLimit.prefault('60s').describe('Longest silence inside an answer.'),
      trickle: timeLimit
        .prefault('5m')
        .describe('Longest time in which less than a kilobyte of an answer may come.'),
      wait: timeLimit
        .prefault('15m')
        .describe('Longest wait that an answer may ask for (Retry-After); more is a failure.'),
    })
    .prefault({})
    .describe('Patience with the network.'),
  max_retries: z
    .int()
    .min(0)
    .max(100)
    .default(6)
    .describe('How often a request is repeated after 429, 5xx, timeouts and broken connections.'),
})

/** A schedule, of the sync or of an export. */
export const scheduleSchema = z
  .strictObject({
    cron: z
      .string()
      .max(1_000)
      .describe('Cron expression with five fields, or @hourly, @daily, @monthly; "" never runs.'),
    timezone: timezone.default('UTC').describe('IANA time zone in which the expression is read.'),
    dialect: z
      .enum(['treasuredata', 'standard'])
      .default('treasuredata')
      .describe('How the expression is read: as Treasure Data documents it, or as Vixie cron does.'),
    delay: signedDuration
      .prefault('0s')
      .describe('The run happens this much after its nominal time (before it, if negative).'),
    start: instant.optional().describe('No run has a nominal time before this.'),
    end: instant.optional().describe('No run has a nominal time at or after this.'),
    overlap: z
      .enum(['skip', 'queue_one'])
      .default('skip')
      .describe('A run that falls due while the one before still works: skipped, or queued (at most one).'),
    catchup: z
      .enum(['latest', 'all', 'none'])
      .default('latest')
      .describe('Runs missed while no worker was there: only the latest, all or none is made up for.'),
    catchup_window: duration.prefault('7d').describe('Missed runs older than this are not made up for.'),
    jitter: duration
      .prefault('0s')
      .describe('Spreads runs: each schedule starts later by its own fixed share of this.'),
    timeout: duration.optional().describe('A run that takes longer is stopped. Absent: no limit.'),
  })
  .refine(({ start, end }) => !start || !end || start < end, 'expected an end after the start')
  .refine(
    ({ start, end }) =>
      [start, end].every((at) => !at || (at.getUTCFullYear() > 0 && at.getUTCFullYear() < 10_000)),
    'expected times in the years 1 to 9999',
  )

const sync = z.strictObject({
  connection: z
    .string()
    .min(1)
    .optional()
    .describe('Name of the connection to read. Absent: the only connection.'),
  start_date: instant
    .prefault('2020-01-01')
    .describe(
      'Where the first sync of an incremental stream begins: MM/DD/YYYY or ISO 8601; UTC without a zone.',
    ),
  window_in_days: z
    .int()
    .min(1)
    .max(366)
    .default(30)
    .describe('Days of events asked for in one export request.'),
  lookback: z
    .union([duration, z.partialRecord(z.enum(['default', ...incrementalNames]), duration)])
    .prefault('1d')
    .describe(
      'Re-read this much before the bookmark, for events that came late; or, by stream, e.g. {"default": "1d", "purchase": "7d"}.',
    ),
  complete_dimensions: z
    .boolean()
    .default(false)
    .describe(
      'Keep campaigns and templates from before start_date too, so that every event finds its campaign; they are read anyway.',
    ),
  settle: duration.prefault('5m').describe('The last window ends this long before now: exports lag.'),
  streams: z
    .array(z.string().min(1))
    .min(1)
    .default(['core'])
    .describe(
      `What to replicate: names, globs ("*" = all), "!name" to exclude, and groups: all, ${streamGroups.join(', ')}.`,
    ),
  max_reject_percent: z
    .number()
    .min(0)
    .max(100)
    .default(5)
    .describe('A window with more rejected lines than this (and more than 100 of them) fails.'),
  schedule: scheduleSchema.optional().describe('When the worker runs the sync. Absent: only on command.'),
})

export const notifyEvents = ['success', 'failure', 'held', 'recovery'] as const
const notifyOn = z.array(z.enum(notifyEvents)).describe(`What to tell: any of ${notifyEvents.join(', ')}.`)
const mailAddress = z.string().regex(/@/, 'expected an e-mail address')

const notifications = z.strictObject({
  email: z
    .strictObject({
      smtp_url: smtpUrl.describe('Mail server, e.g. smtp://user:password@host:587.'),
      from: mailAddress.describe('Sender.'),
      to: z.array(mailAddress).min(1).describe('Recipients.'),
      on: notifyOn.default(['failure', 'held', 'recovery']),
    })
    .optional()
    .describe('E-mail over SMTP.'),
  webhook: z
    .strictObject({
      url: anyHttpUrl.describe('Receives a POST with a JSON document.'),
      secret: z.string().min(1).optional().describe('Key of the HMAC-SHA256 signature. Absent: unsigned.'),
      on: notifyOn.default([...notifyEvents]),
    })
    .optional()
    .describe('Webhook.'),
  webhooks: z
    .record(
      z.string().min(1),
      z.strictObject({
        url: anyHttpUrl.describe('Receives a POST with a JSON document.'),
        secret: z.string().min(1).optional().describe('Key of the HMAC-SHA256 signature. Absent: unsigned.'),
      }),
    )
    .default({})
    .describe('Webhooks by a name of your choice, which exports may name in `notify.webhook`.'),
  allowed_recipients: z
    .array(z.string().min(1))
    .optional()
    .describe(
      'Addresses, and domains whose every address, exports may name in `notify.email`. Absent: the domains of `email.to`.',
    ),
})

/** A configuration as it stands in a file. */
export const configSchema = z.strictObject({
  $schema: z.string().optional().describe('Address of the JSON Schema, for editors.'),
  warehouse: z.discriminatedUnion('type', [duckdb, postgres]).describe('Where the tables live.'),
  schema: z
    .string()
    .max(50)
    .regex(/^(?!pg_)[A-Za-z_][A-Za-z0-9_]*$/, 'expected letters, digits and _ (no digit first, not pg_…)')
    .default('iterable')
    .describe(
      'Schema of the stream tables; `<schema>_sync`, `<schema>_views` and `<schema>_marts` are named after it.',
    ),
  connections: z
    .record(z.string().min(1), connection)
    .default({})
    .describe('Iterable projects by a name of your choice.'),
  sync: sync.prefault({}).describe('Iterable → warehouse.'),
  exports: z
    .strictObject({
      directory: z
        .string()
        .min(1)
        .default('sql/exports')
        .describe('Folder of the saved exports, one .sql file each.'),
      role: z
        .string()
        .min(1)
        .optional()
        .describe(
          'Postgres: role with whose rights queries of exports and of `sql` run (docs/postgres-roles.md). Absent: ' +
            'those of the connection.',
        ),
      allow_external_access: z
        .boolean()
        .default(false)
        .describe(
          'DuckDB: queries of exports and of `sql` may read files and addresses (`read_parquet`), not only the warehouse.',
        ),
    })
    .prefault({})
    .describe('Warehouse → lists of Iterable.'),
  notifications: notifications.prefault({}).describe('Who is told about runs.'),
  worker: z
    .strictObject({
      concurrency: z.int().min(1).max(64).default(4).describe('Runs at the same time in one worker.'),
      disable_after_failures: z
        .int()
        .min(1)
        .default(5)
        .describe('Configuration errors in a row after which a schedule is paused.'),
    })
    .prefault({})
    .describe('The process that runs schedules.'),
  spool_directory: z
    .string()
    .min(1)
    .optional()
    .describe('Folder for downloads on their way. Absent: the temporary folder of the system.'),
})

/** A configuration made in code, whose warehouse is a database that is open already. */
export const liveConfigSchema = configSchema.extend({
  warehouse: z.discriminatedUnion('type', [liveDuckdb, livePostgres]),
})

export type WarehouseConfig =
  | z.output<typeof configSchema>['warehouse']
  | z.output<typeof liveConfigSchema>['warehouse']
export type ConnectionConfig = z.output<typeof connection>
export type ScheduleConfig = z.output<typeof scheduleSchema>
export type SyncConfig = z.output<typeof sync>
export type NotificationsConfig = z.output<typeof notifications>
export type NotifyEvent = (typeof notifyEvents)[number]

/** A checked configuration: defaults filled in, paths absolute, durations in milliseconds. */
export type Config = Omit<z.output<typeof configSchema>, 'warehouse' | '$schema'> & {
  readonly warehouse: WarehouseConfig
}

/** What `parseConfig` takes from code; unknown keys and wrong values are reported when it is parsed. */
export type ConfigInput = z.input<typeof configSchema> | z.input<typeof liveConfigSchema>

function isObjectWith(given: unknown, method: string): boolean {
  return typeof given === 'object' && given !== null && typeof Reflect.get(given, method) === 'function'
}
