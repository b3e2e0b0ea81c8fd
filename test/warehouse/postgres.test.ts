import { setTimeout as delay } from 'node:timers/promises'
import fc from 'fast-check'
import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { InterruptedError } from '../../src/errors.ts'
import { migrate } from '../../src/warehouse/migrations.ts'
import { openPostgres } from '../../src/warehouse/postgres/warehouse.ts'
import { startEmbeddedPostgres } from '../support/embedded-postgres.ts'
import { createTestDatabase } from '../support/postgres.ts'
import { eventLine, loadLines, openFixture, query } from './postgres-fixture.ts'

describe('values', () => {
  test('any text arrives as it was: quotes, tabs, line ends, backslashes, marks of COPY and of our CSV', async () => {
    await using fixture = await openFixture()
    const special = [
      '',
      '\\N',
      '\\.',
      'x\n\\.\ny',
      '\r\n',
      '"',
      '""',
      '\t',
      ',',
      '\x01',
      '\x02',
      '\x01\x02\x01',
      ' ',
      'NULL',
      '😀',
      'é',
    ]
    const text = fc.oneof(
      fc.constantFrom(...special),
      fc.string({ unit: 'binary' }),
      fc.array(fc.constantFrom(...special, 'a'), { maxLength: 6 }).map((parts) => parts.join('')),
    )
    const kept = text.filter((value) => !value.includes('\0') && Buffer.from(value).toString() === value)
    const fields = fc.record({
      ip: fc.option(kept),
      city: kept,
      nested: fc.record({ a: kept, b: fc.array(kept) }),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(fields, { minLength: 1, maxLength: 20 }), async (rows) => {
        await loadLines(
          fixture.warehouse,
          'email_open',
          rows.map((row, index) => eventLine({ ...row, messageId: `${index}`.padStart(3, '0') })),
          { chunkLines: 7 },
        )
        const found = await fixture.query(
          'select ip, city, nested from iterable.email_open order by "messageId"',
        )
        expect(found).toEqual(rows)
      }),
      { numRuns: 25 },
    )
  })

  test('numbers keep every digit: 64 bits, the shortest double, and whole numbers beyond both', async () => {
    await using fixture = await openFixture()
    const doubles = fc
      .double({ noNaN: true, noDefaultInfinity: true })
      .filter((value) => !Object.is(value, -0))
      // Between these a double is written as a whole number, whose digits all count.
      .filter((value) => Math.abs(value) < 2 ** 53 || Math.abs(value) >= 1e21)
    const huge = (whole: bigint) => `7${whole < 0n ? -whole : whole}`
    const big = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
    await loadLines(fixture.warehouse, 'email_open', [
      `{"createdAt":"2026-01-01","messageId":"-","whole":1,"real":0.5,"huge":${2n ** 63n}}`,
    ])
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(big, doubles), { minLength: 1 }), async (rows) => {
        const lines = rows.map(
          ([whole, real], index) =>
            `{"createdAt":"2026-01-01","messageId":"${`${index}`.padStart(3, '0')}","whole":${whole},"real":${real},"huge":${huge(whole)}}`,
        )
        await loadLines(fixture.warehouse, 'email_open', lines)
        const found = await fixture.query(
          'select whole::text, real, huge from iterable.email_open order by "messageId"',
        )
        const expected = rows.map(([whole, real]) => ({ whole: `${whole}`, real, huge: huge(whole) }))
        expect(found).toEqual(expected)
      }),
      { numRuns: 25 },
    )
    const types = await fixture.query(
      `select column_name, data_type from information_schema.columns
       where table_schema = 'iterable' and table_name = 'email_open' and column_name in ('whole', 'real', 'huge') order by 1`,
    )
    expect(types.map(({ data_type }) => data_type)).toEqual(['text', 'double precision', 'bigint'])
  })

  test('times are exact to the microsecond, also before our era, and never infinite', async () => {
    await using fixture = await openFixture()
    const lines = [
      ['1', '"2026-03-04 05:06:07 +02:00"'],
      ['2', '"2026-03-04T05:06:07.123456Z"'],
      ['3', '1772600767123'],
      ['4', '-99999999999999'],
      ['5', '"infinity"'],
    ].map(([id, time]) => `{"createdAt":"2026-01-01","messageId":"${id}","profileUpdatedAt":${time}}`)
    await loadLines(
      fixture.warehouse,
      'users',
      lines.map((line) => line.replace('messageId', 'email')),
    )
    const found = await fixture.query(
      `select email, to_char("profileUpdatedAt" at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US AD') as at, _extra from iterable.users order by email`,
    )
    expect(found).toEqual([
      { email: '1', at: '2026-03-04 03:06:07.000000 AD', _extra: null },
      { email: '2', at: '2026-03-04 05:06:07.123456 AD', _extra: null },
      { email: '3', at: '2026-03-04 05:06:07.123000 AD', _extra: null },
      { email: '4', at: '1200-02-15 14:13:20.001000 BC', _extra: null },
      { email: '5', at: null, _extra: { profileUpdatedAt: 'infinity' } },
    ])
  })

  test('U+0000 becomes U+2400 wherever it stands, and JSON stays readable', async () => {
    await using fixture = await openFixture()
    const fields = {
      city: 'a\0b',
      nested: { 'k\0': ['\0'] },
      transactionalData: JSON.stringify({ x: '\0\0y\0', z: '\\\0\\u0000' }),
    }
    await loadLines(fixture.warehouse, 'email_send', [eventLine(fields)])
    const [row] = await fixture.query(
      `select city, nested, "transactionalData" ->> 'x' as x, "transactionalData" ->> 'z' as z from iterable.email_send`,
    )
    expect(row).toEqual({ city: 'a␀b', nested: { 'k␀': ['␀'] }, x: '␀␀y␀', z: '\\␀\\u0000' })
  })

  test('what Postgres refuses is told in words, and nothing of it is published', async () => {
    await using fixture = await openFixture()
    await loadLines(fixture.warehouse, 'email_open', [eventLine({ note: 'short' })])
    // An index of the analyst's own, which cannot hold every text.
    await fixture.query('create index on iterable.email_open (note)')
    const note = Array.from({ length: 4000 }, (_, index) =>
      String.fromCodePoint(0x4e00 + ((index * 7919) % 20000)),
    ).join('')
    await expect(
      loadLines(fixture.warehouse, 'email_open', [eventLine({ note: 'fits' }), eventLine({ note })]),
    ).rejects.toMatchObject({
      cause: { code: 'refused_value', message: expect.stringContaining('index row') },
    })
    expect(await fixture.query('select note from iterable.email_open')).toEqual([{ note: 'short' }])
  })

  test('what DuckDB takes for JSON and Postgres does not is a bad line, and the others are loaded', async () => {
    await using fixture = await openFixture()
    const line = (json: string) => `{"createdAt":"2026-01-01","nested":{"value":${json}}}`
    const loaded = await loadLines(fixture.warehouse, 'email_open', [
      line('1'),
      line('NaN'),
      line('[1,]'),
      line('2'),
    ])
    expect(loaded).toMatchObject({ rowsRead: 4, rowsWritten: 2, rowsRejected: 2 })
    expect(await fixture.query('select nested from iterable.email_open order by nested::text')).toEqual([
      { nested: { value: 1 } },
      { nested: { value: 2 } },
    ])
  })
})

