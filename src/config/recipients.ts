/** Whom the settings of an export may tell: those that the configuration knows, whoever wrote the export. Pure. */
import { suggestion } from '../nearest.ts'
import type { NotificationsConfig } from './schema.ts'

/** Recipients beside those of the configuration. */
export interface Recipients {
  readonly email?: readonly string[] | undefined
  readonly webhook?: string | undefined
}

/** One address and nothing else: no name, no list, no group, no line of a header. */
const address = /^[^\s@<>()[\]\\,;:"\p{Cc}]+@([\p{L}\p{N}.-]+)$/u

/** True for an address within `notifications.allowed_recipients`: addresses, or domains without their subdomains. */
export function isAllowedRecipient(
  given: string,
  { email, allowed_recipients }: NotificationsConfig,
): boolean {
  const [whole, domain] = address.exec(given) ?? []
  if (whole === undefined || domain === undefined) return false
  const allowed = allowed_recipients ?? email?.to.map((to) => address.exec(to)?.[1]) ?? []
  const names = new Set(allowed.map((one) => one?.toLowerCase()))
  return names.has(domain.toLowerCase()) || names.has(whole.toLowerCase())
}

/** The webhook of a name. */
export function webhookNamed(
  name: string,
  { webhooks }: NotificationsConfig,
): NotificationsConfig['webhooks'][string] | undefined {
  return Object.hasOwn(webhooks, name) ? webhooks[name] : undefined
}

/** What is wrong with the recipients of an export, by the setting that names them. */
export function recipientFaults(
  { email = [], webhook }: Recipients,
  notifications: NotificationsConfig,
): readonly { readonly setting: 'email' | 'webhook'; readonly message: string }[] {
  const strangers = email.filter((one) => !isAllowedRecipient(one, notifications))
  const names = Object.keys(notifications.webhooks)
  return [
    ...strangers.map((one) => ({
      setting: 'email' as const,
      message: `${JSON.stringify(one)} is not within "notifications.allowed_recipients" of the configuration (default: the domains of "notifications.email.to")`,
    })),
    ...(webhook === undefined || webhookNamed(webhook, notifications)
      ? []
      : [
          {
            setting: 'webhook' as const,
            message: `there is no webhook ${JSON.stringify(webhook)} in "notifications.webhooks" of the configuration${suggestion(webhook, names)}`,
          },
        ]),
  ]
}
