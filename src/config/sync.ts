/** `sync` of the configuration, and what a schedule is. */
import * as z from 'zod'
import { eventNames, incrementalNames, streamGroups } from '../catalog/index.ts'
import { ageSetting, duration, instantSetting, signedDuration, timezone } from './values.ts'

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
    start: instantSetting.optional().describe('No run has a nominal time before this.'),
    end: instantSetting.optional().describe('No run has a nominal time at or after this.'),
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

/** `sync`: what is read of Iterable, how far back, how often. */
export const syncSchema = z.strictObject({
  connection: z
    .string()
    .min(1)
    .optional()
    .describe('Name of the connection to read. Absent: the only connection.'),
  start_date: instantSetting
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
    .partialRecord(z.enum(['default', ...eventNames]), ageSetting)
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
      z.string().regex(/^[\w-]+$/, 'expected a name of letters, digits, "-" and "_"'),
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
