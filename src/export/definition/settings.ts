/** What may stand in the YAML block of an export: every setting, its default and its meaning. */
import { createHash } from 'node:crypto'
import * as z from 'zod'
import { notifyEvents } from '../../config/notifications.ts'
import { scheduleSchema } from '../../config/sync.ts'

export const actions = ['add', 'remove', 'mirror'] as const
export type Action = (typeof actions)[number]

/** Of the rows that were sent; where nothing is said, it counts from some rows on only. */
export const defaultRejectPercent = 5

/** `true`, `"true"`, `"False"`: Treasure Data's page writes booleans both ways. */
const flag = z.preprocess(
  (given) =>
    typeof given === 'string' && /^(true|false)$/i.test(given) ? given.toLowerCase() === 'true' : given,
  z.boolean(),
)
const anyCase = (given: unknown) => (typeof given === 'string' ? given.trim().toLowerCase() : given)
/** A whole number, also in quotes. */
const id = z.preprocess(
  (given) => (typeof given === 'string' && /^\s*\d+\s*$/.test(given) ? Number(given) : given),
  z.int().min(1),
)

const column = z.union([
  z.string().min(1),
  z.strictObject({
    source: z.string().min(1).describe('Column of the query.'),
    as: z.string().min(1).optional().describe('Field of the profile. Absent: as the column.'),
    json: flag.default(false).describe('The column holds JSON as text; its content is sent.'),
  }),
])

const constant = z
  .strictObject({
    as: z.string().min(1).describe('Field of the profile.'),
    string: z.string().optional().describe('This text.'),
    timestamp: flag.optional().describe('The time of the run.'),
    segment_id: flag.optional(),
    segment_name: flag.optional(),
    audience_id: flag.optional(),
  })
  .refine(
    ({ as: _, string, ...others }) =>
      [string !== undefined, ...Object.values(others).map((value) => value === true)].filter(Boolean)
        .length === 1,
    'expected exactly one of string, timestamp, segment_id, segment_name, audience_id beside "as"',
  )

const verdicts = ['off', 'warn', 'hold', 'fail'] as const
export type Verdict = (typeof verdicts)[number]
const verdict = z.enum(verdicts)

/** A brake is written as a word (what happens), a number (its limit) or both. */
const orShort = (limit: string) => (given: unknown) =>
  typeof given === 'string' ? { verdict: given } : typeof given === 'number' ? { [limit]: given } : given

/** A share of the people, or a number of rows. */
const share = (usual: Verdict) =>
  z.preprocess(
    orShort('percent'),
    z.strictObject({
      percent: z.number().min(0).optional(),
      rows: z.int().min(0).optional(),
      verdict: verdict.default(usual),
    }),
  )

const additions = z.preprocess(
  orShort('factor'),
  z.strictObject({ factor: z.number().min(0).default(10), verdict: verdict.default('warn') }),
)

const brakes = z.strictObject({
  empty_result: verdict.default('fail').describe('The query returns nothing while people are managed.'),
  row_drop: share('hold')
    .optional()
    .describe('The query returns this much less than in the run before (50 %; mirror: hold, else warn).'),
  removals: share('hold')
    .prefault({})
    .describe(
      'A mirror removes more than this share of its people (50 %, above 1,000 people 20 %), or so many rows.',
    ),
  additions: additions
    .prefault({})
    .describe('More people are added than so many times the median of the last runs.'),
  invalid_rows: share('fail')
    .prefault({})
    .describe('With skip_invalid_data: more invalid rows than this share (5 %, and over 100 rows).'),
  mapping_change: share('hold')
    .prefault({})
    .describe('More than this share of the people (50 %) changes in a run after the mapping was changed.'),
  new_fields: verdict
    .optional()
    .describe(
      'Iterable does not know a field yet and would create it (first run: hold, unless `new_fields: create`; then warn).',
    ),
  field_names: verdict
    .default('hold')
    .describe('A column is not a field of the project, but resembles one or could be several.'),
  list_name: verdict.default('fail').describe('The list has another name than in the run before.'),
  adopted: verdict.default('hold').describe('Strangers found by `baseline: adopt` would be removed.'),
})
export type Brakes = z.output<typeof brakes>

