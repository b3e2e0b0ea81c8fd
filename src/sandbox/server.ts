/** A fake Iterable on node:http. */
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  actionNotFound,
  badApiKey,
  forbidden,
  htmlAnswer,
  json,
  type SandboxAnswer,
  tooManyRequests,
  twoPermissions,
} from './answers.ts'
import { dataTypes } from './data/catalog.ts'
import { answerOf, makeFaultBook, type SandboxFault } from './faults.ts'
import { home } from './home.ts'
import { type KeyKind, keyKindOf, makeKeys, permission } from './keys.ts'
import { type Limit, makeRateLimiter } from './limits.ts'
import { makeLog } from './log.ts'
import {
  type FaultProfile,
  faultProfiles,
  type LoggedRequest,
  type LoggedWrite,
  type Sandbox,
  type SandboxOptions,
} from './options.ts'
import { plantBadLines, plantLateRows } from './plant.ts'
import { makeProject } from './project.ts'
import { exportRoutes } from './routes/exports.ts'
import { inboxRoutes } from './routes/inbox.ts'
import { isJobFault, jobRoutes } from './routes/jobs.ts'
import { libraryRoutes } from './routes/library.ts'
import { listRoutes } from './routes/lists.ts'
import { metadataRoutes } from './routes/metadata.ts'
import { metricRoutes } from './routes/metrics.ts'
import { resourceRoutes } from './routes/resources.ts'
import { finder, type SandboxCall, type World } from './routes/route.ts'
import { subscriberRoutes } from './routes/subscribers.ts'
import { userRoutes } from './routes/users.ts'
import { send } from './send.ts'
import { parseRow } from './shelf.ts'
import { makeShrink } from './shrink.ts'
import { makeTruth } from './truth.ts'

/**
 * Starts a sandbox on 127.0.0.1. Throws a RangeError for an unknown fault profile, and the socket's error where
 * the port is taken.
 */
export async function startSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const world = makeWorld(options)
  const { project, keys, faults, log } = world
  const server = createServer(makeListener(world))
  server.requestTimeout = 0
  server.keepAliveTimeout = 60_000
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port ?? 0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  world.url = `http://127.0.0.1:${port}`
  const close = async () => {
    const closed = new Promise((resolve) => server.close(resolve))
    server.closeAllConnections()
    await closed
  }
  return {
    url: world.url,
    port,
    keys,
    projectType: project.projectType,
    data: project,
    truth: makeTruth(project),
    faults,
    requests: log.requests,
    writes: log.writes,
    counts: log.counts,
    close,
    [Symbol.asyncDispose]: close,
    advance: (milliseconds) => project.advance(milliseconds),
    warm: (dataType) => warm(world, dataType),
    get now() {
      return project.now()
    },
    set now(value: Date) {
      project.setNow(value)
    },
  }
}

function makeWorld(options: SandboxOptions): World {
  const names = typeof options.faults === 'string' ? [options.faults] : (options.faults ?? [])
  const unknown = names.filter((name) => !faultProfiles.includes(name))
  if (unknown.length > 0) {
    throw new RangeError(`unknown fault profile ${unknown.join(', ')}; known are ${faultProfiles.join(', ')}`)
  }
  const project = makeProject(options)
  const until = (options.until ?? project.now()).getTime()
  if (names.includes('bad-lines')) plantBadLines(project, until)
  if (names.includes('late')) plantLateRows(project, until)
  const profiles: readonly FaultProfile[] = names
  const clock = options.clock ?? (() => performance.now())
  return {
    options,
    project,
    keys: makeKeys(project.seed),
    faults: makeFaultBook(profiles, project.seed),
    log: makeLog(options.logSize ?? 20_000),
    clock,
    url: '',
  }
}

function warm({ project }: World, dataType?: string): number {
  let bytes = 0
  for (const name of dataType === undefined ? dataTypes : [dataType]) {
    for (const piece of project.events(name).read(-Infinity, Infinity, { peek: true })) bytes += piece.length
  }
  return bytes
}

