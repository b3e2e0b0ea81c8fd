import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { openPostgres } from '../../src/warehouse/postgres/warehouse.ts'
import { eventLine, loadLines, openFixture, query } from './postgres-fixture.ts'

describe('readers', () => {
  test('read on while a load with new columns and wider types is under way', async () => {
    await using fixture = await openFixture()
    await loadLines(fixture.warehouse, 'email_open', [eventLine({ n: 1 })])
    let seen: unknown
    await loadLines(fixture.warehouse, 'email_open', [eventLine({ n: 'text', extra: 1 })], {
      beforeCommit: async () => {
        const reader = new pg.Client({ connectionString: fixture.url, statement_timeout: 2_000 })
        await reader.connect()
        seen = (await reader.query('select n, extra from iterable.email_open')).rows
        await reader.end()
      },
    })
    expect(seen).toEqual([{ n: '1', extra: null }])
    expect(await fixture.query('select n from iterable.email_open')).toEqual([{ n: 'text' }])
  })

  test('are waited for, and those that come later are not held up behind the waiting alteration', async () => {
    await using fixture = await openFixture()
    await loadLines(fixture.warehouse, 'email_open', [eventLine({ n: 1 })])
    const reader = new pg.Client({ connectionString: fixture.url })
    await reader.connect()
    await reader.query('begin; select * from iterable.email_open')
    const widening = loadLines(fixture.warehouse, 'email_open', [eventLine({ n: 1.5 })])
    const waits: number[] = []
    for (const until = performance.now() + 3_500; performance.now() < until; ) {
      const began = performance.now()
      await fixture.query('select * from iterable.email_open')
      waits.push(performance.now() - began)
    }
    expect(await fixture.query('select n::text from iterable.email_open')).toEqual([{ n: '1' }])
    await reader.query('commit')
    await reader.end()
    await widening
    expect(Math.max(...waits)).toBeLessThan(2_500)
    expect(await fixture.query('select n from iterable.email_open')).toEqual([{ n: 1.5 }])
  })

  test('of a view upon the table are waited for as well', async () => {
    await using fixture = await openFixture()
    await loadLines(fixture.warehouse, 'email_open', [eventLine({ n: 1 })])
    await fixture.query('create schema mart; create view mart.numbers as select n from iterable.email_open')
    const reader = new pg.Client({ connectionString: fixture.url })
    await reader.connect()
    await reader.query('begin; select * from mart.numbers')
    const widening = loadLines(fixture.warehouse, 'email_open', [eventLine({ n: 1.5 })])
    widening.catch(() => {})
    const isWaiting = `select 1 from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock' and query like 'drop view%'`
    // Until it has given up once.
    for (const times of [0, 1]) while ((await fixture.query(isWaiting)).length === times) await delay(20)
    await reader.query('commit')
    await reader.end()
    await widening
    expect(await fixture.query('select n from mart.numbers')).toEqual([{ n: 1.5 }])
  })
})

describe('widening', () => {
  test('keeps every value: whole numbers as they were written, digits, booleans, JSON', async () => {
    await using fixture = await openFixture()
    const line = (id: number, a: string) => `{"createdAt":"2026-01-0${id}","messageId":"${id}","a":${a}}`
    const load = (id: number, a: string) =>
      loadLines(fixture.warehouse, 'email_open', [line(id, a)], {
        scope: { kind: 'window', from: new Date(`2026-01-0${id}`), to: new Date(`2026-01-0${id + 1}`) },
      })
    const values = async () =>
      (await fixture.query('select a from iterable.email_open order by "createdAt"')).map(({ a }) => a)
    await load(1, '1500000000000000')
    await load(2, '0.25')
    expect(await values()).toEqual([1500000000000000, 0.25])
    await load(3, '"x"')
    expect(await values()).toEqual(['1500000000000000', '0.25', 'x'])
    await load(4, '{"b":[1]}')
    expect(await values()).toEqual(['1500000000000000', '0.25', 'x', { b: [1] }])
    const [column] = await fixture.query(
      `select type, previous_types from iterable_sync.columns where stream = 'email_open' and source_name = 'a'`,
    )
    expect(column).toEqual({ type: 'json', previous_types: ['bigint', 'double', 'text'] })
  })

  test('of whole numbers beyond 2^53 goes to text at once', async () => {
    await using fixture = await openFixture()
    await loadLines(fixture.warehouse, 'users', ['{"email":"a","n":9007199254740993}'])
    await loadLines(fixture.warehouse, 'users', ['{"email":"b","n":0.5}'])
    await loadLines(fixture.warehouse, 'users', ['{"email":"c","n":0.75,"new":1}'])
    expect(await fixture.query('select n from iterable.users order by email')).toEqual([
      { n: '9007199254740993' },
      { n: '0.5' },
      { n: '0.75' },
    ])
  })

  test('of a primary key keeps it', async () => {
    await using fixture = await openFixture()
    await loadLines(fixture.warehouse, 'campaigns', ['{"id":1}', '{"id":2}'])
    await loadLines(fixture.warehouse, 'campaigns', ['{"id":"two"}', '{"id":2}'])
    expect(await fixture.query('select id from iterable.campaigns order by id')).toEqual([
      { id: '1' },
      { id: '2' },
      { id: 'two' },
    ])
    await expect(fixture.query(`insert into iterable.campaigns (id) values ('1')`)).rejects.toThrow(
      'duplicate key',
    )
  })
})

