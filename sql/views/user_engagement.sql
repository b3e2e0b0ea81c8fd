-- How each person takes our messages: what they got, how lately they answered, what they bought, and whether and how they
-- can be reached. Opens and clicks of machines (bot_rules) do not count. The days are counted back from as_of, the
-- newest message, answer or purchase in the warehouse, not from the clock: the view says the same until the next sync. A
-- day is 24 hours, whatever the time zone of who asks.
-- Engagement by the last human open or click, or purchase: within 30 days engaged, 90 lapsing, 180 dormant, else cold;
-- never where there was none.
-- Recency, frequency and monetary score are fifths of the people of this view who have bought: 1 where less than a fifth of
-- the other buyers bought longer ago (less often, for less) than the person, 2 where less than two fifths did, and so on up
-- to 5, the best. Who is alike has the same score.
-- By which media a person can be reached is what user_reachability says; user_engagement_by_medium has the messages, opens
-- and clicks medium by medium. Revenue needs the stream purchase: its columns are NULL where that is not replicated.
--
-- Grain: one person of the users
-- Key: person
-- Needs: users
-- Optional: purchase, email_open, push_open, in_app_open, whatsapp_seen
-- Columns:
--   person: itblUserId, else userId, else the lower-case e-mail address
--   email: e-mail address in lower case
--   user_id: userId
--   signup_at: signupDate of the profile
--   as_of: the instant that the days are counted back from
--   messages: messages sent to them, ever
--   messages_7_days: in the last 7 days
--   messages_30_days: in the last 30 days
--   messages_90_days: in the last 90 days
--   messages_365_days: in the last 365 days
--   messages_per_week: messages in the last 28 days ÷ 4
--   opened: delivered messages that they opened or clicked, ever
--   opened_7_days: of those sent in the last 7 days
--   opened_30_days: of those sent in the last 30 days
--   opened_90_days: of those sent in the last 90 days
--   opened_365_days: of those sent in the last 365 days
--   clicked: delivered messages that they clicked, ever
--   clicked_7_days: of those sent in the last 7 days
--   clicked_30_days: of those sent in the last 30 days
--   clicked_90_days: of those sent in the last 90 days
--   clicked_365_days: of those sent in the last 365 days
--   unopened_streak: delivered messages sent since the last one that they opened or clicked, all where they never did; of
--     media whose opens are told, NULL where they got none of these
--   first_message_at: first message
--   last_message_at: last message
--   first_answer_at: first open or click
--   last_open_at: last open or click, be it of a message that they had opened before
--   last_click_at: last click
--   best_hour: hour of the day (0 to 23, in UTC or marts.timezone) in which they opened and clicked most; of several, the first
--   orders: purchases
--   revenue: their total, in the currency of the purchases
--   last_order_at: last purchase
--   recency_score: 1 to 5 by last_order_at; NULL where they have not bought
--   frequency_score: 1 to 5 by orders; NULL where they have not bought
--   monetary_score: 1 to 5 by revenue; NULL where they have not bought
--   engagement: engaged, lapsing, dormant, cold or never
--   is_email_reachable: has an address that neither bounced hard nor complained, and is in a channel of e-mail
--   unreachable_reason: no address, complaint, hard bounce or channel opt-out, of e-mail; NULL where reachable
--   is_push_reachable: has a device that takes push messages, and is in a channel of push
--   push_unreachable_reason: no device, switched off or channel opt-out; NULL where reachable
--   is_in_app_reachable: has the app, and is in a channel of in-app messages; NULL where nobody tells whether they have it
--   in_app_unreachable_reason: channel opt-out; NULL otherwise
--   is_sms_reachable: has a telephone number, and is in a channel of SMS
--   sms_unreachable_reason: no number or channel opt-out; NULL where reachable
--   is_web_push_reachable: has a browser that takes web push, and is in a channel of it
--   web_push_unreachable_reason: no browser or channel opt-out; NULL where reachable
--   is_whatsapp_reachable: has WhatsApp, and is in a channel of it; NULL where nobody tells whether they have it
--   whatsapp_unreachable_reason: no number or channel opt-out; NULL otherwise
--   is_embedded_reachable: has got or clicked embedded messages, and is in a channel of them; NULL where nobody tells
--   embedded_unreachable_reason: channel opt-out; NULL otherwise
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
scores as (
  select
    o.person,
    cast(least(5, 1 + floor(5 * percent_rank() over (order by o.last_order_at))) as bigint) as recency_score,
    cast(least(5, 1 + floor(5 * percent_rank() over (order by o.orders))) as bigint) as frequency_score,
    cast(least(5, 1 + floor(5 * percent_rank() over (order by coalesce(o.revenue, 0)))) as bigint) as monetary_score
  from orders as o
    join people as p on p.person = o.person
),
latest as (
  select max(ended_at) as as_of
  from (
    select max(sent_at) as ended_at from {{marts.send_events}}
    union all
    select max(occurred_at) from {{marts.touch_events}}
    union all
    select max(last_order_at) from orders
  ) as ends
),
messages as (
  select
    person,
    sent_at,
    as_of,
    is_delivered and first_human_open_at is not null as is_opened,
    is_delivered and first_human_click_at is not null as is_clicked,
    is_delivered and {{told(medium, opens)}} as is_told,
    max(case when is_delivered and first_human_open_at is not null and {{told(medium, opens)}} then sent_at end)
      over (partition by person) as opened_sent_at
  from {{marts.message_times}}
    cross join latest
),
facts as (
  select
    person,
    count(*) as messages,
    count(*) filter (where sent_at > as_of - interval '168 hours') as messages_7_days,
    count(*) filter (where sent_at > as_of - interval '672 hours') as messages_28_days,
    count(*) filter (where sent_at > as_of - interval '720 hours') as messages_30_days,
    count(*) filter (where sent_at > as_of - interval '2160 hours') as messages_90_days,
    count(*) filter (where sent_at > as_of - interval '8760 hours') as messages_365_days,
    count(*) filter (where is_opened) as opened,
    count(*) filter (where is_opened and sent_at > as_of - interval '168 hours') as opened_7_days,
    count(*) filter (where is_opened and sent_at > as_of - interval '720 hours') as opened_30_days,
    count(*) filter (where is_opened and sent_at > as_of - interval '2160 hours') as opened_90_days,
    count(*) filter (where is_opened and sent_at > as_of - interval '8760 hours') as opened_365_days,
    count(*) filter (where is_clicked) as clicked,
    count(*) filter (where is_clicked and sent_at > as_of - interval '168 hours') as clicked_7_days,
    count(*) filter (where is_clicked and sent_at > as_of - interval '720 hours') as clicked_30_days,
    count(*) filter (where is_clicked and sent_at > as_of - interval '2160 hours') as clicked_90_days,
    count(*) filter (where is_clicked and sent_at > as_of - interval '8760 hours') as clicked_365_days,
    case when bool_or(is_told)
      then count(*) filter (where is_told and (opened_sent_at is null or sent_at > opened_sent_at)) end as unopened_streak,
    min(sent_at) as first_message_at,
    max(sent_at) as last_message_at
  from messages
  group by person
),
answers_by_hour as (
  select
    person,
    cast(extract(hour from occurred_at at time zone {{setting.timezone}}) as bigint) as hour,
    count(*) as answers,
    min(occurred_at) as first_answer_at,
    max(occurred_at) as last_open_at,
    max(occurred_at) filter (where action = 'click') as last_click_at
  from {{marts.engagement_events}}
  where not is_machine
  group by 1, 2
),
answers as (
  select
    person,
    (array_agg(hour order by answers desc, hour))[1] as best_hour,
    min(first_answer_at) as first_answer_at,
    max(last_open_at) as last_open_at,
    max(last_click_at) as last_click_at
  from answers_by_hour
  group by person
)
select
  p.person,
  p.email,
  p.user_id,
  p.signup_at,
  latest.as_of,
  coalesce(f.messages, 0) as messages,
  coalesce(f.messages_7_days, 0) as messages_7_days,
  coalesce(f.messages_30_days, 0) as messages_30_days,
  coalesce(f.messages_90_days, 0) as messages_90_days,
  coalesce(f.messages_365_days, 0) as messages_365_days,
  {{rate(coalesce(f.messages_28_days, 0), 4)}} as messages_per_week,
  coalesce(f.opened, 0) as opened,
  coalesce(f.opened_7_days, 0) as opened_7_days,
  coalesce(f.opened_30_days, 0) as opened_30_days,
  coalesce(f.opened_90_days, 0) as opened_90_days,
  coalesce(f.opened_365_days, 0) as opened_365_days,
  coalesce(f.clicked, 0) as clicked,
  coalesce(f.clicked_7_days, 0) as clicked_7_days,
  coalesce(f.clicked_30_days, 0) as clicked_30_days,
  coalesce(f.clicked_90_days, 0) as clicked_90_days,
  coalesce(f.clicked_365_days, 0) as clicked_365_days,
  f.unopened_streak,
  f.first_message_at,
  f.last_message_at,
  a.first_answer_at,
  a.last_open_at,
  a.last_click_at,
  a.best_hour,
  case when {{has.purchase}} then coalesce(o.orders, 0) end as orders,
  case when {{has.purchase}} then coalesce(o.revenue, 0) end as revenue,
  o.last_order_at,
  s.recency_score,
  s.frequency_score,
  s.monetary_score,
  case
    when greatest(a.last_open_at, o.last_order_at) is null then 'never'
    when greatest(a.last_open_at, o.last_order_at) > as_of - interval '720 hours' then 'engaged'
    when greatest(a.last_open_at, o.last_order_at) > as_of - interval '2160 hours' then 'lapsing'
    when greatest(a.last_open_at, o.last_order_at) > as_of - interval '4320 hours' then 'dormant'
    else 'cold'
  end as engagement,
  r.is_email_reachable,
  r.email_unreachable_reason as unreachable_reason,
  r.is_push_reachable,
  r.push_unreachable_reason,
  r.is_in_app_reachable,
  r.in_app_unreachable_reason,
  r.is_sms_reachable,
  r.sms_unreachable_reason,
  r.is_web_push_reachable,
  r.web_push_unreachable_reason,
  r.is_whatsapp_reachable,
  r.whatsapp_unreachable_reason,
  r.is_embedded_reachable,
  r.embedded_unreachable_reason
from people as p
  cross join latest
  join {{marts.user_reachability}} as r on r.person = p.person
  left join facts as f on f.person = p.person
  left join answers as a on a.person = p.person
  left join orders as o on o.person = p.person
  left join scores as s on s.person = p.person
