/** Lines beyond the limits are rejected rows with their reason, and the lines around them load. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { LineLimits } from '../../src/json/limits.ts'
import { ChunkWriter } from '../../src/spool/spool.ts'
import { eachWarehouse } from '../support/warehouse.ts'
import { at, event, loadBytes, rejectsOf, succeeded, textRows } from './load.ts'

const nested = (depth: number, open = '[', close = ']') => open.repeat(depth) + close.repeat(depth)
const objects = (depth: number) => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`
const lines = (...texts: readonly string[]) => Buffer.from(`${texts.join('\n')}\n`)

let directory = ''
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'elt-limits-'))
})
afterAll(() => rm(directory, { recursive: true, force: true }))

eachWarehouse(
  'what is nested 1,000 levels deep is loaded, what is deeper is a rejected row',
  async (warehouse) => {
    // The line itself is the first level.
    const report = await loadBytes(
      warehouse,
      'email_open',
      lines(
        event('arrays', { deep: nested(999) }),
        event('too deep', { deep: nested(1000) }),
        event('objects', { deep: objects(999) }),
        event('100,000 arrays', { deep: nested(100_000) }),
        event('100,000 objects', { other: objects(100_000) }),
        event('beyond the columns', { '': nested(100_000) }),
        nested(100_000),
        `{"createdAt":"${at}","cut":${'['.repeat(100_000)}`,
        event('in a text', { text: JSON.stringify(nested(100_000)) }),
        event('last'),
      ),
    )
    succeeded(report)
    expect(report).toMatchObject({ rows_read: 10, rows_written: 4, rows_rejected: 6 })
    const rows = await textRows(warehouse, 'email_open')
    expect(rows.map((row) => row.get('messageId'))).toEqual(['arrays', 'in a text', 'last', 'objects'])
    expect(rows[0]?.get('deep')).toBe(nested(999))
    expect(rows[1]?.get('text')).toBe(nested(100_000))
    const rejects = await rejectsOf(warehouse)
    expect(rejects.map(({ code, row }) => [code, row])).toEqual(Array(6).fill(['too_deep', null]))
    expect(rejects.map(({ reason }) => reason)).toContain(
      'the line is nested 1001 levels deep, over the 1000 that are supported',
    )
    const cut = rejects.find(({ raw }) => String(raw).includes('100,000 arrays'))
    expect(String(cut?.raw)).toHaveLength(2 ** 16)
    expect(cut?.reason).toMatch(
      /^the line is nested 100001 levels deep, .*; the first 65536 of its 200\d{3} bytes are kept here$/,
    )
  },
)

eachWarehouse('JSON within a text that is deeper stays a text', async (warehouse) => {
  const wide = `[${'{"a":["}{[",[1]]},'.repeat(2_000)}1]`
  const data = [nested(1000), nested(1001), nested(100_000), objects(1001), wide]
  const report = await loadBytes(
    warehouse,
    'email_send',
    lines(...data.map((json, index) => event(`${index}`, { transactionalData: JSON.stringify(json) }))),
  )
  expect(succeeded(report)).toMatchObject({ rows_written: data.length, rows_rejected: 0 })
  // Postgres writes blanks between members.
  const kept = (await textRows(warehouse, 'email_send')).map((row) =>
    row.get('transactionalData')?.replaceAll(/([:,]) /g, '$1'),
  )
  expect(kept).toEqual([data[0], ...data.slice(1, 4).map((json) => JSON.stringify(json)), wide])
})

eachWarehouse('a campaign or a profile that is too deep is a rejected row', async (warehouse) => {
  const deep = nested(100_000)
  const page = `{"campaigns":[{"id":1,"name":"a"},{"id":2,"labels":${deep}},{"id":3,"name":"c"}]}`
  const campaigns = await loadBytes(warehouse, 'campaigns', Buffer.from(page), { path: '/api/campaigns' })
  expect(succeeded(campaigns)).toMatchObject({ rows_written: 2, rows_rejected: 1 })
  const users = lines(`{"email":"a@x.y","deep":${deep}}`, '{"email":"b@x.y"}')
  expect(succeeded(await loadBytes(warehouse, 'users', users))).toMatchObject({ rows_written: 1 })
  const rejects = await rejectsOf(warehouse)
  expect(rejects.map(({ source, code }) => [source, code]).toSorted()).toEqual([
    ['stream:campaigns', 'too_deep'],
    ['stream:users', 'too_deep'],
  ])
})

eachWarehouse('a line of more than 10,000 fields is a rejected row', async (warehouse) => {
  const fields = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`field ${index}`, String(index)]))
  const report = await loadBytes(
    warehouse,
    'email_open',
    lines(
      event('a'),
      event('b', fields(9_998)),
      event('c', fields(9_999)),
      event('d', fields(100_000)),
      event('e'),
    ),
  )
  expect(succeeded(report)).toMatchObject({ rows_read: 5, rows_written: 3, rows_rejected: 2 })
  const [, wide] = await textRows(warehouse, 'email_open')
  expect(JSON.parse(wide?.get('_extra') ?? '')).toMatchObject({ 'field 9997': 9997 })
  const rejects = await rejectsOf(warehouse)
  expect(rejects.map(({ code }) => code)).toEqual(['too_many_fields', 'too_many_fields'])
  expect(rejects.map(({ reason }) => reason)).toEqual([
    expect.stringMatching(/^the line has 10001 fields, over the 10000 that are supported/),
    expect.stringMatching(/^the line has 100002 fields, over the 10000 that are supported/),
  ])
})

eachWarehouse('a line of more than two million values is a rejected row', async (warehouse) => {
  const dense = (id: string, values: number) =>
    `{"messageId":"${id}","createdAt":"${at}","list":[${'1,'.repeat(values - 1)}1]}`
  // Three names, two texts, the object and the array.
  const [most, more] = [dense('b', 2_000_000 - 7), dense('c', 2_000_000 - 6)]
  const report = await loadBytes(warehouse, 'email_open', lines(event('a'), most, more, event('d')))
  expect(succeeded(report)).toMatchObject({ rows_read: 4, rows_written: 3, rows_rejected: 1 })
  expect(await rejectsOf(warehouse)).toMatchObject([
    {
      code: 'too_many_values',
      reason: `the line has 2000001 names and values, over the 2000000 that are supported; the first 65536 of its ${more.length} bytes are kept here`,
    },
  ])
})

for (const [where, ends] of [
  ['in the middle', true],
  ['at the end, without a newline', false],
] as const) {
  eachWarehouse(`a line of more than 64 MB is a rejected row, ${where}`, async (warehouse) => {
    const good = lines(event('a'), event('b'))
    const beginning = Buffer.from(`{"messageId":"long","createdAt":"${at}","text":"`)
    const blocks = Array.from({ length: 70 }, () => Buffer.alloc(2 ** 20, 'ü'))
    const end = ends ? [lines('"}'), lines(event('c'))] : []
    const report = await loadBytes(warehouse, 'email_open', [good, beginning, ...blocks, ...end])
    expect(succeeded(report)).toMatchObject({ rows_written: ends ? 3 : 2, rows_rejected: 1 })
    const [reject] = await rejectsOf(warehouse)
    expect(reject).toMatchObject({ code: 'line_too_long', row: null })
    const bytes = beginning.length + 70 * 2 ** 20 + (ends ? 2 : 0)
    expect(reject?.reason).toBe(
      `the line has ${bytes} bytes, over the 67108864 that are supported; the first 65536 of its ${bytes} bytes are kept here`,
    )
    // Cut between characters.
    expect(String(reject?.raw)).toMatch(/^\{"messageId":"long".*ü$/)
    expect(2 ** 16 - Buffer.byteLength(String(reject?.raw))).toBeLessThan(2)
  })
}

test('the same bytes give the same lines, however they are cut', async () => {
  const limits: LineLimits = { bytes: 60, depth: 3, fields: 3, values: 1000, endlessBytes: 1000 }
  const line = fc.oneof(
    fc.constantFrom(
      '',
      ' ',
      '{}',
      '{"id":1}',
      '{"id":[[1]]}',
      '{"id":[[[1]]]}',
      '{"id":1,"b":2,"c":3,"d":4}',
    ),
    fc.constantFrom('no json', '[[[[', '"', '{"id":"[[[[[["}', `{"id":"${'x'.repeat(52)}"}`),
    fc.integer({ min: 50, max: 200 }).map((length) => `{"id":"${'ü'.repeat(length)}`),
  )
  const depthOf = (text: string) => {
    let [depth, most] = [0, 0]
    for (const character of text.replaceAll(/"[^"]*("|$)/g, '')) {
      if ('[{'.includes(character)) depth += 1
      if (']}'.includes(character)) depth -= 1
      most = Math.max(most, depth)
    }
    return most
  }
  const isRefused = (text: string) =>
    text.trim() !== '' && (Buffer.byteLength(text) > 60 || depthOf(text) > 3 || text.split(',').length > 3)
  let turn = 0
  await fc.assert(
    fc.asyncProperty(
      fc.array(line, { maxLength: 30 }),
      fc.infiniteStream(fc.nat({ max: 90 })),
      async (texts, cuts) => {
        turn += 1
        const writer = new ChunkWriter(join(directory, String(turn)), { marks: ['id'], limits })
        const bytes = Buffer.from(texts.join('\n'))
        for (let from = 0; from < bytes.length; ) {
          const to = from + 1 + (cuts.next().value ?? 0)
          await writer.write(bytes.subarray(from, to))
          from = to
        }
        const { chunks, refused } = await writer.end()
        const kept = (await Promise.all(chunks.map(({ path }) => readFile(path, 'utf8')))).join('')
        const isLine = (text: string) => text.trim() !== ''
        expect(kept.split('\n').filter(isLine)).toEqual(
          texts.filter((text) => isLine(text) && !isRefused(text)),
        )
        const raws: string[] = []
        for await (const batch of refused.batches()) raws.push(...batch.map(({ raw }) => raw))
        expect(raws).toEqual(texts.filter(isRefused))
        expect(refused.length).toBe(raws.length)
        expect(chunks.reduce((sum, { lines }) => sum + lines, 0)).toBe(kept.split('\n').filter(isLine).length)
      },
    ),
  )
})

test('a line that never ends is an error of its own, and no more of it is held than is kept', async () => {
  const limits: LineLimits = { bytes: 2 ** 20, depth: 10, fields: 10, values: 1000, endlessBytes: 2 ** 28 }
  const writer = new ChunkWriter(join(directory, 'endless'), { marks: [], limits })
  const block = Buffer.alloc(2 ** 20, 'x')
  const endless = async () => {
    for (;;) await writer.write(block)
  }
  await expect(endless()).rejects.toThrow('a line does not end within 268435456 bytes')
  expect(writer.bytesWritten).toBeLessThan(2 ** 28 + 3 * 2 ** 20)
})

test('any number of rejects waits on disk, and comes back in order', async () => {
  const writer = new ChunkWriter(join(directory, 'many'), { marks: [] })
  const deep = nested(1001)
  for (let index = 0; index < 5_000; index += 1)
    await writer.write(lines(`{"n":${index},"deep":${deep}}`, '{}'))
  const { chunks, refused } = await writer.end()
  expect(chunks.reduce((sum, chunk) => sum + chunk.lines, 0)).toBe(5_000)
  expect(refused.length).toBe(5_000)
  // Twice: a load that drifts is prepared and committed anew.
  for (const _turn of [1, 2]) {
    let next = 0
    for await (const batch of refused.batches()) {
      expect(batch.length).toBeLessThanOrEqual(500)
      for (const { raw } of batch) {
        expect(raw.startsWith(`{"n":${next},`)).toBe(true)
        next += 1
      }
    }
    expect(next).toBe(5_000)
  }
})

eachWarehouse('a key of thousands of characters stops nothing', async (warehouse) => {
  const person = (email: string) =>
    JSON.stringify({ email, profileUpdatedAt: '2026-01-10 12:00:00 +00:00', itblUserId: email.slice(0, 9) })
  // Neither of them can be made shorter by compressing it.
  const long = (length: number) =>
    Array.from({ length }, (_, n) => String.fromCharCode(97 + ((n * n * 7 + (n >> 3)) % 26))).join('')
  const lines = [
    person('a@x.org'),
    person(`${long(2_000)}@x.org`),
    person(`${long(9_000)}@x.org`),
    person('b@x.org'),
  ]
  const report = await loadBytes(warehouse, 'users', Buffer.from(`${lines.join('\n')}\n`))
  const isPostgres = warehouse.kind === 'postgres'
  expect(report).toMatchObject(
    isPostgres
      ? { state: 'succeeded_with_rejects', rows_written: 3, rows_rejected: 1 }
      : { state: 'succeeded', rows_written: 4, rows_rejected: 0 },
  )
  if (isPostgres) expect(await rejectsOf(warehouse)).toMatchObject([{ code: 'key_too_long' }])
})
