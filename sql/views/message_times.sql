-- When what became of every message: the first times alone. It says what message_facts says of the same columns, in a
-- fraction of the time: what counts messages by the days of their answers reads this. Messages and people are told apart as
-- in message_outcomes.
--
-- Grain: one message (message id) to one person
-- Key: medium, message_id, person
-- Optional: email_complaint
-- Refresh: message_id
-- Within: message_facts
-- Columns:
--   medium: email, push, in_app, sms, web_push, whatsapp, embedded or rcs
--   message_id: Iterable's id of the message
--   person: who received it: itblUserId, else userId, else the lower-case e-mail address
--   campaign_id: campaign that sent it
--   sent_at: when it was sent
--   is_delivered: sent and not bounced
--   bounced_at: first bounce
--   bounce_kind: hard or soft; NULL where it did not bounce
--   first_open_at: first open
--   first_human_open_at: first open or click of a person
--   first_click_at: first click
--   first_human_click_at: first click of a person
--   complained_at: first complaint
--   unsubscribed_at: first unsubscribe from a channel or message type that names the message
with touches as (
  -- Beside each send of its message: a person's is what is one beside any of them.
  select e.medium, e.action, e.message_id, e.person, e.occurred_at,
    coalesce(e.flag_rule, e.pattern_rule, e.burst_rule) is null
      and coalesce(e.occurred_at - greatest(e.proxy_seconds, e.fast_seconds) * interval '1 second' > s.sent_at, true)
      as is_human
  from {{marts.judged_touches}} as e
    join {{marts.send_events}} as s on s.medium = e.medium and s.message_id = e.message_id and s.person = e.person
),
events as (
  select medium, message_id, person, campaign_id, 'send' as what, sent_at as occurred_at, false as is_human
  from {{marts.send_events}}
  union all
  select medium, message_id, person, null, action, occurred_at, is_human from touches
  union all
  select medium, message_id, person, null, case when is_hard then 'hard bounce' else 'soft bounce' end, bounced_at, false
  from {{marts.message_bounces}}
  union all
  select 'email', message_id, {{person(e)}}, null, 'complaint', created_at, false from {{streams.email_complaint}} as e
  union all
  select 'email', message_id, person, null, 'opt-out', occurred_at, false from {{marts.opt_outs}}
),
messages as (
  select
    medium,
    min(message_id) as message_id,
    min(person) as person,
    min(campaign_id) as campaign_id,
    min(case when what = 'send' then occurred_at end) as sent_at,
    min(case when what in ('hard bounce', 'soft bounce') then occurred_at end) as bounced_at,
    min(case what when 'hard bounce' then 'hard' when 'soft bounce' then 'soft' end) as bounce_kind,
    min(case when what = 'open' then occurred_at end) as first_open_at,
    min(case when is_human then occurred_at end) as first_human_open_at,
    min(case when what = 'click' then occurred_at end) as first_click_at,
    min(case when what = 'click' and is_human then occurred_at end) as first_human_click_at,
    min(case when what = 'complaint' then occurred_at end) as complained_at,
    min(case when what = 'opt-out' then occurred_at end) as unsubscribed_at
  from events
  where message_id is not null
  group by medium, {{hash(message_id)}}, {{hash(person)}}
)
select
  medium,
  message_id,
  person,
  campaign_id,
  sent_at,
  bounced_at is null as is_delivered,
  bounced_at,
  bounce_kind,
  first_open_at,
  first_human_open_at,
  first_click_at,
  first_human_click_at,
  complained_at,
  unsubscribed_at
from messages
where sent_at is not null
