-- Every send that was skipped, in all media in one shape, as Iterable tells it: what the figures of skips build upon.
--
-- Grain: one skipped send
-- Key: none
-- Optional: email_send_skip, push_send_skip, in_app_send_skip, sms_send_skip, web_push_send_skip, whatsapp_send_skip,
--   embedded_send_skip, rcs_send_skip
-- Columns:
--   medium: email, push, in_app, sms, web_push, whatsapp, embedded or rcs
--   message_id: Iterable's id of the message that was not sent
--   person: who would have received it: itblUserId, else userId, else the lower-case e-mail address
--   campaign_id: campaign that would have sent it
--   template_id: template that it would have been made from
--   reason: Iterable's word for why, such as FrequencyCapping; ExperimentHoldOut for the held-out group of an experiment
--   is_held_out: true for the held-out group of an experiment
--   skipped_at: when
with skips as (
  select 'email' as medium, message_id, {{person(s)}} as person, campaign_id, template_id, reason, created_at
  from {{streams.email_send_skip}} as s
  union all
  select 'push', message_id, {{person(s)}}, campaign_id, template_id, reason, created_at from {{streams.push_send_skip}} as s
  union all
  select 'in_app', message_id, {{person(s)}}, campaign_id, template_id, reason, created_at from {{streams.in_app_send_skip}} as s
  union all
  select 'sms', message_id, {{person(s)}}, campaign_id, template_id, reason, created_at from {{streams.sms_send_skip}} as s
  union all
  select 'web_push', message_id, {{person(s)}}, campaign_id, template_id, reason, created_at
  from {{streams.web_push_send_skip}} as s
  union all
  select 'whatsapp', message_id, {{person(s)}}, campaign_id, template_id, reason, created_at
  from {{streams.whatsapp_send_skip}} as s
  union all
  select 'embedded', message_id, {{person(s)}}, campaign_id, template_id, reason, created_at
  from {{streams.embedded_send_skip}} as s
  union all
  select 'rcs', message_id, {{person(s)}}, campaign_id, template_id, reason, created_at from {{streams.rcs_send_skip}} as s
)
select
  medium,
  message_id,
  person,
  campaign_id,
  template_id,
  reason,
  coalesce(reason = 'ExperimentHoldOut', false) as is_held_out,
  created_at as skipped_at
from skips
