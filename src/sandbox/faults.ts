/** What goes wrong: single faults asked for by a test, and profiles that a patient client survives. */
import {
  genericErrorBody,
  htmlAnswer,
  json,
  linkExpired,
  type SandboxAnswer,
  tooManyRequests,
} from './answers.ts'
import { hash32 } from './data/random.ts'
import type { FaultKind, FaultProfile, FaultRule, Faults } from './options.ts'
import { parseRow } from './shelf.ts'

/** What a fault may depend on. */
export interface FaultTarget {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  /** Text of a request body; empty for reads. */
  readonly body: string
}

export interface SandboxFault {
  readonly kind: FaultKind
  readonly afterBytes?: number
}

export interface FaultBook extends Faults {
  /** The fault that hits this request, decided before it is carried out. */
  take(target: FaultTarget): SandboxFault | undefined
  has(profile: FaultProfile): boolean
}

// Twice in a row these would be taken for permanently bad data, or cost a client's whole idle timeout.
const onlyOnce = new Set<FaultProfile>(['cut', 'cut-line', 'stall', 'lost-answer'])
// Over all profiles together, so that a client with three tries gets through.
const strikesPerRequest = 2
const headProfiles: readonly FaultProfile[] = ['429', '429-bare', '5xx']
const bodyProfiles: readonly FaultProfile[] = ['reset', 'cut', 'cut-line', 'stall']

export function makeFaultBook(profiles: readonly FaultProfile[], seed: number): FaultBook {
  let rules: { rule: FaultRule; skip: number; left: number }[] = []
  const chosen = (group: readonly FaultProfile[]) => group.filter((profile) => profiles.includes(profile))
  const heads = afflictions(chosen(headProfiles), seed)
  const bodies = afflictions(chosen(bodyProfiles), seed)
  const writes = afflictions(chosen(['lost-answer']), seed)
  const struck = new Map<string, number>()
  const illnessOf = (target: FaultTarget, key: string) =>
    heads(key) ?? (isStream(target.path) ? bodies(key) : isWrite(target) ? writes(key) : undefined)
  return {
    next: (rule) => {
      rules.push({ rule, skip: rule.skip ?? 0, left: rule.times ?? 1 })
    },
    clear: () => {
      rules = []
    },
    has: (profile) => profiles.includes(profile),
    take: (target) => {
      const hit = rules.find(({ rule, left }) => left > 0 && matches(rule, target))
      if (hit && hit.skip > 0) hit.skip -= 1
      else if (hit) {
        hit.left -= 1
        const { fault: kind, afterBytes } = hit.rule
        return { kind, ...(afterBytes === undefined ? {} : { afterBytes }) }
      }
      const key = keyOf(target)
      const kind = (struck.get(key) ?? 0) < strikesPerRequest ? illnessOf(target, key) : undefined
      if (kind) struck.set(key, (struck.get(key) ?? 0) + 1)
      if (kind) return { kind }
      return profiles.includes('slow') && isStream(target.path) ? { kind: 'slow' } : undefined
    },
  }
}

/** The answer that stands in for the real one, for faults that have one. */
export function answerOf(
  { kind }: SandboxFault,
  { path }: FaultTarget,
  count: number,
): SandboxAnswer | undefined {
  if (typeof kind === 'object') {
    const { status, body, headers = {} } = kind
    if (typeof body !== 'string' && !Buffer.isBuffer(body)) return json(body, status, headers)
    const { 'content-type': type = 'text/plain', ...others } = headers
    return { status, type, body: [Buffer.from(body as string)], headers: others }
  }
  switch (kind) {
    case '429':
      return tooManyRequests(path, 1)
    case '429-bare':
      return tooManyRequests(path)
    case '5xx': {
      const turns = [
        json(genericErrorBody, 500),
        htmlAnswer(502, 'Bad Gateway', 'nginx'),
        htmlAnswer(503, 'Service Unavailable', ''),
      ]
      return turns[count % turns.length]
    }
    case 'expired':
      return linkExpired
    default:
      return undefined
  }
}

/** A request is known by its key; every third new key falls ill, for its first one or two requests. */
function afflictions(profiles: readonly FaultProfile[], seed: number) {
  const keys = new Map<string, { profile: FaultProfile; left: number } | undefined>()
  return (key: string): FaultKind | undefined => {
    if (profiles.length === 0) return undefined
    if (!keys.has(key)) {
      const profile = profiles[keys.size % Math.max(3, profiles.length)]
      const left = profile && !onlyOnce.has(profile) ? 1 + (hash32(`${seed}:${key}`) % 2) : 1
      keys.set(key, profile && { profile, left })
    }
    const illness = keys.get(key)
    if (!illness || illness.left === 0) return undefined
    illness.left -= 1
    return illness.profile as FaultKind
  }
}

function matches({ method, path, query = {}, body }: FaultRule, target: FaultTarget): boolean {
  return (
    (body === undefined || Object.entries(body).every(([name, value]) => memberOf(target, name) === value)) &&
    (method === undefined || method === target.method) &&
    (path === undefined || target.path.startsWith(path)) &&
    Object.entries(query).every(([name, value]) => target.query.get(name) === value)
  )
}

const memberOf = ({ body }: FaultTarget, name: string): unknown => parseRow(body)?.[name]

function keyOf({ method, path, query, body }: FaultTarget): string {
  return `${method} ${path} ${[...query].map(String).sort().join('&')} ${body ? hash32(body) : ''}`
}

const isStream = (path: string) => /^\/api\/export\/(data|userEvents)|^\/files\//.test(path)
const isWrite = ({ method, path }: FaultTarget) => method !== 'GET' && !path.startsWith('/api/export/')
