/** Answers that are none: whatever comes under a 200, tables stay as they are, bookmarks stay, and the error names it. */
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import type { FaultKind } from '../../src/sandbox/index.ts'
import {
  ago,
  type Changes,
  contentsOf,
  days,
  expectedEvents,
  hours,
  of,
  openOn,
  outcome,
  rowsOf,
  startProject,
  syncOnce,
} from '../support/sync.ts'
import { createTestWarehouse, eachWarehouse } from '../support/warehouse.ts'

const page =
  '<!DOCTYPE html>\n<html>\n<head><title>Maintenance</title></head>\n<body>back soon</body>\n</html>\n'
const sorry = '{"msg":"An error occurred. Please try again later.","code":"GenericError","params":null}'
const html = { 'content-type': 'text/html; charset=utf-8' }
const json = { 'content-type': 'application/json' }
const answer = (body: unknown, headers: Record<string, string> = json, status = 200): FaultKind => ({
  status,
  body,
  headers,
})

/** What no endpoint of JSON documents answers. */
const wrongForms: Readonly<Record<string, FaultKind>> = {
  null: answer('null'),
  'a number': answer('42'),
  'a text': answer('"lists"'),
  'an array': answer('[]'),
  'an array of objects': answer('[{"id":1}]'),
  'an empty object': answer('{}'),
  'an error': answer(sorry),
  nothing: answer(''),
  'a page': answer(page, html),
  'a page that calls itself JSON': answer(page),
  'a page that calls itself text': answer(page, { 'content-type': 'text/plain' }),
  'a cut document': answer('{"campaigns":[{"id":1},{"id'),
  'no content': answer('', {}, 204),
  'a part': answer('{"lists":[]}', json, 206),
  'what has not changed': answer('', {}, 304),
  'an unknown encoding': answer('{}', { ...json, 'content-encoding': 'zstd' }),
  'a broken encoding': answer('{"lists":[]}', { ...json, 'content-encoding': 'gzip' }),
}

/** Elements that are no records, in the array that a document has. */
const wrongElements = (property: string): Readonly<Record<string, FaultKind>> =>
  Object.fromEntries(
    ['null', '7', '"x"', '[]', '[{}]', 'true', '{"id":1},null'].map((element) => [
      `the element ${element}`,
      answer(`{"${property}":[${element}]}`),
    ]),
  )
const wrongArrays = (property: string): Readonly<Record<string, FaultKind>> =>
  Object.fromEntries(
    ['null', '{}', '"x"', '3'].map((value) => [`${value} for the array`, answer(`{"${property}":${value}}`)]),
  )

interface Endpoint {
  readonly stream: string
  readonly path: string
  /** What the error says of it. */
  readonly named: RegExp
  readonly forms: Readonly<Record<string, FaultKind>>
}

const documents = (stream: string, path: string, property: string): Endpoint => ({
  stream,
  path,
  named: new RegExp(path.split('/').at(-1) ?? '', 'i'),
  forms: { ...wrongForms, ...wrongArrays(property), ...wrongElements(property) },
})
const snake = (path: string, named: RegExp): Endpoint => ({
  stream: 'metadata',
  path,
  named,
  forms: { ...wrongForms, ...wrongArrays('results'), ...wrongElements('results') },
})

const endpoints: readonly Endpoint[] = [
  documents('campaigns', '/api/campaigns', 'campaigns'),
  documents('channels', '/api/channels', 'channels'),
  documents('lists', '/api/lists', 'lists'),
  { ...documents('message_types', '/api/messageTypes', 'messageTypes'), named: /message_?types/i },
  documents('templates', '/api/templates', 'templates'),
  snake('/api/metadata', /metadata/),
]

test('whatever an endpoint of documents answers, nothing of it is published', async () => {
  await using sandbox = await startProject()
  await using warehouse = await createTestWarehouse('duckdb')
  const streams = endpoints.map(({ stream }) => stream)
  const changes: Changes = { sync: { streams }, connection: { max_retries: 0 } }
  expect(outcome(await syncOnce(sandbox, warehouse, changes))).toEqual({ state: 'succeeded', wrong: [] })
  const before = await contentsOf(warehouse)
  await using elt = await openOn(sandbox, warehouse, changes)
  // All of them answer in one form at a time.
  for (const form of Object.keys(endpoints[0]?.forms ?? {})) {
    sandbox.advance(hours(1))
    for (const { path, forms } of endpoints)
      sandbox.faults.next({ fault: forms[form] as FaultKind, path, times: Number.POSITIVE_INFINITY })
    const reports = await elt.sync()
    for (const { stream, named } of endpoints) {
      const report = of(reports, stream)
      const what = `${stream}: ${form}`
      expect.soft(report, what).toMatchObject({ state: 'failed', rows_written: 0, error_kind: 'transient' })
      expect.soft(report.error, what).toMatch(named)
    }
    sandbox.faults.clear()
  }
  expect(await contentsOf(warehouse)).toEqual(before)
  expect(outcome(await elt.sync())).toEqual({ state: 'succeeded', wrong: [] })
})

