/** Metrics as CSV: the headings follow the media that are asked for. */
import { badParams, type SandboxAnswer, text } from '../answers.ts'
import { hash32 } from '../data/random.ts'
import { limits } from '../limits.ts'
import type { Row } from '../options.ts'
import { readTime } from '../times.ts'
import type { SandboxCall, SandboxRoute } from './route.ts'

export const metricRoutes: readonly SandboxRoute[] = [
  {
    method: 'GET',
    pattern: '/api/campaigns/metrics',
    limit: limits.campaignMetrics,
    handle: (call, { project }) => campaignMetrics(call, project.campaigns),
  },
  {
    method: 'GET',
    pattern: '/api/experiments/metrics',
    handle: (call, { project }) => experimentMetrics(call, project.experiments),
  },
]

const mostCharacters = 2048
const common = ['Average Order Value', 'Revenue', 'Total Purchases', 'Unique Purchases', 'Total Unsubscribes']
const email = ['Total Email Sends', 'Total Emails Delivered', 'Unique Email Opens', 'Unique Email Clicks']
const headings = new Map([
  ['Email', [...email, 'Revenue / M (Email)']],
  ['SMS', ['Total SMS Sent', 'Unique SMS Clicks', 'Revenue / M (SMS)']],
  ['Push', ['Total Pushes Sent', 'Total Pushes Opened', 'Revenue / M (Push)']],
  ['InApp', ['Total In-App Sent', 'Total In-App Opens']],
  ['Embedded', ['Total Embedded Sent']],
])
const states = ['Draft', 'Scheduled', 'Recurring', 'Starting']

function campaignMetrics(call: SandboxCall, campaigns: readonly Row[]): SandboxAnswer {
  const range = rangeOf(call)
  if (typeof range === 'string') return badParams(range)
  const ids = idsOf(call, 'campaignId')
  const asked = campaigns.filter(
    ({ id, campaignState }) => ids.has(Number(id)) && !states.includes(String(campaignState)),
  )
  const media = [...headings].filter(([medium]) => asked.some((row) => row.messageMedium === medium))
  const names = media.flatMap(([, names]) => names)
  const all = ['id', ...common, ...names, 'Average Custom Conversion Value']
  const rows = asked.map(({ id, messageMedium }) => {
    const own = [...common, ...(headings.get(String(messageMedium)) ?? [])]
    return all.map((name) => (name === 'id' ? id : own.includes(name) ? figure(Number(id), name, range) : ''))
  })
  return csv([all, ...rows])
}

function experimentMetrics(call: SandboxCall, experiments: readonly Row[]): SandboxAnswer {
  const range = rangeOf(call)
  if (typeof range === 'string') return badParams(range)
  const ids = idsOf(call, 'experimentId')
  const campaigns = idsOf(call, 'campaignId')
  const asked = experiments.filter(
    ({ id, status, meta }) =>
      status !== 'draft' && (ids.has(Number(id)) || campaigns.has(Number((meta as Row).campaignId))),
  )
  const fixed = ['experimentId', 'campaignId', 'templateId', 'name', 'type', 'createdBy', 'creationDate']
  const all = [...fixed, 'lastModified', 'subject', 'improvement', 'confidence', ...email, 'Email Open Rate']
  const rows = asked.flatMap(({ id, meta, author, creationDate, variants }) =>
    (variants as Row[]).map(({ id: variantId, name, isControl, isWinner, value }) => {
      const at = new Date(Number(creationDate)).toISOString()
      const type = isControl ? 'Control' : isWinner ? 'Winner' : '-'
      const { templateId } = value as Row
      return [
        ...[id, (meta as Row).campaignId, templateId, name, type, author, at, at],
        // A quoted cell, a figure that is not a number, and a blank one.
        ...[`Hello, "${name}"`, isControl ? 'NaN' : 0.25, isControl ? '' : 0.9],
        ...email.map((heading) => figure(Number(variantId), heading, range)),
        isControl ? 'Infinity' : 0.31,
      ]
    }),
  )
  return csv([all, ...rows])
}

/** Both times, or what is wrong with the request. */
function rangeOf({ path, query }: SandboxCall): { from: number; to: number } | string {
  if (path.length + 1 + String(query).length > mostCharacters)
    return `The URL is longer than ${mostCharacters} characters`
  // Documented so: a month of 2018.
  const from = readTime(query.get('startDateTime') ?? '2018-06-25')
  const to = readTime(query.get('endDateTime') ?? '2018-07-25')
  return from === undefined || to === undefined ? 'Invalid date' : { from, to }
}

const idsOf = ({ query }: SandboxCall, name: string): Set<number> =>
  new Set(
    query
      .getAll(name)
      .flatMap((ids) => ids.split(','))
      .map(Number),
  )

/** The same question has the same answer; longer times have larger figures. */
function figure(id: number, name: string, { from, to }: { from: number; to: number }): number {
  const days = Math.max(0, Math.ceil((to - from) / 86_400_000))
  const perDay = hash32(`${id} ${name}`) % 400
  return /^(?:Revenue|Average)/.test(name) ? (perDay * days) / 4 : perDay * days
}

function csv(rows: readonly (readonly unknown[])[]): SandboxAnswer {
  const cell = (value: unknown) => {
    const written = String(value ?? '')
    return /[",\n]/.test(written) ? `"${written.replaceAll('"', '""')}"` : written
  }
  return text(rows.map((row) => `${row.map(cell).join(',')}\n`).join(''))
}