/** The settings of an export, as in its file or in `iterable_sync.exports.settings`. */
export const settingsSchema = z.strictObject({
  action: z.preprocess(anyCase, z.enum(actions)).describe('add, remove or mirror, in any case.'),
  list_id: id.optional().describe('Id of the list in Iterable.'),
  list: z.string().min(1).optional().describe('In place of list_id: the name of the list.'),
  create_list: flag.default(false).describe('add, mirror: make a list of this name if there is none.'),
  connection: z.string().min(1).optional().describe('Name of the connection. Absent: the only one.'),
  campaign_id: id.optional().describe('remove: the campaign that the unsubscribes are attributed to.'),
  channel_unsubscribe: flag
    .default(false)
    .describe("remove: also unsubscribe from the list's whole channel."),
  skip_invalid_data: flag
    .default(false)
    .describe(
      'false: one invalid row and nothing is sent. true: valid rows go, the others are rejected_rows.',
    ),
  skip_on_invalid_records: flag.optional().describe('Another name for skip_invalid_data.'),
  update_existing_users_only: flag
    .default(false)
    .describe('add, mirror: people unknown to Iterable are left out.'),
  nulls: z.enum(['omit', 'send']).default('omit').describe('Whether a NULL is left out, or sent as null.'),
  on_duplicate: z
    .enum(['fail', 'first', 'identical_ok'])
    .default('identical_ok')
    .describe('What happens when the result has the same person twice.'),
  identifier: z
    .enum(['auto', 'email', 'user_id'])
    .default('auto')
    .describe('Which of the two is sent where both are present.'),
  columns: z
    .union([z.literal('all'), z.array(column)])
    .default('all')
    .describe('Which columns are sent, and as what.'),
  new_fields: z
    .enum(['hold', 'create'])
    .default('hold')
    .describe('Whether a first run that would create fields in Iterable waits for approval.'),
  constants: z.array(constant).default([]).describe('Fields with the same value in every row.'),
  segment: z
    .strictObject({
      id: z.union([z.string(), z.number()]).optional().describe('For `segment_id`.'),
      name: z.string().optional().describe('For `segment_name`.'),
      audience_id: z.union([z.string(), z.number()]).optional().describe('For `audience_id`.'),
    })
    .prefault({})
    .describe('Values for constants.'),
  brakes: brakes.prefault({}).describe('What stops a run before it sends anything.'),
  max_reject_percent: z
    .number()
    .min(0)
    .max(100)
    .optional()
    .describe('The run fails if Iterable refuses more rows than this (default 5, from 500 rows on).'),
  send: z
    .enum(['all', 'changes'])
    .default('all')
    .describe('add, remove: send every row on every run, or only what changed.'),
  baseline: z
    .enum(['send', 'adopt'])
    .default('send')
    .describe(
      'First run of a mirror: send the people of the query and remove nobody, or also take over who is on the list already.',
    ),
  schedule: scheduleSchema.optional().describe('When the worker runs it.'),
  notify: z
    .strictObject({
      email: z
        .union([z.string(), z.array(z.string())])
        .transform((to) => (Array.isArray(to) ? to : [to]))
        .optional()
        .describe('Addresses, within `notifications.allowed_recipients`.'),
      webhook: z.string().optional().describe('Name of one of `notifications.webhooks`.'),
      on: z
        .array(z.enum(notifyEvents))
        .default(['failure', 'held', 'recovery'])
        .describe('What to tell: any of success, failure, held, recovery.'),
    })
    .optional()
    .describe('Who is told about its runs, beside those of the configuration.'),
})

/** As somebody wrote them: the list has an id or a name. */
export type StatedSettings = Omit<z.output<typeof settingsSchema>, 'skip_on_invalid_records'>

/** The list is known by its id. */
export type ExportSettings = StatedSettings & { readonly list_id: number }

/** Whether the state of each person is kept, to send only what differs from it. */
export const isTracked = ({ action, send }: Pick<ExportSettings, 'action' | 'send'>): boolean =>
  action === 'mirror' || send === 'changes'

/** Of all that decides what is sent: a plan frozen under another one must not be sent. */
export function definitionHash(query: string, settings: StatedSettings): string {
  const { brakes: _, schedule: _s, notify: _n, max_reject_percent: _m, new_fields: _f, ...rest } = settings
  const { create_list: _c, ...stated } = rest
  // A list that is known by its name: which one that is, is found out in each run.
  return hashOf([query, stated.list === undefined ? stated : { ...stated, list_id: undefined }])
}

/** Of what turns a row into a payload. */
export function mappingHash({ columns, constants, segment, nulls, identifier }: StatedSettings): string {
  return hashOf([columns, constants, segment, nulls, identifier])
}

const hashOf = (value: unknown): string => createHash('sha256').update(JSON.stringify(value)).digest('hex')
