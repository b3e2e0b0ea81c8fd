/** Messages on their way: recorded with what they tell of, sent by any worker, and tried again until they arrive. */
import { randomUUID } from 'node:crypto'
import type { Selectable } from 'kysely'
import { webhookChannel } from '../config/channels.ts'
import type { Environment } from '../config/interpolate.ts'
import { isAllowedRecipient, webhookNamed } from '../config/recipients.ts'
import type { NotificationsConfig, NotifyEvent } from '../config/schema.ts'
import { redact } from '../config/secrets.ts'
import { messageOf } from '../errors.ts'
import { recordAnswer } from '../state/channels.ts'
import type { Happening } from '../state/schedules.ts'
import type { NotificationsTable } from '../state/tables/schedules.ts'
import type { Db } from '../state/tables.ts'
import type { Warehouse } from '../warehouse/session.ts'
import { sendMail } from './mail.ts'
import { type Message, messageAbout } from './message.ts'
import { postWebhook } from './webhook.ts'

export interface NotifyContext {
  readonly notifications: NotificationsConfig
  /** Never told. */
  readonly secrets: readonly string[]
  readonly env: Environment
  readonly version: string
}

/** Whom a job tells beside those of the configuration. */
export interface JobRecipients {
  readonly email?: readonly string[] | undefined
  readonly webhook?: string | undefined
  readonly on: readonly NotifyEvent[]
}

/** Records what there is to send, in the transaction of what it tells of. */
export async function recordHappening(
  db: Db,
  happening: Happening,
  ofJob: JobRecipients | undefined,
  { notifications, secrets }: NotifyContext,
): Promise<void> {
  const { email, webhook } = notifications
  const isWanted = (on: readonly NotifyEvent[] = []) =>
    on.includes(happening.event === 'paused' ? 'failure' : happening.event)
  const isOfJob = isWanted(ofJob?.on)
  const ofJobMail = isOfJob ? (ofJob?.email ?? []) : []
  const people = [
    ...(email && isWanted(email.on) ? email.to : []),
    ...ofJobMail.filter((one) => isAllowedRecipient(one, notifications)),
  ]
  const targets = [
    ...(people.length > 0 ? [{ channel: 'email', recipients: [...new Set(people)] }] : []),
    ...(webhook && isWanted(webhook.on) ? [{ channel: 'webhook', recipients: null }] : []),
    ...(isOfJob && ofJob?.webhook ? [{ channel: 'webhook', recipients: [ofJob.webhook] }] : []),
  ]
  if (targets.length === 0) return
  const rows = await readRowCounts(db, happening.runId)
  const hide = (text: string) => redact(text, secrets)
  for (const { channel, recipients } of targets) {
    const id = randomUUID()
    await db
      .insertInto('notifications')
      .values({
        notification_id: id,
        event: happening.event,
        job: happening.job,
        run_id: happening.runId,
        channel,
        message: JSON.stringify(messageAbout(happening, { id, rows, hide })),
        recipients: recipients && JSON.stringify(recipients),
        state: 'waiting',
        attempts: 0,
        next_try_at: happening.at,
        created_at: happening.at,
      })
      .execute()
  }
}

export interface DeliveryOptions extends NotifyContext {
  readonly warehouse: Warehouse
  readonly time: (db: Db) => Promise<Date>
  /** Hears of every attempt. */
  readonly onAttempt?: (attempt: { readonly channel: string; readonly error: string | null }) => void
}

/** While a worker sends a message, no other does; one that died in between is followed by another after this. */
const sendingMs = 60_000
/** After the n-th failed attempt; altogether about a day. */
const pausesMs = [5, 30, 120, 600, 1800, 3600, 7200, 14400, 28800, 28800].map((seconds) => seconds * 1000)

const longestPauseMs = 2 * Math.max(...pausesMs)

