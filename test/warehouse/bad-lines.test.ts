import { totalmem } from 'node:os'
import { expect } from 'vitest'
import { eachWarehouse } from '../support/warehouse.ts'
import { at, event, loadBytes, rejectsOf, startLoading, succeeded, textRows } from './load.ts'

const bytes = (...lines: (string | Buffer)[]): Buffer =>
  Buffer.concat(lines.flatMap((line) => [Buffer.from(line), Buffer.from('\n')]))

eachWarehouse(
  'a byte order mark before an answer costs no row, also where it comes in pieces',
  async (warehouse) => {
    const pieces = [Buffer.from([0xef]), Buffer.from([0xbb]), Buffer.from([0xbf]), Buffer.from(event('only'))]
    const whole = Buffer.from(`\ufeff${event('first')}\r\n\r\n${event('second')}`)
    for (const [stream, answer, ids] of [
      ['email_open', whole, ['first', 'second']],
      ['email_click', pieces, ['only']],
    ] as const) {
      const report = succeeded(await loadBytes(warehouse, stream, answer))
      expect(report.rows_rejected).toBe(0)
      expect((await textRows(warehouse, stream)).map((row) => row.get('messageId'))).toEqual(ids)
    }
  },
)

eachWarehouse('each bad line is a rejected row with its reason, the good ones load', async (warehouse) => {
  const bad: Record<string, string[]> = {
    malformed_line: [
      'no json at all',
      '{"createdAt":"2026-01-10 12:00:00 +00:00","messageId":"cut',
      '{"createdAt":"2026-01-10 12:00:00 +00:00",}',
      '{"createdAt":"2026-01-10 12:00:00 +00:00","n":NaN}',
      '{"createdAt":"2026-01-10 12:00:00 +00:00","n":-Infinity}',
      '{"createdAt":"2026-01-10 12:00:00 +00:00","n":[1,2,]}',
      '{"createdAt":"2026-01-10 12:00:00 +00:00","n":{"deep":{"a":1,}}}',
      "{'createdAt':'2026-01-10 12:00:00 +00:00'}",
      '{"createdAt":"2026-01-10 12:00:00 +00:00","n":01}',
      '{"createdAt":"2026-01-10 12:00:00 +00:00","t":"tab\there"}',
      '{"createdAt":"2026-01-10 12:00:00 +00:00"} {"createdAt":"2026-01-10 12:00:00 +00:00"}',
      '{"createdAt":"2026-01-10 12:00:00 +00:00"}}',
      '{"createdAt":"2026-01-10 12:00:00 +00:00","n":/* c */1}',
      '\u0000',
    ],
    not_an_object: [
      '[]',
      '[{"createdAt":"2026-01-10 12:00:00 +00:00"}]',
      '"text"',
      '"\\ud83d\\u0000"',
      '12',
      'null',
      'true',
    ],
    missing_created_at: [
      '{}',
      '{"messageId":"x"}',
      '{"msg":"Exceeded rate limit","code":"RateLimitExceeded","params":{}}',
      '{"createdat":"2026-01-10 12:00:00 +00:00"}',
      '{"half":"\\ud83d","nul":"\\u0000"}',
    ],
    unreadable_time: [
      '{"createdAt":null}',
      '{"createdAt":""}',
      '{"createdAt":"soon"}',
      '{"createdAt":{}}',
      '{"createdAt":true}',
      '{"createdAt":"2026-02-30 00:00:00 +00:00"}',
      '{"createdAt":"\\ud83d"}',
    ],
    outside_window: [
      '{"createdAt":"2025-12-31 23:59:59.999999 +00:00"}',
      '{"createdAt":"2026-02-01 00:00:00 +00:00"}',
      '{"createdAt":"1970-01-01 00:00:00 +00:00"}',
    ],
  }
  const lines = Object.values(bad).flat()
  const good = (index: number) => event(`good${String(index).padStart(2, '0')}`, { n: String(index) })
  const report = await loadBytes(
    warehouse,
    'email_open',
    bytes(...lines.flatMap((line, index) => [good(index), line]), good(lines.length)),
  )
  succeeded(report)
  expect(report).toMatchObject({
    state: 'succeeded_with_rejects',
    rows_read: lines.length * 2 + 1,
    rows_written: lines.length + 1,
    rows_rejected: lines.length,
  })
  expect((await textRows(warehouse, 'email_open')).map((row) => row.get('n'))).toEqual(
    Array.from({ length: lines.length + 1 }, (_, index) => String(index)),
  )
  const rejects = await rejectsOf(warehouse)
  for (const [code, texts] of Object.entries(bad)) {
    const found = rejects.filter((reject) => reject.code === code)
    expect(
      found.every(({ source, reason }) => source === 'stream:email_open' && String(reason).length > 10),
    ).toBe(true)
    const kept = found.map(({ row, raw }) => (code === 'malformed_line' ? raw : JSON.stringify(row)))
    const sent = texts.map((text) =>
      code === 'malformed_line'
        ? text.replaceAll('\0', '␀')
        : JSON.stringify(JSON.parse(text)).replaceAll('\\ud83d', '\ufffd'),
    )
    expect([code, kept.toSorted()]).toEqual([code, sent.toSorted()])
  }
  expect(rejects.length).toBe(lines.length)
  expect(await warehouse.query('select rows_rejected, state from iterable_sync.runs')).toEqual([
    { rows_rejected: lines.length, state: 'succeeded_with_rejects' },
  ])
})

