/** Spans as a host sees them that has set up OpenTelemetry; and nothing at all where none has. */
import { join } from 'node:path'
import { context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { open } from '../src/index.ts'
import { type Sandbox, startSandbox } from '../src/sandbox/index.ts'
import { inSpan } from '../src/telemetry.ts'
import { configFor, temporaryFolder } from './cli/run.ts'
import { eachWarehouse } from './support/warehouse.ts'

let sandbox: Sandbox
beforeAll(async () => {
  const until = new Date(Date.now() - 600_000)
  sandbox = await startSandbox({
    rateLimits: 'off',
    until,
    now: until,
    users: 10,
    lists: 1,
    eventsPerDay: 40,
    days: 4,
  })
})
afterAll(() => sandbox.close())

/** The tracer of a host, for as long as it lasts. */
function setUpTracer() {
  const exporter = new InMemorySpanExporter()
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
  trace.setGlobalTracerProvider(provider)
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  return {
    exporter,
    spans: () => exporter.getFinishedSpans(),
    [Symbol.dispose]() {
      trace.disable()
      context.disable()
    },
  }
}

const named = (spans: readonly ReadableSpan[], name: string | RegExp) =>
  spans.filter((span) => (typeof name === 'string' ? span.name === name : name.test(span.name)))

/** The names above a span, from its parent on. */
function above(span: ReadableSpan, spans: readonly ReadableSpan[]): readonly string[] {
  const id = span.parentSpanContext?.spanId
  const parent = spans.find((one) => one.spanContext().spanId === id)
  return parent ? [parent.name, ...above(parent, spans)] : []
}

eachWarehouse('a sync and an export are told as spans, one within the other', async (warehouse) => {
  using tracer = setUpTracer()
  const config = configFor(sandbox, warehouse.config, { days: 3 })
  await using elt = await open({ ...config, sync: { ...config.sync, window_in_days: 1 } })
  expect((await elt.sync({ streams: ['email_open', 'lists'] })).state).toBe('succeeded')
  const spans = tracer.spans()
  const [run] = named(spans, 'iterable_elt.sync')
  expect(run?.attributes).toMatchObject({
    'iterable_elt.run_id': expect.stringMatching(/^[\da-f-]{36}$/),
    'iterable_elt.state': 'succeeded',
    'iterable_elt.rows_rejected': 0,
  })
  expect(
    named(spans, 'iterable_elt.stream')
      .map(({ attributes }) => attributes['iterable_elt.stream'])
      .sort(),
  ).toEqual(['email_open', 'lists'])
  const windows = named(spans, 'iterable_elt.window').filter(
    ({ attributes }) => attributes['iterable_elt.window_from'],
  )
  expect(windows.length).toBeGreaterThan(2)
  const calls = named(spans, 'GET /api/export/data.json')
  expect(calls.length).toBe(windows.length)
  for (const call of calls) {
    expect(call.kind).toBe(SpanKind.CLIENT)
    expect(call.attributes).toMatchObject({ 'http.response.status_code': 200, 'server.address': '127.0.0.1' })
    expect(above(call, spans)).toEqual(['iterable_elt.window', 'iterable_elt.stream', 'iterable_elt.sync'])
  }
  const commits = named(spans, 'iterable_elt.commit')
  expect(new Set(commits.map(({ attributes }) => attributes['db.system.name']))).toEqual(
    new Set([warehouse.kind === 'duckdb' ? 'duckdb' : 'postgresql']),
  )
  for (const commit of commits)
    expect(above(commit, spans)).toEqual(['iterable_elt.stream', 'iterable_elt.sync'])
  const written = commits.reduce(
    (sum, { attributes }) => sum + Number(attributes['iterable_elt.rows_written']),
    0,
  )
  expect(run?.attributes['iterable_elt.rows_written']).toBe(written)

  const query = "select 'ada@example.com' as email"
  const report = await elt.export({
    query,
    result: { type: 'iterable', action: 'add', list_id: sandbox.data.lists[0]?.id },
    connection: 'iterable',
  })
  expect(report.error).toBeNull()
  const all = tracer.spans()
  const [sent] = named(all, 'POST /api/lists/subscribe')
  expect(above(sent as ReadableSpan, all)).toEqual(['iterable_elt.export'])
  expect(named(all, 'iterable_elt.export')[0]?.attributes).toMatchObject({ 'iterable_elt.rows_sent': 1 })
  expect(
    named(all, 'iterable_elt.commit').filter((span) => above(span, all)[0] === 'iterable_elt.export').length,
  ).toBeGreaterThan(0)
  // Neither the key nor anybody's address.
  const told = JSON.stringify(
    all.map(({ name, attributes, events, status }) => ({ name, attributes, events, status })),
  )
  expect(told).not.toContain(sandbox.keys.server)
  expect(told).not.toContain('ada@')
})

test('what fails is told by its code only, and ends its span', async () => {
  using tracer = setUpTracer()
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'w.duckdb')
  const config = configFor(sandbox, { type: 'duckdb', path }, { key: sandbox.keys.disabled })
  await using elt = await open(config)
  expect((await elt.sync({ streams: ['channels'] })).state).toBe('failed')
  const spans = tracer.spans()
  const [call] = named(spans, 'GET /api/channels')
  expect(call?.attributes).toMatchObject({ 'http.response.status_code': 401, 'error.type': 'unauthorized' })
  for (const name of ['iterable_elt.sync', 'iterable_elt.stream', 'iterable_elt.window'])
    expect(named(spans, name)[0]?.status).toEqual({ code: SpanStatusCode.ERROR })
  expect(spans.flatMap(({ events }) => events)).toEqual([])
})

test('without a tracer nothing is recorded, and work is done all the same', async () => {
  using tracer = setUpTracer()
  tracer[Symbol.dispose]()
  const done = await inSpan('iterable_elt.sync', {}, async (span) => {
    span.set({ 'iterable_elt.rows_read': 1 })
    expect(trace.getActiveSpan()).toBeUndefined()
    return 7
  })
  expect([done, tracer.spans().length]).toEqual([7, 0])
})
