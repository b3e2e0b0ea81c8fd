/** What one person was sent, and what waits in their inbox: messages of the last sends, newest first. */
import { badParams, json, type SandboxAnswer } from '../answers.ts'
import { limits } from '../limits.ts'
import type { Row } from '../options.ts'
import { eventsOf, personOf } from '../person.ts'
import { readTime } from '../times.ts'
import type { SandboxCall, SandboxRoute, World } from './route.ts'

/** The mediums that the endpoint knows, and the events that are their sends. */
const sends = new Map([
  ['Email', 'emailSend'],
  ['Push', 'pushSend'],
  ['InApp', 'inAppSend'],
  ['SMS', 'smsSend'],
])

export const inboxRoutes: readonly SandboxRoute[] = [
  { method: 'GET', pattern: '/api/users/getSentMessages', limit: limits.sentMessages, handle: sentMessages },
  { method: 'GET', pattern: '/api/inApp/getMessages', handle: inAppMessages },
  { method: 'GET', pattern: '/api/embedded-messaging/messages', handle: embeddedMessages },
]

function sentMessages({ query }: SandboxCall, { project }: World): SandboxAnswer {
  const who = personOf(query)
  if (!who) return badParams('email or userId is required')
  const limit = Number(query.get('limit') ?? 10)
  if (!(limit >= 1 && limit <= 1000)) return badParams('limit must be between 1 and 1000')
  const from = readTime(query.get('startDateTime') ?? '') ?? -Infinity
  const to = readTime(query.get('endDateTime') ?? '') ?? Infinity
  const asked = query.get('messageMedium')
  const wanted = [...sends].filter(([medium]) => asked === null || medium === asked)
  const messages = wanted.flatMap(([messageMedium, dataType]) =>
    eventsOf(project, who, dataType).map((row) => ({ row, at: timeOf(row), messageMedium })),
  )
  return json({
    messages: messages
      .filter(({ at }) => at >= from && at <= to)
      .sort((a, b) => b.at - a.at)
      .slice(0, limit)
      .map(({ row: { messageId, campaignId, templateId, createdAt }, messageMedium }) => ({
        messageId,
        campaignId,
        templateId,
        createdAt,
        messageMedium,
        status: 'Sent',
        sentAt: createdAt,
      })),
  })
}

function inAppMessages({ query }: SandboxCall, { project }: World): SandboxAnswer {
  const who = personOf(query)
  if (!who) return badParams('email or userId is required')
  const count = Number(query.get('count') ?? 100)
  const messages = eventsOf(project, who, 'inAppSend').slice(-count)
  return json({
    inAppMessages: messages.map((row) => ({
      messageId: row.messageId,
      campaignId: row.campaignId,
      createdAt: timeOf(row),
      content: { html: '<b>Hello</b>' },
      trigger: { type: 'immediate' },
      saveToInbox: true,
    })),
  })
}

function embeddedMessages({ query }: SandboxCall, { project }: World): SandboxAnswer {
  const who = personOf(query)
  if (!who) return badParams('email or userId is required')
  const rows = eventsOf(project, who, 'embeddedSend')
  const placementIds = [...new Set(rows.map(({ placementId }) => placementId))]
  return json({
    placements: placementIds.map((placementId) => ({
      placementId,
      embeddedMessages: rows
        .filter((row) => row.placementId === placementId)
        .map(({ messageId, campaignId }) => ({ metadata: { messageId, campaignId } })),
    })),
  })
}

const timeOf = ({ createdAt }: Row): number => new Date(String(createdAt)).getTime()