eachWarehouse('what is not JSON inside of nested values never becomes a row', async (warehouse) => {
  // DuckDB takes these for JSON; the column exists already, so nothing makes the fast path look twice.
  await using loading = await startLoading(warehouse)
  const shelf = loading.sandbox.data.events('emailOpen')
  shelf.push(event('a', { nested: '{"fine":["NaN, Infinity,]"]}', n: '1.5', t: '"x"' }))
  await loading.load('email_open')
  const lax = ['{"n":NaN}', '[-inf]', '[1,]', '{"a":{"b":1,}}']
  lax.forEach((json, index) => {
    shelf.pushRaw(event(`bad${index}`, { nested: json }), '2026-01-10T12:00:00Z')
  })
  await loading.load('email_open')
  expect((await rejectsOf(warehouse)).length).toBe(lax.length)
  shelf.pushRaw(event('bad-n', { n: 'NaN' }), '2026-01-10T12:00:00Z')
  shelf.pushRaw(event('bad-t', { t: 'NaN' }), '2026-01-10T12:00:00Z')
  shelf.push(event('b', { nested: '{"fine":"still, ]"}', n: '2.5' }))
  const report = await loading.load('email_open')
  expect(report).toMatchObject({ rows_written: 2, rows_rejected: lax.length + 2 })
  expect((await textRows(warehouse, 'email_open')).map((row) => row.get('messageId'))).toEqual(['a', 'b'])
  const codes = (await rejectsOf(warehouse)).map(({ code }) => code)
  expect(codes).toEqual(Array(lax.length + 2).fill('malformed_line'))
})

eachWarehouse('blank lines, CRLF and a last line without a newline are no bad lines', async (warehouse) => {
  const text = `\n\r\n   \n${event('a')}\r\n\n${event('b', { n: '1' })}\r\n\t\n${event('c')}`
  const report = succeeded(await loadBytes(warehouse, 'email_open', Buffer.from(text)))
  expect(report).toMatchObject({ state: 'succeeded', rows_read: 3, rows_written: 3, rows_rejected: 0 })
  expect((await textRows(warehouse, 'email_open')).map((row) => row.get('messageId'))).toEqual([
    'a',
    'b',
    'c',
  ])
})

eachWarehouse('an answer of nothing but blanks, or of nothing, is an empty window', async (warehouse) => {
  for (const text of ['', '\n', '\r\n\r\n', '  ']) {
    const report = succeeded(await loadBytes(warehouse, 'email_open', Buffer.from(text)))
    expect([text, report.state, report.rows_read]).toEqual([text, 'succeeded', 0])
  }
})

eachWarehouse('bytes that are not UTF-8 become U+FFFD and are counted', async (warehouse) => {
  const broken = (before: string, wrong: number[], after: string) =>
    Buffer.concat([Buffer.from(before), Buffer.from(wrong), Buffer.from(after)])
  const [head, tail] = event('X', { name: '"X"' })
    .replace('"messageId":"X"', '"messageId":"b"')
    .split('"X"') as [string, string]
  const body = bytes(
    event('a', { name: '"fine é"' }),
    broken(`${head}"`, [0x61, 0xff, 0xfe, 0x62], `"${tail}`),
    event('c', { name: '"\ufffd was there before"' }),
  )
  const report = succeeded(await loadBytes(warehouse, 'email_open', body))
  expect(report).toMatchObject({ rows_written: 3, rows_rejected: 0 })
  const names = (await textRows(warehouse, 'email_open')).map((row) => row.get('name'))
  expect(names).toEqual(['fine é', 'a\ufffd\ufffdb', '\ufffd was there before'])
  expect(report.notes.join()).toMatch(/1 rows? had half a surrogate pair or broken UTF-8/)
})