describe('rows', () => {
  test('the last row of each key wins, also within one load', async () => {
    await using fixture = await openFixture()
    const user = (email: string, n: number) =>
      JSON.stringify({ email, n, long: 'x'.repeat((n * 977) % 3000) })
    const lines = Array.from({ length: 3000 }, (_, index) => user(`u${index % 300}`, index))
    await loadLines(fixture.warehouse, 'users', lines, { chunkLines: 500 })
    await loadLines(fixture.warehouse, 'users', [user('u7', 5000), user('u7', 5001), user('new', 1)])
    const found = await fixture.query(
      'select email, n::int from iterable.users where n < 2700 or n >= 3000 order by n',
    )
    expect(found).toEqual([
      { email: 'new', n: 1 },
      { email: 'u7', n: 5001 },
    ])
    expect(await fixture.query('select count(*)::int as count from iterable.users')).toEqual([{ count: 301 }])
  })

  test('entity tables have real primary keys; a list member is known by e-mail, else by userId', async () => {
    await using fixture = await openFixture()
    const member = (fields: object) => JSON.stringify({ ...fields, updatedAt: '2026-01-01T00:00:00Z' })
    const members = [
      { email: 'a@x', userId: null, listId: 1 },
      { email: null, userId: 'u', listId: 1 },
      { email: 'a@x', userId: null, listId: 2 },
    ]
    await loadLines(fixture.warehouse, 'list_users', members.map(member))
    await loadLines(fixture.warehouse, 'list_users', members.map(member))
    expect(await fixture.query('select count(*)::int as count from iterable.list_users')).toEqual([
      { count: 3 },
    ])
    await expect(
      fixture.query(`insert into iterable.list_users (email, "listId") values ('a@x', 1)`),
    ).rejects.toThrow('duplicate key')
    await loadLines(fixture.warehouse, 'campaigns', ['{"id":1}'])
    await expect(fixture.query('insert into iterable.campaigns (id) values (1)')).rejects.toThrow(
      'duplicate key',
    )
    await expect(fixture.query('insert into iterable.campaigns (id) values (null)')).rejects.toThrow(
      'not-null',
    )
  })

  test.each([
    ['numbers', (index: number) => index + 2 ** 40],
    ['short texts', (index: number) => `value ${index}`.padEnd(22, '.')],
    ['long texts', (index: number) => `value ${index} `.repeat(20)],
  ])('a row with a value in each of 1,000 columns (%s) loses nothing', async (_name, value) => {
    await using fixture = await openFixture()
    const fields = Object.fromEntries(
      Array.from({ length: 1100 }, (_, index) => [`field ${index}`, value(index)]),
    )
    await loadLines(fixture.warehouse, 'users', [
      JSON.stringify({ email: 'full@x', ...fields }),
      JSON.stringify({ email: 'small@x', 'field 999': fields['field 999'] }),
    ])
    const rows = await fixture.query(
      `select email, to_json(users) as row, _extra as extra from iterable.users order by email`,
    )
    const [full, small] = rows as { row: Record<string, unknown>; extra: Record<string, unknown> | null }[]
    expect(Object.keys(full?.row ?? {}).filter((name) => name.startsWith('field ')).length).toBe(1000)
    const found = { ...full?.row, ...full?.extra }
    for (const [name, sent] of Object.entries(fields)) expect(found[name]).toEqual(sent)
    expect(small?.row['field 999']).toEqual(fields['field 999'])
    expect(small?.extra).toBeNull()
  })

  test('names are told apart by all of their bytes, and fields named like parts of SQL do no harm', async () => {
    await using fixture = await openFixture()
    const long = 'é'.repeat(40)
    const fields = {
      [`${long}1`]: 'one',
      [`${long}2`]: 'two',
      '"; drop table x; --': 'three',
      'a.b c': 'four',
    }
    await loadLines(fixture.warehouse, 'email_open', [eventLine(fields)])
    const columns = await fixture.query(
      `select source_name, column_name from iterable_sync.columns where stream = 'email_open' and origin = 'seen'`,
    )
    expect(columns.map(({ source_name }) => source_name).toSorted()).toEqual(Object.keys(fields).toSorted())
    for (const { source_name, column_name } of columns) {
      expect(Buffer.byteLength(column_name as string)).toBeLessThanOrEqual(63)
      const name = `"${(column_name as string).replaceAll('"', '""')}"`
      const [row] = await fixture.query(`select ${name} as value from iterable.email_open`)
      expect(row?.value).toBe(fields[source_name as string])
    }
  })
})

