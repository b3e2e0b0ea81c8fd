/** Whatever an assistant asks, it sees nobody: masked values are all that its SQL has. */
import { expect } from 'vitest'
import { clientOf, traces, worlds, zora } from './support.ts'

const eachWorld = worlds()

const questions: readonly string[] = [
  'select * from iterable.users',
  'select * from iterable_views.users',
  'select * from iterable.custom_event',
  'select * from iterable_views.custom_event_cart',
  'select * from iterable.email_bounce',
  'select * from iterable_views.email_click',
  'select * from iterable_marts.message_facts',
  'select * from iterable_marts.user_engagement',
  'select * from iterable_marts.suppression_reasons',
  'select reverse(email), upper(email), substr(email, 2, 30), md5(email) from iterable.users',
  `select reverse("status"), replace("status", '@', ' at ') from iterable.email_bounce`,
  `select replace(url, '%40', ' at '), reverse(url) from iterable.email_click`,
  'select u from iterable.users u',
  'select users."firstName", iterable.users.email from iterable.users',
  `select count(*), min(email), max("phoneNumber"), sum("loyaltyNumber") from "iterable"."users" where email like 'zora%'`,
  'with users as (select * from iterable.users) select * from users',
  'with recursive a as (select email from iterable.users) select * from a',
  'select * from iterable . /* a /* nested */ comment */ users -- and the rest',
  '(select email from ITERABLE.users) union all select email from iterable.list_users',
  `select (select string_agg(email, ',') from iterable.users) as all_of_them`,
  'select l.name, u.email from iterable.lists l join iterable.list_users m on m."listId" = l.id left join iterable.users as u on u.email = m.email',
  'select cast(email as integer) from iterable.users',
  `select 'iterable.users', email from iterable.users order by 2`,
]

eachWorld('a query shows no value of a person, however it turns them', async (world) => {
  await using asked = await clientOf(world)
  const shown: string[] = []
  for (const sql of questions) {
    const { text } = await asked.ask('query', { sql, limit: 1_000 })
    expect(text, sql).not.toMatch(/not_maskable|unknown_table/)
    const seen = traces.filter((trace) => text.toLowerCase().includes(trace.toLowerCase()))
    if (seen.length > 0) shown.push(`${sql}: ${seen}`)
  }
  expect(shown).toEqual([])
})

const refusals: readonly string[] = [
  'select * from users',
  'select * from warehouse.iterable.users',
  'select * from information_schema.tables',
  'select * from iterable_sync.members',
  'select * from pg_catalog.pg_stats',
  'select * from pg_stats',
  'select current_query()',
  `select current_setting('search_path')`,
  `select query_to_xml('select email from iterable.users', true, false, '')`,
  `select query_to_xml ('select 1', true, false, '')`,
  `select * from ts_stat('select to_tsvector(email) from iterable.users')`,
  `select set_config('search_path', 'iterable', false)`,
  `select lo_get(1)`,
  `select * from query_table('iterable.users')`,
  `from query('select * from iterable.users')`,
  `select * from pragma_storage_info('iterable.users')`,
  'select * from duckdb_columns()',
  'select * from sqlite_master',
  `select * from 'people.csv'`,
  `select * from read_text('/etc/hostname')`,
  'summarize iterable.users',
  'describe iterable.users',
  'explain select email from iterable.users',
  'table iterable.users',
  `select $$a$$ from iterable.users`,
  `select U&'\\0061'`,
  `select e'\\'' from iterable.users --'`,
  'select 1; select * from iterable.users',
  'delete from iterable.users',
  'select * from own.customers',
  'select * from customers',
  'select * from customers, (with customers as (select 1 as n) select * from customers) c',
  'select * from iterable.mine',
  'select secret_mail()',
  'select "Iterable_Sync"."runs".* from "Iterable_Sync"."runs"',
]

eachWorld('a query that could reach beyond the masked tables is refused', async (world) => {
  const { elt, warehouse } = world
  await elt.warehouse.use(async ({ tables }) => {
    const { sql } = await import('kysely')
    const statements = [
      'create schema own',
      `create table own.customers as select '${zora.email}' as email`,
      'create table iterable.mine as select * from own.customers',
      warehouse.kind === 'duckdb'
        ? 'create macro secret_mail() as (select min(email) from iterable.users)'
        : `create function secret_mail() returns text language sql as 'select min(email) from iterable.users'`,
      'create view customers as select * from own.customers',
    ]
    for (const statement of statements) await sql.raw(statement).execute(tables)
  })
  await using asked = await clientOf(world)
  for (const sql of refusals) {
    const { isError, text, document } = await asked.ask('query', { sql })
    expect(isError, `${sql}: ${text}`).toBe(true)
    expect(document.error).toMatchObject({
      code: expect.any(String),
      message: expect.any(String),
      cure: expect.any(String),
    })
    expect(traces.filter((trace) => text.includes(trace))).toEqual([])
    expect(text).not.toContain('only-for-tests')
  }
})

eachWorld('masked people are the same people: joins, counts and the marts are right', async (world) => {
  await using asked = await clientOf(world, { shown_fields: ['plan'] })
  const [{ n, matched }] = (await world.warehouse.query(
    `select count(distinct u.email) as n, count(*) as matched from iterable.users u join iterable.list_users m on lower(m.email) = lower(u.email)`,
  )) as [{ n: number; matched: number }]
  const joined = await asked.ask('query', {
    sql: 'select count(distinct u.email), count(*) from iterable.users u join iterable.list_users m on m.email = u.email',
  })
  expect(n).toBeGreaterThan(3)
  expect(joined.document.rows).toEqual([[n, matched]])
  const plans = await asked.ask('query', {
    sql: 'select plan, count(*) from iterable.users where plan is not null group by plan',
  })
  expect(plans.text).toContain('gold')
  const campaigns = await asked.ask('query', {
    sql: 'select sum(sent) from iterable_marts.campaign_performance',
  })
  const [{ sent }] = (await world.warehouse.query('select count(*) as sent from iterable.email_send')) as [
    { sent: number },
  ]
  expect(Number((campaigns.document.rows as number[][])[0]?.[0])).toBeGreaterThanOrEqual(sent)
})

eachWorld('the same questions show her where personal data is not masked', async (world) => {
  await using asked = await clientOf(world, { personal_data: true })
  const telling = questions.filter((sql) => /^select (\*|rev|rep)/.test(sql)).slice(0, 10)
  const answers = []
  for (const sql of telling) answers.push(await asked.ask('query', { sql, limit: 1_000 }))
  const said = answers.map(({ text }) => text.toLowerCase()).join('\n')
  expect(traces.filter((trace) => !said.includes(trace.toLowerCase()))).toEqual([])
})

eachWorld('with mcp.personal_data an assistant sees what the command sql sees', async (world) => {
  await using asked = await clientOf(world, { personal_data: true })
  const { document } = await asked.ask('query', {
    sql: `select email, "firstName" from iterable.users where email = '${zora.email}'`,
  })
  expect(document).toMatchObject({ rows: [[zora.email, zora.firstName]], personal_data: 'shown' })
  expect((await asked.ask('query', { sql: 'delete from iterable.users' })).document.error).toMatchObject({
    code: 'not_a_select',
  })
})
