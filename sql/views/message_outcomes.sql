-- What became of every message, in short: yes or no, without times and counts. It says what message_facts says of the
-- same columns, in a fraction of the time: what only counts messages reads this. Each message and person is told by two
-- hashes of 64 bits within this view; two of ten million messages meet in both with a probability of about 1 in 10^11.
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
--   email: e-mail address of the person, in lower case
--   mailbox_provider: Gmail, Microsoft, Yahoo, Apple, GMX/Web.de or other, by the domain
--   campaign_id: campaign that sent it
--   template_id: template that it was made from
--   sent_at: when it was sent
--   is_delivered: sent and not bounced
--   bounce_kind: hard or soft; NULL where it did not bounce
--   bounce_status: status of the first bounce, such as 5.1.1
--   is_opened: opened, be it by a machine
--   is_human_opened: opened or clicked by a person
--   is_clicked: clicked, be it by a machine
--   is_human_clicked: clicked by a person
--   is_complained: its receiver complained
--   is_unsubscribed: its receiver unsubscribed from a channel or message type by it
with events as (
  -- Marks are bits: 1 clicked, 2 by a person, 4 opened, 8 bounced, 16 hard, 32 complained, 64 unsubscribed. An open is that
  -- of a person where the message was sent before the time that the rules leave to machines.
  select medium, message_id, person, email, {{provider(nullif(split_part(email, '@', 2), ''))}} as mailbox_provider,
    campaign_id, template_id, sent_at, cast(null as text) as bounce_status,
    cast(null as integer) as marks, cast(null as timestamptz) as human_before
  from {{marts.send_events}}
  union all
  select medium, message_id, person, null, null, null, null, null, null,
    case when action = 'open' then 4 when coalesce(flag_rule, pattern_rule, burst_rule) is null then 3 else 1 end,
    case
      when coalesce(flag_rule, pattern_rule, burst_rule) is null
        then coalesce(occurred_at - greatest(proxy_seconds, fast_seconds) * interval '1 second', timestamptz 'infinity')
    end
  from {{marts.judged_touches}}
  union all
  select medium, message_id, person, null, null, null, null, null, bounce_status, case when is_hard then 24 else 8 end, null
  from {{marts.message_bounces}}
  union all
  select 'email', message_id, {{person(e)}}, null, null, null, null, null, null, 32, null
  from {{streams.email_complaint}} as e
  union all
  select 'email', message_id, person, null, null, null, null, null, null, 64, null from {{marts.opt_outs}}
),
messages as (
  select
    medium,
    min(message_id) as message_id,
    min(person) as person,
    min(email) as email,
    min(mailbox_provider) as mailbox_provider,
    min(campaign_id) as campaign_id,
    min(template_id) as template_id,
    min(sent_at) as sent_at,
    min(bounce_status) as bounce_status,
    coalesce(bit_or(marks), 0) as marks,
    max(human_before) as human_before
  from events
  where message_id is not null
  group by medium, {{hash(message_id)}}, {{hash(person)}}
)
select
  medium,
  message_id,
  person,
  email,
  mailbox_provider,
  campaign_id,
  template_id,
  sent_at,
  marks & 8 = 0 as is_delivered,
  case when marks & 16 > 0 then 'hard' when marks & 8 > 0 then 'soft' end as bounce_kind,
  bounce_status,
  marks & 4 > 0 as is_opened,
  coalesce(human_before > sent_at, false) as is_human_opened,
  marks & 1 > 0 as is_clicked,
  marks & 2 > 0 as is_human_clicked,
  marks & 32 > 0 as is_complained,
  marks & 64 > 0 as is_unsubscribed
from messages
where sent_at is not null
