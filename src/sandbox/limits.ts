/** Rate limits: leaky buckets that hold one period's worth of requests. */

export interface Limit {
  readonly name: string
  readonly requests: number
  readonly perMs: number
}

const perSecond = (name: string, requests: number): Limit => ({ name, requests, perMs: 1000 })
const perMinute = (name: string, requests: number): Limit => ({ name, requests, perMs: 60_000 })

/** As documented in March 2026; list writes are not, so they get the limit of users/bulkUpdate. */
export const limits = {
  // One counter for JSON and CSV: the stricter of the two readings of the documentation.
  export: perMinute('export', 4),
  exportStart: perSecond('exportStart', 1),
  exportFiles: perSecond('exportFiles', 1),
  exportCancel: perSecond('exportCancel', 1),
  getUsers: perMinute('getUsers', 5),
  previewUsers: perMinute('previewUsers', 5),
  listSize: perMinute('listSize', 5),
  listWrite: perSecond('listWrite', 5),
  lists: perSecond('lists', 100),
  campaigns: perSecond('campaigns', 100),
  campaignMetrics: perMinute('campaignMetrics', 10),
  channels: perSecond('channels', 100),
  messageTypes: perSecond('messageTypes', 100),
  templates: perSecond('templates', 100),
  userFields: perSecond('userFields', 3),
  catalogs: perSecond('catalogs', 100),
  forgotten: perSecond('forgotten', 3),
  sentMessages: perSecond('sentMessages', 3),
  userForget: perSecond('userForget', 3),
  userLookup: perSecond('userLookup', 100),
  userDelete: perSecond('userDelete', 100),
  userUpdate: perSecond('userUpdate', 500),
  userBulkUpdate: perSecond('userBulkUpdate', 5),
} satisfies Record<string, Limit>

export interface RateLimiter {
  /** 0: let through and counted; else milliseconds until the next request would be. */
  take(limit: Limit): number
}

export function makeRateLimiter(clock: () => number, timeScale: number): RateLimiter {
  const buckets = new Map<string, { level: number; at: number }>()
  return {
    take: ({ name, requests, perMs }) => {
      const now = clock()
      const drainPerMs = (requests * timeScale) / perMs
      const bucket = buckets.get(name) ?? { level: 0, at: now }
      const level = Math.max(0, bucket.level - (now - bucket.at) * drainPerMs)
      const isFull = level + 1 > requests + 1e-9
      buckets.set(name, { level: isFull ? level : level + 1, at: now })
      return isFull ? Math.ceil((level + 1 - requests) / drainPerMs) : 0
    },
  }
}