function makeListener(world: World): (req: IncomingMessage, res: ServerResponse) => void {
  const find = finder([
    ...exportRoutes,
    ...jobRoutes(),
    ...listRoutes,
    ...subscriberRoutes,
    ...metricRoutes,
    ...resourceRoutes,
    ...libraryRoutes,
    ...metadataRoutes,
    ...inboxRoutes,
    ...userRoutes,
  ])
  const { options, keys, log, faults, clock } = world
  const { latencyMs = 0, timeScale = 1, region = 'us', rateLimits = true } = options
  const startedAt = clock()
  const limiter = rateLimits === true ? makeRateLimiter(clock, timeScale) : undefined
  const shrink = makeShrink(faults.has('shrink'))
  const maxBytes = Math.min(
    options.maxBatchBytes ?? 4 * 1024 * 1024,
    faults.has('batch-413') ? 64 * 1024 : Infinity,
  )

  return (req, res) => {
    handle(req, res).catch((error: unknown) => {
      if (!res.headersSent) res.writeHead(500, { 'content-type': 'text/plain' })
      res.end(`The sandbox itself failed: ${error instanceof Error ? error.stack : String(error)}\n`)
    })
  }

  async function handle(req: IncomingMessage, res: ServerResponse): Promise<unknown> {
    const method = req.method ?? 'GET'
    const { pathname: path, searchParams: query } = new URL(req.url ?? '/', 'http://sandbox')
    const header = req.headers['api-key'] ?? req.headers.api_key ?? query.get('api_key') ?? undefined
    const kind = keyKindOf(keys, Array.isArray(header) ? header[0] : header)
    const { text, tooLarge } = await readBody(req, maxBytes)
    const body = text === '' ? undefined : parseRow(text)
    const entry = log.open({
      method,
      path,
      query: Object.fromEntries(query),
      at: Math.round(clock() - startedAt),
      key: kind,
      ...(text === '' ? {} : { body: body ?? text }),
    })
    if (path === '/health') return reply(json({ ok: true }))
    if (path === '/') return reply(home(world, (req.headers.accept ?? '').includes('json')))
    const found = find(method, path)
    if (!found) return reply(actionNotFound(method, path))
    const refused = refuse(method, path, kind, found.route.limit)
    if (refused) return reply(refused)
    if (tooLarge) return reply(htmlAnswer(413, 'Request Entity Too Large', ''))

    const target = { method, path, query, body: text }
    const fault = faults.take(target) ?? shrink(path, query)
    if (fault) entry.fault = typeof fault.kind === 'object' ? `status ${fault.kind.status}` : fault.kind
    if (fault?.kind === 'drop') return res.socket?.resetAndDestroy()
    const instead = fault && answerOf(fault, target, entry.number)
    if (latencyMs > 0) await sleep(latencyMs / timeScale)
    if (instead) return reply(instead)
    let write: { answered: boolean } | undefined
    const call: SandboxCall = {
      method,
      path,
      parts: found.parts,
      query,
      text,
      body,
      fault: fault?.kind,
      wrote: (rows) => {
        write = logWrite(path, text, rows, entry)
      },
    }
    const answer = found.route.handle(call, world)
    if (fault?.kind === 'lost-answer') return res.socket?.resetAndDestroy()
    const isWhole = await reply(answer, answer.status === 200 && breaksAnswer(fault) ? fault : undefined)
    if (write) write.answered = isWhole
    return isWhole

    async function reply(answer: SandboxAnswer, broken?: SandboxFault): Promise<boolean> {
      entry.status = answer.status
      res.setHeader('request-time', '1')
      res.setHeader('vary', 'Origin')
      return send(res, answer, broken)
    }
  }

  function refuse(
    method: string,
    path: string,
    kind: KeyKind,
    limit: Limit | undefined,
  ): SandboxAnswer | undefined {
    if (path.startsWith('/files/')) return kind === 'none' ? undefined : twoPermissions
    const allowed = permission(kind, region, method, path)
    if (allowed === 401) return badApiKey(path)
    if (allowed === 403) return forbidden(path)
    const waitMs = limit ? (limiter?.take(limit) ?? 0) : 0
    if (waitMs === 0) return undefined
    return tooManyRequests(path, options.retryAfter ? Math.ceil(waitMs / 1000) : undefined)
  }

  function logWrite(
    path: string,
    text: string,
    rows: Pick<LoggedWrite, 'rows' | 'successCount' | 'failCount'> & { listId?: number },
    { at }: LoggedRequest,
  ): { answered: boolean } {
    return log.wrote({ path, hash: createHash('sha256').update(text).digest('hex'), at, ...rows })
  }
}

/** Faults of jobs concern what becomes of them: their start is answered as usual. */
const breaksAnswer = (fault: SandboxFault | undefined): boolean =>
  typeof fault?.kind !== 'string' || !isJobFault(fault.kind)

async function readBody(
  req: IncomingMessage,
  maxBytes: number,
): Promise<{ text: string; tooLarge: boolean }> {
  const pieces: Buffer[] = []
  let bytes = 0
  for await (const piece of req as AsyncIterable<Buffer>) {
    bytes += piece.length
    if (bytes <= maxBytes) pieces.push(piece)
  }
  return bytes > maxBytes
    ? { text: '', tooLarge: true }
    : { text: Buffer.concat(pieces).toString('utf8'), tooLarge: false }
}
