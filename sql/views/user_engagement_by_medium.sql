-- How each person takes our messages, medium by medium: user_engagement for e-mail, push, SMS and the others by themselves.
-- Opens and clicks of machines (bot_rules) do not count. The days are counted back from as_of, the newest message or answer
-- in the warehouse; a day is 24 hours. Opens and clicks are NULL for a medium that has no event for them (clicks of push
-- messages, opens of SMS), and where its stream is not replicated.
--
-- Grain: one person and medium in which they got, opened or clicked a message
-- Key: person, medium
-- Optional: email_open, push_open, in_app_open, whatsapp_seen, email_click, in_app_click, sms_click, web_push_click,
--   whatsapp_click, embedded_click
-- Columns:
--   person: itblUserId, else userId, else the lower-case e-mail address
--   medium: email, push, in_app, sms, web_push, whatsapp, embedded or rcs
--   as_of: the instant that the days are counted back from
--   messages: messages sent to them, ever
--   messages_7_days: in the last 7 days
--   messages_30_days: in the last 30 days
--   messages_90_days: in the last 90 days
--   messages_365_days: in the last 365 days
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
--   last_message_at: last message
--   last_open_at: last open or click, be it of a message that they had opened before
--   last_click_at: last click
with latest as (
  select max(ended_at) as as_of
  from (
    select max(sent_at) as ended_at from {{marts.send_events}}
    union all
    select max(occurred_at) from {{marts.touch_events}}
  ) as ends
),
messages as (
  select
    person,
    medium,
    sent_at,
    sent_at > as_of - interval '168 hours' as is_of_7_days,
    sent_at > as_of - interval '720 hours' as is_of_30_days,
    sent_at > as_of - interval '2160 hours' as is_of_90_days,
    sent_at > as_of - interval '8760 hours' as is_of_365_days,
    is_delivered and first_human_open_at is not null as is_opened,
    is_delivered and first_human_click_at is not null as is_clicked
  from {{marts.message_times}}
    cross join latest
),
counts as (
  select
    person,
    medium,
    count(*) as messages,
    count(*) filter (where is_of_7_days) as messages_7_days,
    count(*) filter (where is_of_30_days) as messages_30_days,
    count(*) filter (where is_of_90_days) as messages_90_days,
    count(*) filter (where is_of_365_days) as messages_365_days,
    count(*) filter (where is_opened) as opened,
    count(*) filter (where is_opened and is_of_7_days) as opened_7_days,
    count(*) filter (where is_opened and is_of_30_days) as opened_30_days,
    count(*) filter (where is_opened and is_of_90_days) as opened_90_days,
    count(*) filter (where is_opened and is_of_365_days) as opened_365_days,
    count(*) filter (where is_clicked) as clicked,
    count(*) filter (where is_clicked and is_of_7_days) as clicked_7_days,
    count(*) filter (where is_clicked and is_of_30_days) as clicked_30_days,
    count(*) filter (where is_clicked and is_of_90_days) as clicked_90_days,
    count(*) filter (where is_clicked and is_of_365_days) as clicked_365_days,
    max(sent_at) as last_message_at
  from messages
  group by person, medium
),
answers as (
  select person, medium, max(occurred_at) as last_open_at, max(occurred_at) filter (where action = 'click') as last_click_at
  from {{marts.engagement_events}}
  where not is_machine
  group by person, medium
),
keys as (
  select person, medium from counts
  union
  select person, medium from answers
)
select
  k.person,
  k.medium,
  latest.as_of,
  coalesce(c.messages, 0) as messages,
  coalesce(c.messages_7_days, 0) as messages_7_days,
  coalesce(c.messages_30_days, 0) as messages_30_days,
  coalesce(c.messages_90_days, 0) as messages_90_days,
  coalesce(c.messages_365_days, 0) as messages_365_days,
  case when {{told(k.medium, opens)}} then coalesce(c.opened, 0) end as opened,
  case when {{told(k.medium, opens)}} then coalesce(c.opened_7_days, 0) end as opened_7_days,
  case when {{told(k.medium, opens)}} then coalesce(c.opened_30_days, 0) end as opened_30_days,
  case when {{told(k.medium, opens)}} then coalesce(c.opened_90_days, 0) end as opened_90_days,
  case when {{told(k.medium, opens)}} then coalesce(c.opened_365_days, 0) end as opened_365_days,
  case when {{told(k.medium, clicks)}} then coalesce(c.clicked, 0) end as clicked,
  case when {{told(k.medium, clicks)}} then coalesce(c.clicked_7_days, 0) end as clicked_7_days,
  case when {{told(k.medium, clicks)}} then coalesce(c.clicked_30_days, 0) end as clicked_30_days,
  case when {{told(k.medium, clicks)}} then coalesce(c.clicked_90_days, 0) end as clicked_90_days,
  case when {{told(k.medium, clicks)}} then coalesce(c.clicked_365_days, 0) end as clicked_365_days,
  c.last_message_at,
  case when {{told(k.medium, opens)}} then a.last_open_at end as last_open_at,
  a.last_click_at
from keys as k
  cross join latest
  left join counts as c on c.person = k.person and c.medium = k.medium
  left join answers as a on a.person = k.person and a.medium = k.medium
