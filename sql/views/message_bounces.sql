-- The messages that bounced, in all media in one shape, each once, however often it bounced.
--
-- Grain: one message (message id) to one person that bounced
-- Key: medium, message_id, person
-- Optional: email_bounce, push_bounce, sms_bounce, whatsapp_bounce
-- Refresh: message_id
-- Columns:
--   medium: email, push, sms or whatsapp
--   message_id: Iterable's id of the message
--   person: itblUserId, else userId, else the lower-case e-mail address
--   bounced_at: first bounce
--   is_hard: true where one of its bounces says HardBounce
--   bounce_status: status of the first bounce, such as 5.1.1
with bounces as (
  select 'email' as medium, message_id, {{person(e)}} as person, created_at, status,
    coalesce(recipient_state = 'HardBounce', false) as is_hard
  from {{streams.email_bounce}} as e
  union all
  select 'push', message_id, {{person(e)}}, created_at, null, false from {{streams.push_bounce}} as e
  union all
  select 'sms', message_id, {{person(e)}}, created_at, null, false from {{streams.sms_bounce}} as e
  union all
  select 'whatsapp', message_id, {{person(e)}}, created_at, error_code, false from {{streams.whatsapp_bounce}} as e
)
select
  medium,
  message_id,
  person,
  min(created_at) as bounced_at,
  bool_or(is_hard) as is_hard,
  (array_agg(status order by created_at, status))[1] as bounce_status
from bounces
where message_id is not null
group by medium, message_id, person
