import { expect, test } from 'vitest'
import { prepareQuery } from '../../src/export/rows/query.ts'
import { exportTest } from './support.ts'

const times = {
  nominal_time: new Date('2026-01-02T03:04:05Z'),
  previous_nominal_time: new Date('2026-01-01T03:04:05Z'),
  last_success_time: null,
}

exportTest(
  'a query that writes, or is not one SELECT, is refused and has changed nothing',
  async ({ elt, save, run, warehouse, sandbox }) => {
    await run('create table iterable.t (email varchar)')
    await run("insert into iterable.t values ('a@x.org')")
    await run('create sequence iterable.s')
    if (warehouse.kind === 'postgres') {
      await run(
        "create function iterable.wipe() returns text language plpgsql as $$ begin delete from iterable.t; return 'a@x.org'; end $$",
      )
    }
    const queries = [
      'delete from iterable.t',
      "insert into iterable.t values ('b@x.org')",
      'select email from iterable.t; delete from iterable.t',
      'select email from iterable.t; -- quiet\n /* ; */ drop table iterable.t',
      'with gone as (delete from iterable.t returning email) select * from gone',
      '/* select */ update iterable.t set email = null',
      'drop table iterable.t',
      'create table iterable.u as select 1',
      'select email into iterable.u from iterable.t',
      "select email, nextval('iterable.s') as n from iterable.t",
      "copy iterable.t to '/tmp/never.csv'",
      'begin',
      'commit',
      '',
      ...(warehouse.kind === 'postgres'
        ? [
            'select iterable.wipe() as email',
            'do $$ begin delete from iterable.t; end $$',
            'select 1) as q; delete from iterable.t; select (1',
          ]
        : ["attach '/tmp/never.duckdb'", 'pragma version', 'call checkpoint()']),
    ]
    for (const query of queries) {
      await save('bad', { action: 'add' }, query)
      const outcome = await elt
        .export('bad')
        .catch((error: unknown) => ({ error_kind: 'config', error: String(error) }))
      expect.soft({ query, kind: outcome.error_kind }).toEqual({ query, kind: 'config' })
    }
    expect(await warehouse.query('select * from iterable.t')).toEqual([{ email: 'a@x.org' }])
    const tables = await warehouse.query(
      "select table_name from information_schema.tables where table_schema = 'iterable'",
    )
    expect(tables).toEqual([{ table_name: 't' }])
    expect(await warehouse.query("select nextval('iterable.s') as n").catch(() => [{ n: 1 }])).toEqual([
      { n: 1 },
    ])
    expect(sandbox.writes).toEqual([])
  },
)

exportTest('comments, CTEs, a semicolon at the end and order are fine', async ({ elt, save, members }) => {
  await save(
    'vip',
    { action: 'add' },
    `
    -- leading; comment
    with x as (select 'a;@x.org' as a, 'b@x.org' as email) /* ; */
    select email from x order by email; -- done`,
  )
  expect(await elt.export('vip')).toMatchObject({ state: 'succeeded', sent: 1 })
  expect(members()).toEqual(['b@x.org'])
})

exportTest('the query sees nominal, previous and last successful time', async ({ elt, save, writes }) => {
  await save(
    'vip',
    { action: 'add' },
    `
    select 'a@x.org' as email, $nominal_time as now, $previous_nominal_time as before,
      $last_success_time is null as first, '$nominal_time' as text`,
  )
  const nominalAt = new Date('2026-01-02T00:00:00Z')
  await elt.export('vip', { nominalAt })
  await elt.export('vip', { nominalAt: new Date('2026-01-03T00:00:00Z') })
  const [one, two] = writes().map(({ body }) => body.subscribers[0]?.dataFields)
  expect(one).toEqual({ first: true, now: '2026-01-02 00:00:00 +00:00', text: '$nominal_time' })
  expect(two).toMatchObject({ before: '2026-01-02 00:00:00 +00:00', first: false })
})

exportTest('SQL that does not compile is a configuration error', async ({ elt, save }) => {
  await save('vip', { action: 'add' }, 'select nothing from nowhere')
  expect(await elt.export('vip')).toMatchObject({
    state: 'failed',
    error_code: 'query_invalid',
    error_kind: 'config',
  })
})

test('instants replace parameters, not what only looks like one', () => {
  const query = `select '$nominal_time', "$nominal_time", $$ $nominal_time $$, $tag$ $nominal_time $tag$ -- $nominal_time
    /* /* $nominal_time */ $x */ from t where a > $nominal_time and b > $last_success_time;`
  const prepared = prepareQuery(query, times).text
  expect(prepared.match(/\$nominal_time/g)).toHaveLength(6)
  expect(prepared).toContain("a > (timestamptz '2026-01-02T03:04:05.000Z') and b > cast(null as timestamptz)")
})

test('an unknown parameter names the known ones', () => {
  expect(() => prepareQuery('select $nominal_tme', times)).toThrow(/did you mean "nominal_time"/)
  expect(() => prepareQuery('select $1', times)).toThrow(/\$1/)
})
