/** What a check finds: one item per thing looked at. */
import { messageOf, UserError } from '../errors.ts'

export interface CheckItem {
  /** A short stable word: `api_key`, `export`, `warehouse` … */
  readonly item: string
  readonly state: 'ok' | 'warning' | 'failed'
  readonly message: string
  /** What to change; null where nothing need be. */
  readonly cure: string | null
  /** Name of the connection that the item is about. */
  readonly connection?: string
}

/** What `check --json` prints. */
export interface CheckReport {
  /** True when no item failed. */
  readonly ok: boolean
  readonly items: readonly CheckItem[]
}

export const reportOf = (items: readonly CheckItem[]): CheckReport => ({
  ok: items.every(({ state }) => state !== 'failed'),
  items,
})

export const ok = (item: string, message: string): CheckItem => ({ item, state: 'ok', message, cure: null })

export const warning = (item: string, message: string, cure: string): CheckItem => ({
  item,
  state: 'warning',
  message,
  cure,
})

export const failed = (item: string, message: string, cure: string): CheckItem => ({
  item,
  state: 'failed',
  message,
  cure,
})

/** An item for an error. `cure` is for where the message has none. */
export function failedWith(item: string, error: unknown, cure: string): CheckItem {
  const message = messageOf(error)
  const [what, own = cure] = error instanceof UserError ? whatAndCure(message) : [message, undefined]
  return failed(item, what, own)
}

/** What has happened, and what to do about it: our own messages put that behind the first semicolon, where they have it. */
export function whatAndCure(message: string): readonly [what: string, cure: string | undefined] {
  const [what, cure] = message.split(/; (.*)/s, 2)
  return [what ?? message, cure || undefined]
}