describe('sessions', () => {
  test('give whole numbers, times and json as a DuckDB warehouse gives them', async () => {
    await using fixture = await openFixture()
    const { rows } = await fixture.warehouse.use(({ db }) =>
      db.executeQuery<object>({
        sql: `select 1::bigint as small, 9007199254740993::bigint as large, sum(x::bigint) as total, 1.5::numeric as part,
          timestamptz '2026-01-01 00:00:00+02' as at, timestamp '2026-01-01' as local, date '2026-01-01' as day, '{"a":[1]}'::json as json
          from (values (3)) as numbers (x)`,
        parameters: [],
        query: { kind: 'RawNode', sqlFragments: [], parameters: [] },
        queryId: { queryId: 'x' },
      }),
    )
    expect(rows).toEqual([
      {
        small: 1,
        large: '9007199254740993',
        total: 3,
        part: 1.5,
        at: new Date('2025-12-31T22:00:00Z'),
        local: new Date('2026-01-01T00:00:00Z'),
        day: new Date('2026-01-01T00:00:00Z'),
        json: { a: [1] },
      },
    ])
  })

  test("a host's pool is used and left as it was", async () => {
    const database = await createTestDatabase()
    const pool = new pg.Pool({ connectionString: database.url, max: 1 })
    await pool.query(`set timezone = 'Asia/Tokyo'; set datestyle = 'German'; set application_name = 'host'`)
    {
      await using warehouse = await openPostgres({ source: pool, schema: 'iterable' })
      await loadLines(warehouse, 'email_open', [eventLine({ city: 'x' })])
      await using lock = await warehouse.lock('sync')
      expect(lock).toBeDefined()
      await warehouse.use(migrate)
    }
    const { rows } = await pool.query(
      `select current_setting('timezone') as zone, current_setting('datestyle') as style, 1::bigint as big,
         current_setting('application_name') as name, (select "createdAt"::text from iterable.email_open) as at`,
    )
    expect(rows).toEqual([
      { zone: 'Asia/Tokyo', style: 'German, DMY', big: '1', name: 'host', at: '01.01.2026 09:00:00 JST' },
    ])
    await pool.end()
    await database.drop()
  })

  test('a stop ends the statement that runs, and the connection is not used again', async () => {
    await using fixture = await openFixture()
    const stop = new AbortController()
    const began = performance.now()
    const work = fixture.warehouse.use(
      async ({ db }) => {
        setTimeout(() => stop.abort(), 200)
        await db.introspection.getSchemas()
        await db.transaction().execute((trx) =>
          trx.executeQuery({
            sql: 'select pg_sleep(30)',
            parameters: [],
            query: { kind: 'RawNode', sqlFragments: [], parameters: [] },
            queryId: { queryId: 'x' },
          }),
        )
      },
      { signal: stop.signal },
    )
    await expect(work).rejects.toBeInstanceOf(InterruptedError)
    expect(performance.now() - began).toBeLessThan(20_000)
    const active = `select count(*)::int as count from pg_stat_activity where datname = current_database() and query like '%pg_sleep(30)%' and state = 'active' and pid <> pg_backend_pid()`
    await expect.poll(() => fixture.query(active)).toEqual([{ count: 0 }])
  })

  test('a stop in the middle of a load leaves nothing of it', async () => {
    await using fixture = await openFixture()
    await loadLines(fixture.warehouse, 'email_open', [eventLine({ city: 'before' })])
    const stop = new AbortController()
    const loading = loadLines(fixture.warehouse, 'email_open', [eventLine({ city: 'after' })], {
      signal: stop.signal,
      beforeCommit: async () => stop.abort(),
    })
    await expect(loading).rejects.toBeInstanceOf(InterruptedError)
    expect(await fixture.query('select city from iterable.email_open')).toEqual([{ city: 'before' }])
  })
})