eachWarehouse('half of a surrogate pair becomes U+FFFD and is counted', async (warehouse) => {
  await using loading = await startLoading(warehouse)
  loading.sandbox.data
    .events('emailOpen')
    .push(
      event('a', { t: '"\\ud83d"' }),
      event('b', { t: '"\\ud83d\\ude00"' }),
      event('c', { t: '["\\udc00x"]' }),
      event('d', { t: '"\\\\ud83d"' }),
    )
  const report = await loading.load('email_open')
  expect((await textRows(warehouse, 'email_open')).map((row) => JSON.parse(row.get('t') ?? ''))).toEqual([
    '\ufffd',
    '😀',
    ['\ufffdx'],
    '\\ud83d',
  ])
  expect(report.notes.join()).toContain('2 rows had half a surrogate pair')
})

eachWarehouse('U+0000 is kept where it can be, else it is U+2400 and counted', async (warehouse) => {
  await using loading = await startLoading(warehouse)
  loading.sandbox.data
    .events('emailOpen')
    .push(
      event('a', { t: '"x\\u0000y"', j: '{"k":["\\u0000"]}' }),
      event('b', { t: '"\\\\u0000"' }),
      event('c', { t: '"plain"' }),
    )
  const report = await loading.load('email_open')
  const rows = await textRows(warehouse, 'email_open')
  const [a, b] = rows
  expect(b?.get('t')).toBe('\\u0000')
  expect(rows[2]?.get('t')).toBe('plain')
  if (warehouse.kind === 'duckdb') {
    expect([a?.get('t'), JSON.parse(a?.get('j') ?? '')]).toEqual(['x\0y', { k: ['\0'] }])
    expect(rows.map((row) => row.has('_extra'))).toEqual([false, false, false])
  } else {
    expect([a?.get('t'), JSON.parse(a?.get('j') ?? '')]).toEqual(['x␀y', { k: ['␀'] }])
    expect(JSON.parse(a?.get('_extra') ?? '')).toEqual({ t: '"x\\u0000y"', j: '{"k":["\\u0000"]}' })
    expect(report.notes.join()).toContain('1 rows had U+0000')
  }
})

eachWarehouse(
  'a window that is mostly bad is a failure, and nothing of it is published',
  async (warehouse) => {
    await using loading = await startLoading(warehouse)
    const shelf = loading.sandbox.data.events('emailOpen')
    shelf.push(event('before'))
    await loading.load('email_open')
    const bookmark = await warehouse.query('select bookmark from iterable_sync.bookmarks')
    for (let index = 0; index < 101; index += 1) shelf.pushRaw(`bad line ${index}`, at)
    const report = await loading.tryLoad('email_open')
    expect(report).toMatchObject({ state: 'failed', error_code: 'too_many_rejects', rows_written: 0 })
    expect(await warehouse.query('select bookmark from iterable_sync.bookmarks')).toEqual(bookmark)
    expect(await rejectsOf(warehouse)).toEqual([])
    // 101 of 2,021 are under 5 %.
    for (let index = 0; index < 1920; index += 1) shelf.push(event(`good${index}`))
    expect(await loading.load('email_open')).toMatchObject({ rows_written: 1921, rows_rejected: 101 })
  },
)

eachWarehouse('lines of 20 MB and of 64 MB are stored whole', async (warehouse) => {
  expect(totalmem()).toBeGreaterThan(2 ** 31)
  const text = (length: number) => `${'wide é '.repeat(Math.floor(length / 8))}end`
  const [large, largest] = [text(20 * 2 ** 20), text(64 * 2 ** 20 - 1000)]
  const blocks = [
    bytes(event('a')),
    bytes(event('b', { body: JSON.stringify(large) })),
    bytes(event('c', { body: '"small"' })),
    bytes(event('d', { body: JSON.stringify(largest) })),
    Buffer.from(event('e')),
  ]
  const report = succeeded(await loadBytes(warehouse, 'email_open', blocks))
  expect(report).toMatchObject({ rows_written: 5, rows_rejected: 0 })
  const rows = await warehouse.query(
    `select "messageId" as id, length(body) as length, right(body, 5) as tail from iterable.email_open order by 1`,
  )
  expect(rows).toEqual([
    { id: 'a', length: null, tail: null },
    { id: 'b', length: large.length, tail: 'é end' },
    { id: 'c', length: 5, tail: 'small' },
    { id: 'd', length: largest.length, tail: 'é end' },
    { id: 'e', length: null, tail: null },
  ])
})

eachWarehouse('a rejected row holds what was sent, also where its line was rewritten', async (warehouse) => {
  await using loading = await startLoading(warehouse)
  const shelf = loading.sandbox.data.events('emailOpen')
  shelf.push(event('a', { Zeta: '1', zeta: '2' }))
  const sent = '{"createdAt":"soon","":1,"a":2,"a":3,"zeta":4,"ZETA":5}'
  shelf.pushRaw(sent, at)
  await loading.load('email_open')
  const rejected = await warehouse.query('select code, row::varchar as text from iterable_sync.rejected_rows')
  expect(rejected).toEqual([{ code: 'unreadable_time', text: sent }])
})
