/** Whether the channels of notifications took what was last sent to them; nothing is sent for that. */
import { channelsOf } from '../config/channels.ts'
import type { Config } from '../config/schema.ts'
import { readState } from '../report/read.ts'
import { readAnswers } from '../state/channels.ts'
import type { Warehouse } from '../warehouse/session.ts'
import { type CheckItem, failed, ok } from './item.ts'

export interface NotificationsCheck {
  readonly config: Config
  readonly warehouse: Warehouse
  readonly signal?: AbortSignal | undefined
  /** False where it is known already that the warehouse cannot be read. */
  readonly isReadable?: boolean | undefined
}

/** One item for each channel that refuses, or one for all. */
export async function checkNotifications(check: NotificationsCheck): Promise<readonly CheckItem[]> {
  const channels = channelsOf(check.config.notifications)
  if (channels.length === 0) return []
  const answers = check.isReadable === false ? [] : await readLastAnswers(check)
  const refusing = answers.filter(
    ({ channel, error_text }) => channels.includes(channel) && error_text !== null,
  )
  if (refusing.length > 0) {
    return refusing.map(({ channel, answered_at, error_text }) =>
      failed(
        'notifications',
        `${channel} has refused the last message (${answered_at.toISOString().slice(0, 19)}Z): ${error_text}`,
        'correct it under "notifications", then run "iterable-elt notify test"',
      ),
    )
  }
  const untried = channels.filter((channel) => !answers.some((answer) => answer.channel === channel))
  const hint = untried.length > 0 ? `; "iterable-elt notify test" tries ${untried.join(', ')}` : ''
  return [ok('notifications', `no channel has refused a message${hint}`)]
}

const readLastAnswers = async ({ warehouse, config, signal }: NotificationsCheck) =>
  (await readState(
    { warehouse, config },
    // A warehouse of an older version keeps none.
    async ({ db, names }, tables) => (tables.has(`${names.sync}.channels`) ? readAnswers(db) : []),
    { signal },
  )) ?? []
