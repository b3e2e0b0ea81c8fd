/**
 * What a configuration holds: every key, its default and its meaning. The JSON Schema and the reference in
 * docs/configuration.md are made from this file. Durations are milliseconds and dates are `Date` once parsed.
 */
import type { DuckDBInstance } from '@duckdb/node-api'
import type { Pool } from 'pg'
import { z } from 'zod'
import { eventNames, incrementalNames, streamGroups } from '../catalog/index.ts'
import { endpointNames } from './endpoints.ts'
import { passwordHash } from './password-hash.ts'
import {
  age,
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
  path: z
    .string()
    .min(1)
    .refine(
      (path) => path !== ':memory:',
      'expected a file; a database in memory is gone with the process that has it',
    )
    .describe('The database file, made if missing.'),
  memory_limit: byteSize
    .optional()
    .describe(
      'The most memory DuckDB may take, e.g. "1GB". Absent: chosen by what the process may use (docs/deploying.md).',
    ),
  threads: z
    .int()
    .min(1)
    .max(256)
    .optional()
    .describe(
      'Threads of DuckDB. Absent: 1 on small machines, which takes the least memory; more from four cores on.',
    ),
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

/** Of a Postgres warehouse, whoever connects to it. */
const ofPostgres = {
  partition: z
    .enum(['none', 'month'])
    .optional()
    .describe(
      '"month": new tables of events are kept in parts, one for each month (docs/postgres.md). Absent: "none". Tables that are there stay as they are.',
    ),
  readers: z
    .array(z.string().min(1))
    .optional()
    .describe(
      'Roles that may read all of our schemas, including tables to come. Absent: nothing is granted.',
    ),
  indexes: z
    .boolean()
    .optional()
    .describe(
      'True: event tables get indexes on email, userId, campaignId and messageId, built after a sync without locking anybody out.',
    ),
}

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
  ...ofPostgres,
})

const storage = z.strictObject({
  key_id: z.string().min(1).optional().describe('S3, R2, GCS (HMAC): the id of the key.'),
  secret: z.string().min(1).optional().describe('S3, R2, GCS (HMAC): the key.'),
  session_token: z.string().min(1).optional().describe('S3: the token of a key that ends.'),
  region: z.string().min(1).optional().describe('S3: the region of the bucket.'),
  endpoint: z
    .string()
    .regex(
      /^[^/@\s]+$/,
      'expected a host, with its port where that is not the usual one, e.g. minio.local:9000',
    )
    .optional()
    .describe('S3-compatible storage: its host, with the port.'),
  url_style: z
    .enum(['path', 'vhost'])
    .optional()
    .describe('S3-compatible storage: whether the bucket stands in the path or in the name of the host.'),
  use_ssl: z.boolean().optional().describe('False: over HTTP, for a storage beside this machine.'),
  account_name: z.string().min(1).optional().describe('Azure: the storage account.'),
  connection_string: z.string().min(1).optional().describe('Azure: how to reach it, key included.'),
})

