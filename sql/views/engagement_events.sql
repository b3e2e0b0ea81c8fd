-- Every open and click, in all media in one shape, with the rule that tells a machine from a person. A click of a
-- person implies that a person opened the message. What counts as opened: e-mail, push and in-app opens, WhatsApp seen.
--
-- Grain: one open or click
-- Key: none
-- Refresh: message_id
-- Columns:
--   medium: email, push, in_app, sms, web_push, whatsapp or embedded
--   action: open or click
--   occurred_at: when
--   message_id: Iterable's id of the message
--   person: itblUserId, else userId, else the lower-case e-mail address
--   campaign_id: campaign of the message
--   template_id: template of the message
--   url: what was clicked; NULL for opens
--   ip: address it came from
--   user_agent: program it came from
--   device: Iterable's word for the program or device
--   country: country of the address
--   proxy_source: image proxy that opened it, such as Gmail
--   seconds_after_send: seconds since the message was sent; NULL where the send is not in the warehouse
--   rule: the rule of bot_rules that takes it for a machine's; NULL for a person's
--   is_machine: true where a rule does
with timed as (
  select t.*, {{seconds(s.sent_at, t.occurred_at)}} as seconds_after_send
  from {{marts.judged_touches}} as t
    left join {{marts.sent_messages}} as s
      on s.medium = t.medium and s.message_id = t.message_id and s.person = t.person
),
judged as (
  select *,
    coalesce(
      flag_rule,
      case when seconds_after_send <= proxy_seconds then proxy_rule end,
      pattern_rule,
      case when seconds_after_send <= fast_seconds then fast_rule end,
      burst_rule
    ) as rule
  from timed
)
select
  medium,
  action,
  occurred_at,
  message_id,
  person,
  campaign_id,
  template_id,
  url,
  ip,
  user_agent,
  device,
  country,
  proxy_source,
  seconds_after_send,
  rule,
  rule is not null as is_machine
from judged
