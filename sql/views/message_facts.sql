-- What became of every message: one row holds its whole life, in all media in one shape.
-- Bounced: at least one bounce; hard if one of them says HardBounce, else soft. Delivered: sent and not bounced.
-- Human opens and clicks are those that no rule of bot_rules takes for a machine's; a human click implies a human open.
-- Unsubscribed: an unsubscribe that names the message and a channel or message type; one that names only lists, or that
-- Iterable makes of a hard bounce or complaint, is no opt-out. Events of messages whose send is not in the warehouse are in
-- no row.
--
-- Grain: one message (message id) to one person
-- Key: medium, message_id, person
-- Optional: email_complaint
-- Refresh: message_id
-- Columns:
--   medium: email, push, in_app, sms, web_push, whatsapp, embedded or rcs
--   message_id: Iterable's id of the message
--   person: who received it: itblUserId, else userId, else the lower-case e-mail address
--   email: e-mail address of the person, in lower case
--   email_domain: what follows the @
--   mailbox_provider: Gmail, Microsoft, Yahoo, Apple, GMX/Web.de or other, by the domain
--   campaign_id: campaign that sent it
--   template_id: template that it was made from
--   message_type_id: message type
--   channel_id: channel
--   sent_at: when it was sent
--   copies: sends of the message to the person: 1, or the devices it went to
--   is_delivered: sent and not bounced
--   bounced_at: first bounce
--   bounce_kind: hard or soft; NULL where it did not bounce
--   bounce_status: status of the first bounce, such as 5.1.1
--   is_opened: opened, be it by a machine
--   opens: opens, those of machines included
--   first_open_at: first open
--   human_opens: opens of people
--   first_human_open_at: first open or click of a person
--   is_human_opened: opened or clicked by a person
--   is_clicked: clicked, be it by a machine
--   clicks: clicks, those of machines included
--   first_click_at: first click
--   is_human_clicked: clicked by a person
--   human_clicks: clicks of people
--   first_human_click_at: first click of a person
--   is_complained: its receiver complained
--   complained_at: first complaint
--   is_unsubscribed: its receiver unsubscribed from a channel or message type by it
--   unsubscribed_at: first unsubscribe from a channel or message type that names the message
--   seconds_to_open: seconds from the send to the first open or click of a person
--   seconds_to_click: seconds from the send to the first click of a person
--   device: Iterable's word for the device or program of a person's open or click; of several, the first in the alphabet
--   country: country of a person's open or click; of several, the first in the alphabet
with touched as (
  select
    medium,
    message_id,
    person,
    count(*) filter (where action = 'open') as opens,
    min(occurred_at) filter (where action = 'open') as first_open_at,
    count(*) filter (where action = 'open' and not is_machine) as human_opens,
    min(occurred_at) filter (where not is_machine) as first_human_open_at,
    count(*) filter (where action = 'click') as clicks,
    min(occurred_at) filter (where action = 'click') as first_click_at,
    count(*) filter (where action = 'click' and not is_machine) as human_clicks,
    min(occurred_at) filter (where action = 'click' and not is_machine) as first_human_click_at,
    min(device) filter (where not is_machine) as device,
    min(country) filter (where not is_machine) as country
  from {{marts.engagement_events}}
  where message_id is not null
  group by medium, message_id, person
),
complained as (
  select message_id, {{person(e)}} as person, min(created_at) as complained_at
  from {{streams.email_complaint}} as e
  group by 1, 2
),
unsubscribed as (
  select message_id, person, min(occurred_at) as unsubscribed_at
  from {{marts.opt_outs}}
  group by message_id, person
)
select
  s.medium,
  s.message_id,
  s.person,
  s.email,
  nullif(split_part(s.email, '@', 2), '') as email_domain,
  {{provider(nullif(split_part(s.email, '@', 2), ''))}} as mailbox_provider,
  s.campaign_id,
  s.template_id,
  s.message_type_id,
  s.channel_id,
  s.sent_at,
  s.copies,
  b.bounced_at is null as is_delivered,
  b.bounced_at,
  case when b.is_hard then 'hard' when b.bounced_at is not null then 'soft' end as bounce_kind,
  b.bounce_status,
  coalesce(t.opens, 0) > 0 as is_opened,
  coalesce(t.opens, 0) as opens,
  t.first_open_at,
  coalesce(t.human_opens, 0) as human_opens,
  t.first_human_open_at,
  t.first_human_open_at is not null as is_human_opened,
  coalesce(t.clicks, 0) > 0 as is_clicked,
  coalesce(t.clicks, 0) as clicks,
  t.first_click_at,
  coalesce(t.human_clicks, 0) > 0 as is_human_clicked,
  coalesce(t.human_clicks, 0) as human_clicks,
  t.first_human_click_at,
  c.complained_at is not null as is_complained,
  c.complained_at,
  u.unsubscribed_at is not null as is_unsubscribed,
  u.unsubscribed_at,
  {{seconds(s.sent_at, t.first_human_open_at)}} as seconds_to_open,
  {{seconds(s.sent_at, t.first_human_click_at)}} as seconds_to_click,
  t.device,
  t.country
from {{marts.sent_messages}} as s
  left join {{marts.message_bounces}} as b on b.medium = s.medium and b.message_id = s.message_id and b.person = s.person
  left join touched as t on t.medium = s.medium and t.message_id = s.message_id and t.person = s.person
  left join complained as c on s.medium = 'email' and c.message_id = s.message_id and c.person = s.person
  left join unsubscribed as u on s.medium = 'email' and u.message_id = s.message_id and u.person = s.person
