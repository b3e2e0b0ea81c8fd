-- Every message that was sent, in all media in one shape: the base that the other views count on.
-- A message that was sent to several devices of one person is one message.
-- Person is itblUserId, else userId, else the lower-case e-mail address.
--
-- Grain: one message (message id) to one person
-- Key: medium, message_id, person
-- Refresh: message_id
-- Columns:
--   medium: email, push, in_app, sms, web_push, whatsapp, embedded or rcs
--   message_id: Iterable's id of the message
--   person: who received it: itblUserId, else userId, else the lower-case e-mail address
--   email: e-mail address of the person, in lower case; NULL for people who have none
--   campaign_id: campaign that sent it
--   template_id: template that it was made from (the variant, in an experiment)
--   message_type_id: message type
--   channel_id: channel
--   sent_at: when it was sent; the first time, where it went to several devices
--   copies: sends of the message to the person: 1, or the devices it went to
select
  medium,
  message_id,
  person,
  min(email) as email,
  min(campaign_id) as campaign_id,
  min(template_id) as template_id,
  min(message_type_id) as message_type_id,
  min(channel_id) as channel_id,
  min(sent_at) as sent_at,
  count(*) as copies
from {{marts.send_events}}
where message_id is not null
group by medium, message_id, person