describe('a broken connection', () => {
  test('in the middle of a load: the load is done again, and nothing is doubled', async () => {
    await using fixture = await openFixture()
    await loadLines(fixture.warehouse, 'email_open', [eventLine({ city: 'before' })])
    let tries = 0
    await loadLines(fixture.warehouse, 'email_open', [eventLine({ city: 'a' }), eventLine({ city: 'b' })], {
      isRepeatable: true,
      beforeCommit: async () => {
        tries += 1
        if (tries > 2) return
        await fixture.query(
          `select pg_terminate_backend(pid, 60000) from pg_stat_activity where datname = current_database() and state = 'idle in transaction'`,
        )
      },
    })
    expect(tries).toBe(3)
    expect(await fixture.query('select city from iterable.email_open order by 1')).toEqual([
      { city: 'a' },
      { city: 'b' },
    ])
  })

  test('without leave to repeat: an error that says so', async () => {
    await using fixture = await openFixture()
    const loading = loadLines(fixture.warehouse, 'email_open', [eventLine({})], {
      beforeCommit: async () => {
        await fixture.query(
          `select pg_terminate_backend(pid, 60000) from pg_stat_activity where datname = current_database() and state = 'idle in transaction'`,
        )
      },
    })
    await expect(loading).rejects.toMatchObject({ code: 'connection_lost' })
  })

  test('by a restart of the server: the work waits for it, and the lock is held again', async () => {
    const server = await startEmbeddedPostgres()
    let restarted: Promise<void> | undefined
    try {
      await using warehouse = await openPostgres({ source: { url: server.url }, schema: 'iterable' })
      await using lock = await warehouse.lock('sync')
      expect(lock).toBeDefined()
      let tries = 0
      await loadLines(warehouse, 'email_open', [eventLine({ city: 'a' })], {
        isRepeatable: true,
        beforeCommit: async () => {
          tries += 1
          if (tries > 1) return
          await server.kill9()
          restarted = delay(500).then(() => server.restart())
        },
      })
      expect(tries).toBe(2)
      expect(await query(server.url, 'select city from iterable.email_open')).toEqual([{ city: 'a' }])
      await using other = await openPostgres({ source: { url: server.url }, schema: 'iterable' })
      await expect(other.lock('sync')).rejects.toMatchObject({ code: 'locked' })
    } finally {
      await restarted
      await server.stop()
    }
  })
})
