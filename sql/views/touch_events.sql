-- Every open and click, in all media in one shape, as Iterable tells it. What counts as opened: e-mail, push and in-app
-- opens, WhatsApp seen. Look into engagement_events, which tells machines from people.
--
-- Grain: one open or click
-- Key: none
-- Optional: email_open, push_open, in_app_open, whatsapp_seen, email_click, in_app_click, sms_click, web_push_click,
--   whatsapp_click, embedded_click
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
--   is_bot: Iterable's own flag for a machine's; NULL where the event has none
select 'email' as medium, 'open' as action, created_at as occurred_at, message_id, {{person(e)}} as person, campaign_id, template_id,
  cast(null as text) as url, ip, user_agent, user_agent_device as device, country, proxy_source, is_bot
from {{streams.email_open}} as e
union all
select 'push', 'open', created_at, message_id, {{person(e)}}, campaign_id, template_id, null, null, null, null, null, null, null
from {{streams.push_open}} as e
union all
select 'in_app', 'open', created_at, message_id, {{person(e)}}, campaign_id, template_id, null, null, null, null, null, null, null
from {{streams.in_app_open}} as e
union all
select 'whatsapp', 'open', created_at, seen_message_id, {{person(e)}}, campaign_id, template_id, null, null, null, null, null, null, null
from {{streams.whatsapp_seen}} as e
union all
select 'email', 'click', created_at, message_id, {{person(e)}}, campaign_id, template_id, url, ip, user_agent,
  user_agent_device, country, null, is_bot
from {{streams.email_click}} as e
union all
select 'in_app', 'click', created_at, message_id, {{person(e)}}, campaign_id, template_id, clicked_url, null, null, null, null, null, null
from {{streams.in_app_click}} as e
union all
select 'sms', 'click', created_at, message_id, {{person(e)}}, campaign_id, template_id, clicked_url, null, null, null, null, null, is_bot
from {{streams.sms_click}} as e
union all
select 'web_push', 'click', created_at, message_id, {{person(e)}}, campaign_id, template_id, null, null, null, null, null, null, null
from {{streams.web_push_click}} as e
union all
select 'whatsapp', 'click', created_at, message_id, {{person(e)}}, campaign_id, template_id, clicked_url, null, user_agent,
  user_agent_device, null, null, null
from {{streams.whatsapp_click}} as e
union all
select 'embedded', 'click', created_at, message_id, {{person(e)}}, campaign_id, template_id, target_url, null, null, null, null, null, null
from {{streams.embedded_click}} as e