const ducklake = z.strictObject({
  type: z
    .literal('ducklake')
    .describe('A lake: its catalogue, and our own tables, in Postgres; its rows as Parquet files.'),
  catalog: postgresUrl.describe('Address of the Postgres database that has the catalogue.'),
  data_path: z
    .string()
    .min(1)
    .describe(
      'Where the Parquet files go: a folder, or s3://, gs://, r2://, az:// with a bucket. Every process that reads or writes must reach it under this name.',
    ),
  storage: storage
    .prefault({})
    .describe(
      'How the storage is reached. Without a key: by what the machine has (role, environment, files).',
    ),
  extension_directory: z
    .string()
    .min(1)
    .optional()
    .describe(
      "Folder with DuckDB's extensions. Absent: DuckDB fetches them from extensions.duckdb.org, once.",
    ),
  memory_limit: duckdb.shape.memory_limit,
  threads: duckdb.shape.threads,
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
  ...ofPostgres,
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
      .describe(
        'A run that falls due while the previous one is still running: skipped, or queued (at most one).',
      ),
    catchup: z
      .enum(['latest', 'all', 'none'])
      .default('latest')
      .describe('Runs missed while no worker was there: the latest, all, or none of them are made up for.'),
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
    .union([z.literal('auto'), z.int().min(1).max(366)])
    .default(30)
    .describe(
      'Days of events asked for in one export request, or "auto": as much at once as the volume of the stream allows.',
    ),
  lookback: z
    .union([duration, z.partialRecord(z.enum(['default', ...incrementalNames]), duration)])
    .prefault('1d')
    .describe(
      'Re-read this much before the bookmark, for events that came late; or, by stream, e.g. {"default": "1d", "purchase": "7d"}.',
    ),
  sweep: z
    .union([
      z.literal('off'),
      z.strictObject({
        every: duration.prefault('7d').describe('How often.'),
        days: z.int().min(1).max(366).default(30).describe('How far back.'),
      }),
    ])
    .prefault({})
    .describe(
      'Every so often the events of the last days are read again, for rows that came later than the lookback; what is found is reported, and kept in iterable_sync.sweeps.',
    ),
  retention: z
    .partialRecord(z.enum(['default', ...eventNames]), age)
    .default({})
    .describe(
      'How long events are kept, by stream or for all of them: {"default": "25 months", "email_open": "90 days"}; older ones are dropped, once a day, and not read again. Absent: for ever.',
    ),
  complete_dimensions: z
    .boolean()
    .default(false)
    .describe(
      'Keep campaigns and templates from before start_date too, so that every event finds its campaign; they are read anyway.',
    ),
  settle: duration.prefault('5m').describe('The last window ends this long before now: exports lag.'),
  export_route: z
    .enum(['auto', 'direct', 'jobs'])
    .default('auto')
    .describe(
      'How windows of events and users are read: "direct" (one request), "jobs" (asynchronous exports, fetched in files of 10 MB), or "auto", which decides for each window (docs/export-routes.md).',
    ),
  quiet_streams: z
    .enum(['daily', 'off'])
    .default('daily')
    .describe(
      'Event streams that have had no row for 30 days: asked for once a day ("daily"), unless they are named, or always ("off").',
    ),
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
  jobs: z
    .record(
      z.string().regex(/^[\w-]+$/, 'expected letters, digits, "-" and "_"'),
      z.strictObject({
        streams: z.array(z.string().min(1)).min(1).describe('What it syncs, as sync.streams says it.'),
        schedule: scheduleSchema.describe('When the worker runs it.'),
      }),
    )
    .default({})
    .describe(
      'Further syncs, by name, which the worker runs as jobs "sync:NAME"; the scheduled sync leaves their streams to them. On a lake, different workers run them at the same time.',
    ),
})

export const notifyEvents = ['success', 'failure', 'held', 'recovery'] as const
const notifyOn = z.array(z.enum(notifyEvents)).describe(`What to tell: any of ${notifyEvents.join(', ')}.`)
const mailAddress = z.string().regex(/@/, 'expected an e-mail address')

const webhook = {
  url: anyHttpUrl.describe('Receives a POST with a JSON document.'),
  format: z
    .enum(['json', 'slack', 'teams'])
    .optional()
    .describe(
      'Form of the document: ours ("json"), or that of Slack or Microsoft Teams. Absent: as the host of the address wants it.',
    ),
  secret: z.string().min(1).optional().describe('Key of the HMAC-SHA256 signature. Absent: unsigned.'),
}

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
      ...webhook,
      on: notifyOn.default([...notifyEvents]),
    })
    .optional()
    .describe('Webhook.'),
  webhooks: z
    .record(z.string().min(1), z.strictObject(webhook))
    .default({})
    .describe('Webhooks by a name of your choice, which exports may name in `notify.webhook`.'),
  allowed_recipients: z
    .array(z.string().min(1))
    .optional()
    .describe(
      'Addresses, and whole domains, that exports may name in `notify.email`. Absent: the domains of `email.to`.',
    ),
})

const ui = z.strictObject({
  token: z
    .string()
    .min(16, 'expected 16 characters or more')
    .optional()
    .describe('Whoever knows it may sign in to the operations page, as an operator.'),
  users: z
    .record(
      z.string().min(1).max(100),
      z.strictObject({
        password: z
          .string()
          .regex(passwordHash, 'expected what "iterable-elt ui --hash" prints, not the password itself')
          .describe('The scrypt hash that `iterable-elt ui --hash` prints.'),
        role: z
          .enum(['viewer', 'operator'])
          .default('viewer')
          .describe('A viewer reads, with personal data masked; an operator also acts.'),
      }),
    )
    .default({})
    .describe('People who may sign in to the operations page, by name.'),
  allowed_hosts: z
    .array(z.string().min(1))
    .default([])
    .describe('Host names under which the page is reached, besides addresses and localhost (without port).'),
  session: timeLimit.prefault('12h').describe('How long a sign-in lasts.'),
  queries: z.string().min(1).default('sql/queries').describe('Folder of saved queries, one .sql file each.'),
})