/** Lines that are no events, and no list of members. */
const wrongLines: Readonly<Record<string, FaultKind>> = {
  'a page': answer(page, html),
  'an empty page': answer('', html),
  'a page that calls itself text': answer(page, { 'content-type': 'text/plain' }),
  'a page that calls itself a stream': answer(page, { 'content-type': 'application/x-json-stream' }),
  'an error': answer(`${sorry}\n`, { 'content-type': 'application/x-json-stream' }),
  'an error without its newline': answer(sorry),
  null: answer('null'),
  'a number': answer('42'),
  'an array': answer('[{"createdAt":"2026-01-31 10:00:00 +00:00"}]'),
  'an image': answer('GIF89a', { 'content-type': 'image/gif' }),
  'no content': answer('', {}, 204),
  'a part': answer('{"createdAt":"2026-01-31 10:00:00 +00:00"}\n', {}, 206),
  'an unknown encoding': answer('{}\n', { 'content-encoding': 'zstd' }),
  'gzip that nobody told of': answer(gzipSync('{"createdAt":"2026-01-31 10:00:00 +00:00"}\n')),
  'events of another time': answer('{"createdAt":"2020-01-31 10:00:00 +00:00","email":"a@b.c"}\n'),
  'events without a readable time': answer('{"createdAt":"soon"}\n{"createdAt":null}\n'),
}

const events: Changes = { sync: { streams: ['email_open'] }, connection: { max_retries: 0 } }

eachWarehouse('a window that is answered with anything but events is not delivered', async (warehouse) => {
  await using sandbox = await startProject()
  await using elt = await openOn(sandbox, warehouse, events)
  // The last of the three days: what came before is committed, what comes is not.
  const query = { startDateTime: asked(ago(days(1))) }
  const firstDays = () => expectedEvents(sandbox, warehouse, 'email_open', ago(days(3)), ago(days(1)))
  for (const [form, fault] of Object.entries(wrongLines)) {
    sandbox.faults.next({ fault, path: '/api/export/data.json', query, times: Number.POSITIVE_INFINITY })
    const bookmark = ago(days(1)).toISOString()
    const report = of(await elt.sync({ fullRefresh: true }), 'email_open')
    expect.soft(report, form).toMatchObject({ state: 'failed', rows_rejected: 0, bookmark })
    expect.soft(await rowsOf(warehouse, 'email_open'), form).toEqual(await firstDays())
    sandbox.faults.clear()
  }
  expect(await warehouse.query('select * from iterable_sync.rejected_rows')).toEqual([])
  expect(outcome(await elt.sync())).toEqual({ state: 'succeeded', wrong: [] })
  expect(await rowsOf(warehouse, 'email_open')).toEqual(
    await expectedEvents(sandbox, warehouse, 'email_open'),
  )
})

eachWarehouse('an error behind good lines is the end of nothing', async (warehouse) => {
  await using sandbox = await startProject()
  const line = '{"createdAt":"2026-01-31 10:00:00 +00:00","email":"a@b.c"}'
  const query = { startDateTime: asked(ago(days(1))) }
  const fault = answer(`${line}\n${sorry}\n\n`)
  sandbox.faults.next({ fault, path: '/api/export', query, times: Number.POSITIVE_INFINITY })
  const report = await syncOnce(sandbox, warehouse, events)
  expect(of(report, 'email_open')).toMatchObject({ state: 'failed', bookmark: ago(days(1)).toISOString() })
  expect(of(report, 'email_open').error).toContain('it ends with')
})

eachWarehouse('a window that is empty, under its own type or none, is delivered', async (warehouse) => {
  await using sandbox = await startProject({ empty: true })
  for (const headers of [{ 'content-type': 'application/x-json-stream' }, { 'content-type': 'text/plain' }]) {
    sandbox.faults.next({ fault: answer('', headers), path: '/api/export' })
  }
  expect(outcome(await syncOnce(sandbox, warehouse, events))).toEqual({ state: 'succeeded', wrong: [] })
})

