-- How each person takes our messages: what they got, how lately they answered, what they bought, and whether and how they
-- can be reached. Opens and clicks of machines (bot_rules) do not count. The days are counted back from as_of, the
-- newest message, answer or purchase in the warehouse, not from the clock: the view says the same until the next sync. A
-- day is 24 hours, whatever the time zone of who asks.
-- Engagement by the last human open or click, or purchase: within 30 days engaged, 90 lapsing, 180 dormant, else cold;
-- never where there was none. An e-mail address is reachable unless it bounced hard or its owner complained.
-- Revenue needs the stream purchase: its columns are NULL where that is not replicated.
--
-- Grain: one person of the users
-- Key: person
-- Needs: users
-- Optional: email_bounce, email_complaint, purchase
-- Columns:
--   person: itblUserId, else userId, else the lower-case e-mail address
--   email: e-mail address in lower case
--   user_id: userId
--   signup_at: signupDate of the profile
--   as_of: the instant that the days are counted back from
--   messages: messages sent to them, ever
--   messages_30_days: in the last 30 days
--   opened: delivered messages that they opened or clicked, ever
--   opened_7_days: of those sent in the last 7 days
--   opened_30_days: of those sent in the last 30 days
--   opened_90_days: of those sent in the last 90 days
--   clicked: delivered messages that they clicked, ever
--   clicked_7_days: of those sent in the last 7 days
--   clicked_30_days: of those sent in the last 30 days
--   clicked_90_days: of those sent in the last 90 days
--   first_message_at: first message
--   last_message_at: last message
--   first_answer_at: first open or click
--   last_open_at: last open or click, be it of a message that they had opened before
--   last_click_at: last click
--   orders: purchases
--   revenue: their total, in the currency of the purchases
--   last_order_at: last purchase
--   engagement: engaged, lapsing, dormant, cold or never
--   is_email_reachable: has an address that neither bounced hard nor complained
--   unreachable_reason: no address, complaint or hard bounce; NULL where reachable
with people as (
  select {{person(u)}} as person, max(lower(email)) as email, max(user_id) as user_id, min(signup_date) as signup_at
  from {{streams.users}} as u
  group by 1
),
orders as (
  select person, count(*) as orders, sum(total) as revenue, max(purchased_at) as last_order_at
  from {{marts.purchase_attribution}}
  group by person
),
latest as (
  select max(ended_at) as as_of
  from (
    select max(sent_at) as ended_at from {{marts.sent_messages}}
    union all
    select max(occurred_at) from {{marts.touch_events}}
    union all
    select max(last_order_at) from orders
  ) as ends
),
facts as (
  select
    m.person,
    count(*) as messages,
    count(*) filter (where sent_at > as_of - interval '720 hours') as messages_30_days,
    count(*) filter (where is_delivered and first_human_open_at is not null) as opened,
    count(*) filter (where is_delivered and first_human_open_at is not null and sent_at > as_of - interval '168 hours') as opened_7_days,
    count(*) filter (where is_delivered and first_human_open_at is not null and sent_at > as_of - interval '720 hours') as opened_30_days,
    count(*) filter (where is_delivered and first_human_open_at is not null and sent_at > as_of - interval '2160 hours') as opened_90_days,
    count(*) filter (where is_delivered and first_human_click_at is not null) as clicked,
    count(*) filter (where is_delivered and first_human_click_at is not null and sent_at > as_of - interval '168 hours') as clicked_7_days,
    count(*) filter (where is_delivered and first_human_click_at is not null and sent_at > as_of - interval '720 hours') as clicked_30_days,
    count(*) filter (where is_delivered and first_human_click_at is not null and sent_at > as_of - interval '2160 hours') as clicked_90_days,
    min(sent_at) as first_message_at,
    max(sent_at) as last_message_at
  from {{marts.message_times}} as m
    cross join latest
  group by m.person
),
answers as (
  select
    person,
    min(occurred_at) as first_answer_at,
    max(occurred_at) as last_open_at,
    max(occurred_at) filter (where action = 'click') as last_click_at
  from {{marts.engagement_events}}
  where not is_machine
  group by person
),
hard_bounced as (
  select distinct {{person(e)}} as person from {{streams.email_bounce}} as e where recipient_state = 'HardBounce'
),
complained as (
  select distinct {{person(e)}} as person from {{streams.email_complaint}} as e
),
joined as (
  select
    p.*,
    latest.as_of,
    f.messages, f.messages_30_days, f.opened, f.opened_7_days, f.opened_30_days, f.opened_90_days, f.clicked,
    f.clicked_7_days, f.clicked_30_days, f.clicked_90_days, f.first_message_at, f.last_message_at, a.first_answer_at,
    a.last_open_at, a.last_click_at, o.orders, o.revenue, o.last_order_at,
    greatest(a.last_open_at, o.last_order_at) as last_answer_at,
    case
      when p.email is null then 'no address'
      when c.person is not null then 'complaint'
      when b.person is not null then 'hard bounce'
    end as unreachable_reason
  from people as p
    cross join latest
    left join facts as f on f.person = p.person
    left join answers as a on a.person = p.person
    left join orders as o on o.person = p.person
    left join hard_bounced as b on b.person = p.person
    left join complained as c on c.person = p.person
)
select
  person,
  email,
  user_id,
  signup_at,
  as_of,
  coalesce(messages, 0) as messages,
  coalesce(messages_30_days, 0) as messages_30_days,
  coalesce(opened, 0) as opened,
  coalesce(opened_7_days, 0) as opened_7_days,
  coalesce(opened_30_days, 0) as opened_30_days,
  coalesce(opened_90_days, 0) as opened_90_days,
  coalesce(clicked, 0) as clicked,
  coalesce(clicked_7_days, 0) as clicked_7_days,
  coalesce(clicked_30_days, 0) as clicked_30_days,
  coalesce(clicked_90_days, 0) as clicked_90_days,
  first_message_at,
  last_message_at,
  first_answer_at,
  last_open_at,
  last_click_at,
  case when {{has.purchase}} then coalesce(orders, 0) end as orders,
  case when {{has.purchase}} then coalesce(revenue, 0) end as revenue,
  last_order_at,
  case
    when last_answer_at is null then 'never'
    when last_answer_at > as_of - interval '720 hours' then 'engaged'
    when last_answer_at > as_of - interval '2160 hours' then 'lapsing'
    when last_answer_at > as_of - interval '4320 hours' then 'dormant'
    else 'cold'
  end as engagement,
  unreachable_reason is null as is_email_reachable,
  unreachable_reason
from joined
