-- Whether people stay: those who signed up in a month, and how many of them still opened, clicked or bought in each month
-- after. Opens and clicks of machines (bot_rules) do not count. Months are UTC months. Rates are fractions of people.
--
-- Grain: one month of signing up and month since, up to the newest answer or purchase in the warehouse
-- Key: cohort, month
-- Needs: users
-- Optional: purchase
-- Columns:
--   cohort: first day of the month of signing up (signupDate of the profile)
--   month: first day of the month looked at
--   months_since: months from the one to the other; 0 is the month of signing up
--   people: people who signed up in the cohort's month
--   opened: of them, people who opened or clicked in the month
--   clicked: of them, people who clicked in the month
--   bought: of them, people who bought in the month; NULL where the stream purchase is not replicated
--   active_rate: people who opened, clicked or bought ÷ people
--   click_rate: clicked ÷ people
with people as (
  select {{person(u)}} as person,
    min(cast(date_trunc('month', signup_date at time zone 'UTC') as date)) as cohort
  from {{streams.users}} as u
  where signup_date is not null
  group by 1
),
answers as (
  select person, cast(date_trunc('month', occurred_at at time zone 'UTC') as date) as month, action
  from {{marts.engagement_events}}
  where not is_machine
  union
  select person, cast(date_trunc('month', purchased_at at time zone 'UTC') as date), 'buy'
  from {{marts.purchase_attribution}}
),
cohorts as (
  select cohort, count(*) as people from people group by cohort
),
days as (
  select cohort, people, cast({{days(cohort, last_month)}} as date) as month
  from cohorts cross join (select max(month) as last_month from answers) as span
),
months as (
  select cohort, people, month from days where extract(day from month) = 1
),
counted as (
  select
    p.cohort,
    a.month,
    count(distinct p.person) as active,
    count(distinct p.person) filter (where a.action in ('open', 'click')) as opened,
    count(distinct p.person) filter (where a.action = 'click') as clicked,
    count(distinct p.person) filter (where a.action = 'buy') as bought
  from people as p
    join answers as a on a.person = p.person and a.month >= p.cohort
  group by p.cohort, a.month
)
select
  m.cohort,
  m.month,
  cast(12 * (extract(year from m.month) - extract(year from m.cohort))
    + extract(month from m.month) - extract(month from m.cohort) as bigint) as months_since,
  m.people,
  coalesce(c.opened, 0) as opened,
  coalesce(c.clicked, 0) as clicked,
  case when {{has.purchase}} then coalesce(c.bought, 0) end as bought,
  {{rate(coalesce(c.active, 0), m.people)}} as active_rate,
  {{rate(coalesce(c.clicked, 0), m.people)}} as click_rate
from months as m
  left join counted as c on c.cohort = m.cohort and c.month = m.month
