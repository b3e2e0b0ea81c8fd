/** `notifications` of the configuration. */
import * as z from 'zod'
import { anyHttpUrl, smtpUrl } from './values.ts'

/** What there is to tell of a run. */
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

/** `notifications`: who is told about runs. */
export const notificationsSchema = z.strictObject({
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
