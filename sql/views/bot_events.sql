-- The opens and clicks that machines made (privacy proxies, prefetchers, security scanners), each with the rule that
-- caught it; the rules are in bot_rules.
--
-- Grain: one open or click that a rule of bot_rules takes for a machine's
-- Key: none
-- Columns:
--   rule: the rule of bot_rules that caught it
--   medium: email, sms or whatsapp; the events of other media say nothing of machines
--   action: open or click
--   occurred_at: when
--   message_id: Iterable's id of the message
--   person: itblUserId, else userId, else the lower-case e-mail address
--   campaign_id: campaign of the message
--   url: what was clicked; NULL for opens
--   ip: address it came from
--   user_agent: program it came from
--   proxy_source: image proxy that opened it
--   seconds_after_send: seconds since the message was sent; NULL where the send is not in the warehouse
select
  rule,
  medium,
  action,
  occurred_at,
  message_id,
  person,
  campaign_id,
  url,
  ip,
  user_agent,
  proxy_source,
  seconds_after_send
from {{marts.engagement_events}}
where is_machine