/** Sends what waits. Failures are recorded and tried again later. */
export async function deliverMessages(options: DeliveryOptions): Promise<void> {
  const { warehouse, time, secrets, onAttempt } = options
  const claimed = await warehouse.use(async ({ db }) => claimWaiting(db, await time(db)), {
    isRepeatable: true,
  })
  for (const row of claimed) {
    const error = await send(row, options).then(
      () => null,
      (reason: unknown) => redact(messageOf(reason), secrets).slice(0, 500),
    )
    await warehouse.use(async ({ db }) => recordAttempt(db, row, error, await time(db)), {
      isRepeatable: true,
    })
    onAttempt?.({ channel: row.channel, error })
  }
}

type Row = Selectable<NotificationsTable>

async function claimWaiting(db: Db, now: Date): Promise<Row[]> {
  const waiting = await db
    .selectFrom('notifications')
    .selectAll()
    .where('state', '=', 'waiting')
    .where((where) =>
      where.or([
        where('next_try_at', '<=', now),
        // Set when the clock was ahead.
        where('next_try_at', '>', new Date(now.getTime() + longestPauseMs)),
      ]),
    )
    .orderBy('created_at')
    .limit(20)
    .execute()
  const claimed: Row[] = []
  for (const row of waiting) {
    const [ours] = await db
      .updateTable('notifications')
      .set({ attempts: row.attempts + 1, next_try_at: new Date(now.getTime() + sendingMs) })
      .where('notification_id', '=', row.notification_id)
      .where('attempts', '=', row.attempts)
      .where('state', '=', 'waiting')
      .returningAll()
      .execute()
    if (ours) claimed.push(ours)
  }
  return claimed
}

async function send(
  { channel, message, recipients }: Row,
  { notifications, env, version }: NotifyContext,
): Promise<void> {
  const { email, webhook } = notifications
  const content = message as unknown as Message
  const to = recipients as string[] | null
  if (channel === 'webhook') {
    // An export names one of the configuration; an address in its place names nothing.
    const name = to?.[0]
    const target = name === undefined ? webhook : webhookNamed(name, notifications)
    if (target) return postWebhook(target, content, { env, version })
    throw new Error(
      name === undefined
        ? 'the configuration has no "notifications.webhook" any more'
        : `the configuration has no webhook ${JSON.stringify(name)} in "notifications.webhooks"`,
    )
  }
  if (email) {
    const known = (to ?? email.to).filter((one) => isKnown(one, notifications))
    if (known.length > 0) return sendMail(email, known, content)
    throw new Error('none of its recipients is within "notifications.allowed_recipients" any more')
  }
  throw new Error(
    'the configuration has no "notifications.email": add it, or take "notify" out of the export',
  )
}

/** The configuration may have changed since the message was written. */
const isKnown = (one: string, notifications: NotificationsConfig): boolean =>
  notifications.email?.to.includes(one) === true || isAllowedRecipient(one, notifications)

async function recordAttempt(db: Db, row: Row, error: string | null, now: Date): Promise<void> {
  const pauseMs = pausesMs[row.attempts - 1]
  const later = pauseMs === undefined ? undefined : new Date(now.getTime() + pauseMs)
  const [name] = row.channel === 'webhook' ? ((row.recipients as string[] | null) ?? []) : []
  const channel = name === undefined ? row.channel : webhookChannel(name)
  await recordAnswer(db, { channel, error, now })
  await db
    .updateTable('notifications')
    .set({
      error_text: error,
      ...(error === null
        ? { state: 'sent', sent_at: now }
        : later
          ? { next_try_at: later }
          : { state: 'given_up' }),
    })
    .where('notification_id', '=', row.notification_id)
    .execute()
}

async function readRowCounts(db: Db, runId: string | null) {
  if (runId === null) return null
  const run = await db
    .selectFrom('runs')
    .select(['rows_read', 'rows_written', 'rows_rejected'])
    .where('run_id', '=', runId)
    .executeTakeFirst()
  return run ? { read: run.rows_read, written: run.rows_written, rejected: run.rows_rejected } : null
}
