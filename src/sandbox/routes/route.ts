/** One endpoint as a value, and what its handler is given. */
import type { SandboxAnswer } from '../answers.ts'
import type { FaultBook } from '../faults.ts'
import type { Limit } from '../limits.ts'
import type { Log } from '../log.ts'
import type { FaultKind, SandboxKeys, SandboxOptions } from '../options.ts'
import type { Project } from '../project.ts'

export interface World {
  readonly options: SandboxOptions
  readonly project: Project
  readonly keys: SandboxKeys
  readonly faults: FaultBook
  readonly log: Log
  readonly clock: () => number
  /** Base URL without a slash at the end. */
  url: string
}

export interface SandboxCall {
  readonly method: string
  readonly path: string
  /** Values of the `{…}` parts of the pattern, decoded. */
  readonly parts: readonly string[]
  readonly query: URLSearchParams
  /** Text of the request body. */
  readonly text: string
  /** Parsed body; undefined where it is not a JSON object. */
  readonly body: Record<string, unknown> | undefined
  /** The fault that was ordered for it and does not concern the answer as such. */
  readonly fault?: FaultKind | undefined
  /** Called by a write that was carried out; `answered` is settled when the answer has gone out. */
  wrote(rows: { listId?: number; rows: number; successCount: number; failCount: number }): void
}

export interface SandboxRoute {
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** As `/api/lists/{id}/size`: `{id}` matches digits, `{name}` any segment. */
  readonly pattern: string
  readonly limit?: Limit
  readonly handle: (call: SandboxCall, world: World) => SandboxAnswer
}

export type Find = (method: string, path: string) => { route: SandboxRoute; parts: string[] } | undefined

/** Routes in order; the first that fits is taken. */
export function finder(routes: readonly SandboxRoute[]): Find {
  const compiled = routes.map((route) => {
    const source = route.pattern.replaceAll('{id}', '(\\d+)').replaceAll('{name}', '([^/]+)')
    return { route, matcher: new RegExp(`^${source}$`) }
  })
  return (method, path) => {
    for (const { route, matcher } of compiled) {
      const match = route.method === method ? matcher.exec(path) : null
      if (match) return { route, parts: match.slice(1).map(decode) }
    }
    return undefined
  }
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}
