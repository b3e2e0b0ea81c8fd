-- Every send, in all media in one shape, as Iterable tells it: a message to several devices of a person has a row for each.
-- Count messages by sent_messages or message_outcomes, which build upon it.
--
-- Grain: one send
-- Key: none
-- Optional: email_send, push_send, in_app_send, sms_send, web_push_send, whatsapp_send, embedded_send, rcs_send
-- Refresh: message_id
-- Columns:
--   medium: email, push, in_app, sms, web_push, whatsapp, embedded or rcs
--   message_id: Iterable's id of the message
--   person: who received it: itblUserId, else userId, else the lower-case e-mail address
--   email: e-mail address of the person, in lower case; NULL for people who have none
--   campaign_id: campaign that sent it
--   template_id: template that it was made from
--   message_type_id: message type
--   channel_id: channel
--   sent_at: when
select 'email' as medium, message_id, {{person(s)}} as person, lower(email) as email,
  campaign_id, template_id, message_type_id, channel_id, created_at as sent_at
from {{streams.email_send}} as s
union all
select 'push', message_id, {{person(s)}}, lower(email), campaign_id, template_id, message_type_id, channel_id, created_at
from {{streams.push_send}} as s
union all
select 'in_app', message_id, {{person(s)}}, lower(email), campaign_id, template_id, message_type_id, channel_id, created_at
from {{streams.in_app_send}} as s
union all
select 'sms', message_id, {{person(s)}}, lower(email), campaign_id, template_id, message_type_id, channel_id, created_at
from {{streams.sms_send}} as s
union all
select 'web_push', message_id, {{person(s)}}, lower(email), campaign_id, template_id, message_type_id, channel_id, created_at
from {{streams.web_push_send}} as s
union all
select 'whatsapp', message_id, {{person(s)}}, lower(email), campaign_id, template_id, message_type_id, channel_id, created_at
from {{streams.whatsapp_send}} as s
union all
select 'embedded', message_id, {{person(s)}}, lower(email), campaign_id, template_id, message_type_id, channel_id, created_at
from {{streams.embedded_send}} as s
union all
select 'rcs', message_id, {{person(s)}}, lower(email), campaign_id, template_id, message_type_id, channel_id, created_at
from {{streams.rcs_send}} as s
