/** A test message to each channel that is configured, and what it answers. */
import { randomUUID } from 'node:crypto'
import { channelsOf, webhookChannel } from '../config/channels.ts'
import { redact } from '../config/secrets.ts'
import { messageOf } from '../errors.ts'
import { sendMail } from './mail.ts'
import type { Message } from './message.ts'
import type { NotifyContext } from './outbox.ts'
import { postWebhook } from './webhook.ts'

/** What one channel answered; an entry of `notify test --json`. */
export interface ChannelAnswer {
  /** `email`, `webhook` or `webhook:NAME`. */
  readonly channel: string
  /** Where it leads: recipients, or the host of a webhook. */
  readonly to: string
  readonly ok: boolean
  /** Why the message was refused. */
  readonly error: string | null
}

/** Sends one message to each channel, one after the other. Nothing is thrown, and nothing tried again. */
export async function probeChannels(context: NotifyContext, now: Date): Promise<readonly ChannelAnswer[]> {
  const answers: ChannelAnswer[] = []
  for (const channel of channelsOf(context.notifications)) {
    const { to, send } = channelNamed(channel, context)
    const error = await send(testMessage(now)).then(
      () => null,
      (reason: unknown) => redact(messageOf(reason), context.secrets).slice(0, 500),
    )
    answers.push({ channel, to, ok: error === null, error })
  }
  return answers
}

interface Channel {
  readonly to: string
  readonly send: (message: Message) => Promise<void>
}

function channelNamed(channel: string, { notifications, env, version }: NotifyContext): Channel {
  const { email, webhook, webhooks } = notifications
  if (channel === 'email' && email)
    return { to: email.to.join(', '), send: (message) => sendMail(email, email.to, message) }
  const named = Object.entries(webhooks).find(([name]) => webhookChannel(name) === channel)
  const target = named ? named[1] : webhook
  if (!target) throw new Error(`there is no channel ${channel}`)
  return { to: new URL(target.url).host, send: (message) => postWebhook(target, message, { env, version }) }
}

const testMessage = (now: Date): Message => ({
  id: randomUUID(),
  event: 'test',
  job: 'notify',
  run_id: null,
  state: null,
  nominal_at: null,
  at: now.toISOString(),
  since: null,
  failures: 0,
  rows: null,
  error: null,
})
