/** The channels of notifications, by the names under which their answers are kept. Pure. */
import type { NotificationsConfig } from './schema.ts'

export const webhookChannel = (name: string): string => `webhook:${name}`

/** All that are configured. */
export function channelsOf({ email, webhook, webhooks }: NotificationsConfig): readonly string[] {
  return [
    ...(email ? ['email'] : []),
    ...(webhook ? ['webhook'] : []),
    ...Object.keys(webhooks).map(webhookChannel),
  ]
}