describe("analysts' views", () => {
  test('upon tables that become wider at the same time step aside for one after the other', async () => {
    await using fixture = await openFixture()
    const streams = ['email_open', 'email_click', 'email_send']
    const widen = (n: unknown) =>
      Promise.all(streams.map((stream) => loadLines(fixture.warehouse, stream, [eventLine({ n })])))
    await widen(1)
    const both = streams
      .map((stream) => `select jsonb_build_array(n) as n from iterable.${stream}`)
      .join(' union all ')
    const views = Array.from({ length: 20 }, (_, at) => `create view mart.all_${at} as ${both}`)
    await fixture.query(`create schema mart; ${views.join('; ')}`)
    for (const n of [1.5, { a: 1 }]) await widen(n)
    expect(await fixture.query('select n from mart.all_19')).toEqual(streams.map(() => ({ n: [{ a: 1 }] })))
  })

  test('come back as they were: text, owner, rights, comments, options, indexes, in order of dependence', async () => {
    await using fixture = await openFixture()
    await loadLines(fixture.warehouse, 'email_open', [eventLine({ n: 1, city: 'x' })])
    const [owner, reader] = [`owner_${process.pid}`, `reader_${process.pid}`]
    await fixture.query(`
      create role ${owner}; create role ${reader};
      create schema mart; grant all on schema mart to ${owner}; grant usage on schema mart to ${reader};
      create view mart."Opens" with (security_barrier) as select n as "Number", city from iterable.email_open where n is not null;
      comment on view mart."Opens" is 'what''s opened'; comment on column mart."Opens"."Number" is 'a number';
      grant select on mart."Opens" to ${reader} with grant option; grant update (city) on mart."Opens" to ${reader};
      create view mart.upon as select "Number" from mart."Opens";
      create view mart.snake as select n from iterable_views.email_open;
      create materialized view mart.stored as select "Number", count(*) from mart.upon group by 1;
      create unique index stored_number on mart.stored ("Number");
      grant select on mart.stored to public;
      alter view mart."Opens" owner to ${owner};
      grant select on mart."Opens" to current_user; grant select on iterable.email_open to ${owner}; grant usage on schema iterable to ${owner};`)
    const described = `
      select relname, relkind, pg_get_userbyid(relowner) as owner, array(select unnest(relacl)::text order by 1) as rights, reloptions, pg_get_viewdef(oid) as definition,
        array(select pg_get_indexdef(indexrelid) from pg_index where indrelid = c.oid) as indexes,
        array(select description from pg_description where objoid = c.oid order by objsubid) as comments,
        array(select attname || attacl::text from pg_attribute where attrelid = c.oid and attacl is not null) as columns
      from pg_class as c where relnamespace = 'mart'::regnamespace and relkind in ('v', 'm') order by relname`
    const before = await fixture.query(described)
    expect(before).toHaveLength(4)

    await loadLines(fixture.warehouse, 'email_open', [eventLine({ n: 0.5, city: 'y' })])

    expect(await fixture.query(described)).toEqual(before)
    expect(await fixture.query('select * from mart.upon')).toEqual([{ Number: 0.5 }])
    expect(await fixture.query('select * from mart.snake')).toEqual([{ n: 0.5 }])
    await fixture.query(
      `drop schema mart cascade; drop owned by ${owner}, ${reader} cascade; drop role ${owner}, ${reader}`,
    )
  })

  test('of other columns are not touched, also where the role could not make them again', async () => {
    await using fixture = await openFixture()
    await using limited = await limitedWarehouse(fixture.url)
    await loadLines(limited.warehouse, 'email_open', [eventLine({ n: 1 })])
    await fixture.query(
      'create schema mart; create view mart.cities as select city, n from mine.email_open; create view mart.only_city as select city from mine.email_open',
    )
    const widening = loadLines(limited.warehouse, 'email_open', [eventLine({ n: 1.5 })])
    await expect(widening).rejects.toMatchObject({
      code: 'view_in_the_way',
      message: expect.stringMatching(
        /the view mart.cities \(owner "elt"\) reads them and cannot be dropped.*drop or change that view/,
      ),
    })
    expect(await fixture.query('select n::text from mart.cities')).toEqual([{ n: '1' }])
    await fixture.query('drop view mart.cities')
    await loadLines(limited.warehouse, 'email_open', [eventLine({ n: 1.5 })])
    expect(await fixture.query('select city from mart.only_city')).toHaveLength(1)
  })

  test('that do not fit the new types are named, and the table stays as it was', async () => {
    await using fixture = await openFixture()
    await loadLines(fixture.warehouse, 'email_open', [eventLine({ n: 1 })])
    await fixture.query('create view public.total as select sum(n) from iterable.email_open')
    await expect(
      loadLines(fixture.warehouse, 'email_open', [eventLine({ n: 'text' })]),
    ).rejects.toMatchObject({
      code: 'view_in_the_way',
      message: expect.stringMatching(/public.total.*cannot be made again upon the new types.*sum\(text\)/),
    })
    expect(await fixture.query('select * from public.total')).toEqual([{ sum: '1' }])
    expect(
      await fixture.query(
        `select type from iterable_sync.columns where stream = 'email_open' and source_name = 'n'`,
      ),
    ).toEqual([{ type: 'bigint' }])
  })
})

let roles = 0

/** A warehouse of a role that owns its three schemas and nothing else. */
async function limitedWarehouse(url: string) {
  roles += 1
  const name = `limited_${process.pid}_${roles}`
  await query(
    url,
    `create role ${name} login password 'x'; create schema mine authorization ${name}; create schema mine_sync authorization ${name}; create schema mine_views authorization ${name}`,
  )
  const warehouse = await openPostgres({
    source: { url: Object.assign(new URL(url), { username: name, password: 'x' }).href },
    schema: 'mine',
  })
  return {
    warehouse,
    async [Symbol.asyncDispose]() {
      await warehouse[Symbol.asyncDispose]()
      await query(url, `drop owned by ${name} cascade; drop role ${name}`)
    },
  }
}