const mcp = z.strictObject({
  token: z
    .string()
    .min(16, 'expected 16 characters or more')
    .optional()
    .describe(
      'What clients of `mcp --http` must bring as bearer token. Absent: $ITERABLE_ELT_MCP_TOKEN; without either, loopback only.',
    ),
  allowed_hosts: z
    .array(z.string().min(1))
    .default([])
    .describe(
      'Host names under which `mcp --http` is reached, besides addresses and localhost (without port).',
    ),
  personal_data: z
    .boolean()
    .default(false)
    .describe('True: assistants see e-mail addresses, names, telephone numbers and all fields of profiles.'),
  shown_fields: z
    .array(z.string().min(1))
    .default([])
    .describe('Fields and columns that assistants see although personal data is masked, e.g. ["plan"].'),
  max_rows: z
    .int()
    .min(1)
    .max(100_000)
    .default(1_000)
    .describe('The most rows that an assistant may ask of one query (200 unless it asks for more).'),
  max_bytes: z
    .int()
    .min(1_000)
    .max(10_000_000)
    .default(100_000)
    .describe('The most bytes of one answer; what is more is cut, and the answer says so.'),
  timeout: timeLimit.prefault('30s').describe('The longest time of one answer.'),
})

const marts = z
  .strictObject({
    enabled: z
      .boolean()
      .default(true)
      .describe(
        'false: the sync makes no views for analysts, and leaves those that are there as they are; for whoever builds them with dbt.',
      ),
    attribution: z
      .strictObject({
        click: duration.prefault('5d').describe('The longest time between the last click and a purchase.'),
        open: duration.prefault('1d').describe('The longest time between the last open and a purchase.'),
      })
      .prefault({})
      .describe('Which purchases are credited to which campaign (purchase_attribution).'),
    timezone: timezone
      .default('UTC')
      .describe(
        'IANA time zone of the weekdays and hours of send_time_heatmap, and of the days of `report`.',
      ),
    materialize: z
      .array(z.string().min(1))
      .default([])
      .describe(
        'Views that are kept as tables and refreshed at the end of each sync; `sent_messages`, `engagement_events` and `message_facts` make most others fast.',
      ),
    compatibility: z
      .array(z.enum(['fivetran']))
      .default([])
      .describe(
        '["fivetran"]: views with the names and columns of its schema for Iterable, in `<schema>_fivetran` (docs/fivetran.md).',
      ),
  })
  .refine(
    ({ enabled, materialize, compatibility }) => enabled || materialize.length + compatibility.length === 0,
    '`materialize` and `compatibility` need `enabled`: true',
  )

const lake = z.strictObject({
  maintenance: z
    .strictObject({
      schedule: scheduleSchema
        .prefault({ cron: '0 3 * * *' })
        .describe('When the worker does it; a `cron` of "" never does.'),
      keep_snapshots: duration
        .prefault('7d')
        .describe('States of the lake that are younger can still be read (`at (timestamp => …)`).'),
      keep_files: duration
        .prefault('1d')
        .describe(
          'Files that no state needs any more stay this long: longer than any query of the lake, and any load into it, takes.',
        ),
    })
    .prefault({})
    .describe(
      'Small files are merged, older states ended, and files that nothing needs removed. Every lake needs a `data_path` of its own.',
    ),
})

/** A configuration as it stands in a file. */
export const configSchema = z.strictObject({
  $schema: z.string().optional().describe('Address of the JSON Schema, for editors.'),
  warehouse: z.discriminatedUnion('type', [duckdb, postgres, ducklake]).describe('Where the tables live.'),
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
  marts: marts.prefault({}).describe('The views for analysts (docs/marts.md).'),
  lake: lake.prefault({}).describe('What only a lake needs (docs/ducklake.md).'),
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
          'Postgres: the role that queries of exports and of `sql` run as (docs/postgres-roles.md). Absent: ' +
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
  ui: ui.prefault({}).describe('The operations page.'),
  mcp: mcp.prefault({}).describe('What assistants see of the warehouse (docs/mcp.md).'),
  spool_directory: z
    .string()
    .min(1)
    .optional()
    .describe('Folder for downloads that are not loaded yet. Absent: the temporary folder of the system.'),
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
export type MartsConfig = z.output<typeof marts>
export type NotificationsConfig = z.output<typeof notifications>
export type NotifyEvent = (typeof notifyEvents)[number]

/** A checked configuration: defaults filled in, paths absolute, durations in milliseconds. */
export type Config = Omit<z.output<typeof configSchema>, 'warehouse' | '$schema'> & {
  readonly warehouse: WarehouseConfig
}

type Settings = z.input<typeof configSchema> | z.input<typeof liveConfigSchema>

/** What `parseConfig` takes from code; unknown keys and wrong values are reported when it is parsed. */
export type ConfigInput = Settings & {
  /** Which of `targets` is taken where none is asked for. */
  readonly target?: string
  /** Settings by the name of a target, laid over all the others. */
  readonly targets?: Readonly<Record<string, object>>
}

function isObjectWith(given: unknown, method: string): boolean {
  return typeof given === 'object' && given !== null && typeof Reflect.get(given, method) === 'function'
}
