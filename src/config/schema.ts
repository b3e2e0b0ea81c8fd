/**
 * What a configuration holds: every key, its default and its meaning, with the parts that have files of their own. The JSON
 * Schema and the reference in docs/configuration.md are made from it. Durations are milliseconds and dates are `Date` once
 * parsed.
 */
import * as z from 'zod'
import { pacedEndpoints } from './endpoints.ts'
import { notificationsSchema, type notifyEvents } from './notifications.ts'
import { mcpSchema, uiSchema } from './services.ts'
import { scheduleSchema, syncSchema } from './sync.ts'
import { anyCase, duration, httpUrl, rateLimit, timeLimit, timezone } from './values.ts'
import { liveWarehouseSchema, warehouseSchema } from './warehouses.ts'

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
    .union([z.literal('off'), z.partialRecord(z.enum(pacedEndpoints), rateLimit)])
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
    {
      path: ['enabled'],
      message: 'expected true where `materialize` or `compatibility` names views',
    },
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
  warehouse: warehouseSchema.describe('Where the tables live.'),
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
  sync: syncSchema.prefault({}).describe('Iterable → warehouse.'),
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
          'Queries of exports and of `sql` may read files and addresses (`read_parquet`; on Postgres `pg_read_file`, `dblink`), not only the warehouse.',
        ),
    })
    .prefault({})
    .describe('Warehouse → lists of Iterable.'),
  notifications: notificationsSchema.prefault({}).describe('Who is told about runs.'),
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
  ui: uiSchema.prefault({}).describe('The operations page.'),
  mcp: mcpSchema.prefault({}).describe('What assistants see of the warehouse (docs/mcp.md).'),
  spool_directory: z
    .string()
    .min(1)
    .optional()
    .describe('Folder for downloads that are not loaded yet. Absent: the temporary folder of the system.'),
})

/** A configuration made in code, whose warehouse is a database that is open already. */
export const liveConfigSchema = configSchema.extend({
  warehouse: liveWarehouseSchema,
})

export type WarehouseConfig =
  | z.output<typeof configSchema>['warehouse']
  | z.output<typeof liveConfigSchema>['warehouse']
export type ConnectionConfig = z.output<typeof connection>
export type ScheduleConfig = z.output<typeof scheduleSchema>
export type SyncConfig = z.output<typeof syncSchema>
export type MartsConfig = z.output<typeof marts>
export type NotificationsConfig = z.output<typeof notificationsSchema>
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
