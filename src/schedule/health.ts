/** What a worker tells the outside over HTTP: whether it is alive, and metrics as Prometheus reads them. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { ConfigError } from '../errors.ts'
import { hasSucceeded } from '../state/runs.ts'
import type { WorkerEvent } from './worker.ts'

export interface Health extends AsyncDisposable {
  readonly port: number
  readonly host: string
  /** Everything that the worker tells. */
  hear(event: WorkerEvent): void
}

/** A worker that has not looked for this long is stuck, or its warehouse is away. */
const patienceMs = 60_000

/**
 * Serves `/healthz` (200 while the worker looks for work, else 503) and `/metrics`. Port 0 takes a free one. Only this
 * machine can ask, unless `host` says otherwise (`0.0.0.0`): metrics name jobs.
 * @throws UserError when the port cannot be had.
 */
export async function serveHealth(
  port: number,
  { pollMs, host = '127.0.0.1' }: { readonly pollMs: number; readonly host?: string | undefined },
): Promise<Health> {
  // Loaded only where it is used.
  const { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } = await import('prom-client')
  const registers = [new Registry()]
  const [registry] = registers as [InstanceType<typeof Registry>]
  collectDefaultMetrics({ register: registry })
  const at = { registers }
  const running = new Gauge({
    name: 'iterable_elt_runs_at_work',
    help: 'Runs that this worker works on',
    ...at,
  })
  const ended = new Counter({
    name: 'iterable_elt_runs_total',
    help: 'Runs that this worker ended, by job and state',
    labelNames: ['job', 'state'],
    ...at,
  })
  const duration = new Histogram({
    name: 'iterable_elt_run_seconds',
    help: 'How long runs took',
    labelNames: ['job'],
    buckets: [1, 5, 15, 60, 300, 900, 3600, 14_400],
    ...at,
  })
  const lateness = new Histogram({
    name: 'iterable_elt_run_late_seconds',
    help: 'How much later than due runs began',
    buckets: [1, 5, 15, 60, 300, 900, 3600],
    ...at,
  })
  const succeededAt = new Gauge({
    name: 'iterable_elt_last_success_timestamp_seconds',
    help: 'When a job last succeeded here',
    labelNames: ['job'],
    ...at,
  })
  const looks = new Counter({
    name: 'iterable_elt_looks_total',
    help: 'Looks for work',
    labelNames: ['result'],
    ...at,
  })

  let lookedAtMs = performance.now()
  const isAlive = () => performance.now() - lookedAtMs < Math.max(patienceMs, pollMs * 3)
  const server = createServer(async (request, response) => {
    const path = request.url?.split('?')[0]
    if (path === '/metrics') {
      response.writeHead(200, { 'content-type': registry.contentType }).end(await registry.metrics())
    } else if (path === '/healthz' || path === '/livez' || path === '/health' || path === '/') {
      response.writeHead(isAlive() ? 200 : 503, { 'content-type': 'text/plain' })
      response.end(isAlive() ? 'ok\n' : 'the worker cannot look for work\n')
    } else response.writeHead(404, { 'content-type': 'text/plain' }).end('see /healthz and /metrics\n')
  })
  server.listen(port, host)
  await Promise.race([
    once(server, 'listening'),
    once(server, 'error').then(([error]) => Promise.reject(error)),
  ]).catch((error: Error) => {
    throw new ConfigError(
      `cannot serve on ${host}, port ${port}: ${error.message}; choose another --health-port or --health-host`,
      { code: 'port', cause: error },
    )
  })

  return {
    port: (server.address() as AddressInfo).port,
    host,
    hear(event) {
      switch (event.type) {
        case 'looked':
          lookedAtMs = performance.now()
          running.set(event.atWork)
          looks.inc({ result: 'done' })
          return
        case 'failed':
          looks.inc({ result: 'failed' })
          return
        case 'begun':
          lateness.observe(Math.max(0, event.lateMs) / 1000)
          return
        case 'ended':
          ended.inc({ job: event.job, state: event.state })
          duration.observe({ job: event.job }, event.tookMs / 1000)
          if (hasSucceeded(event.state)) succeededAt.setToCurrentTime({ job: event.job })
          return
      }
    },
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
      registry.clear()
    },
  }
}