test.each([
  ['gzip', gzipSync],
  ['br', brotliCompressSync],
] as const)('an answer that comes as %s is decoded', async (encoding, encode) => {
  await using sandbox = await startProject({ empty: true })
  await using warehouse = await createTestWarehouse('duckdb')
  const line = '{"createdAt":"2026-01-31 10:00:00 +00:00","email":"a@b.c"}\n'
  const query = { startDateTime: asked(ago(days(1))) }
  const fault = answer(encode(line), { 'content-type': 'application/json', 'content-encoding': encoding })
  sandbox.faults.next({ fault, path: '/api/export', query })
  const report = await syncOnce(sandbox, warehouse, events)
  expect(of(report, 'email_open')).toMatchObject({ state: 'succeeded', rows_written: 1 })
  // Cut in the middle, it shows: encodings have an end.
  sandbox.faults.next({
    fault: answer(encode(line.repeat(50)).subarray(0, 60), {
      'content-type': 'application/json',
      'content-encoding': encoding,
    }),
    path: '/api/export',
    query,
    times: Number.POSITIVE_INFINITY,
  })
  const cut = await syncOnce(sandbox, warehouse, { ...events, request: { fullRefresh: true } })
  expect(of(cut, 'email_open')).toMatchObject({ state: 'failed' })
})

describe('a list', () => {
  const lists: Changes = { sync: { streams: ['lists', 'list_users'] }, connection: { max_retries: 0 } }
  const forms: Readonly<Record<string, FaultKind>> = {
    'a page': answer(page, html),
    'a page that calls itself text': answer(page, { 'content-type': 'text/plain' }),
    'an error': answer(sorry, { 'content-type': 'text/plain' }),
    'an error behind members': answer(`a@example.com\n${sorry}`, { 'content-type': 'text/plain' }),
    JSON: answer('[]'),
    'nothing, where its size tells of members': answer('', { 'content-type': 'text/plain' }),
    'no content': answer('', {}, 204),
  }
  for (const time of ['first', 'second'] as const) {
    eachWarehouse(
      `that is read for the ${time} time keeps its rows, and gets none of these`,
      async (warehouse) => {
        await using sandbox = await startProject()
        if (time === 'second') await syncOnce(sandbox, warehouse, lists)
        await using elt = await openOn(sandbox, warehouse, lists)
        const [first] = sandbox.data.lists
        const members = sandbox.truth
          .listUsers()
          .filter(({ listId }) => time === 'second' || listId !== first?.id)
        for (const [form, fault] of Object.entries(forms)) {
          const query = { listId: String(first?.id) }
          sandbox.faults.next({ fault, path: '/api/lists/getUsers', query, times: Number.POSITIVE_INFINITY })
          const report = of(await elt.sync(), 'list_users')
          expect.soft(report, form).toMatchObject({ state: 'succeeded_with_rejects', rows_rejected: 1 })
          const [{ count } = {}] = await warehouse.query('select count(*) as count from iterable.list_users')
          expect.soft(count, form).toBe(members.length)
          sandbox.faults.clear()
        }
      },
    )
  }
})

test.each([
  [
    'campaigns',
    '/api/campaigns',
    { campaigns: [{ id: 1, updatedAt: ago(hours(1)).getTime() }], nextPageUrl: '/api/campaigns?page=2' },
  ],
  ['templates', '/api/templates', { templates: [{ templateId: 1 }], totalTemplatesCount: 10 ** 12 }],
  ['metadata', '/api/metadata/', { results: [{ key: 'a' }], nextMarker: 'again' }],
] as const)('pages of %s that go in circles come to an end', async (stream, path, body) => {
  await using sandbox = await startProject()
  await using warehouse = await createTestWarehouse('duckdb')
  const fault = answer(JSON.stringify(body))
  sandbox.faults.next({ fault, path, times: Number.POSITIVE_INFINITY })
  const changes: Changes = { sync: { streams: [stream] }, connection: { max_retries: 0 } }
  await using elt = await openOn(sandbox, warehouse, changes)
  const before = sandbox.requests.length
  expect(of(await elt.sync(), stream)).toMatchObject({ state: 'failed', error_code: 'malformed_response' })
  expect(sandbox.requests.length - before).toBeLessThan(40)
})

eachWarehouse('a stream goes on while another is answered by a page', async (warehouse) => {
  await using sandbox = await startProject()
  sandbox.faults.next({ fault: answer(page, html), path: '/api/channels', times: Number.POSITIVE_INFINITY })
  await using elt = await openOn(sandbox, warehouse, { sync: { streams: ['channels', 'lists'] } })
  const report = await elt.sync()
  expect(of(report, 'lists').state).toBe('succeeded')
  expect(of(report, 'channels')).toMatchObject({ state: 'failed', error_kind: 'transient' })
})

/** A time as the product asks for it. */
const asked = (at: Date): string => `${at.toISOString().slice(0, 19).replace('T', ' ')} +00:00`
