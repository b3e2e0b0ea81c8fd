-- Events of all types that are replicated. Each is a row, also where equal ones happened: nothing collapses.
--
-- Grain: one event
-- Key: _fivetran_id
-- Columns:
--   _fivetran_id: the event, by all that the columns of event and event_extension say of it; equal events are numbered
--   _fivetran_user_id: the person: _fivetran_id of user_history
--   _fivetran_synced: when the sync began that loaded the row
--   campaign_id: campaign
--   content_id: content that was shown
--   created_at: when it happened
--   email: e-mail address
--   event_name: type of the event in Iterable's spelling
--   message_bus_id: id of the message within Iterable's bus
--   message_id: message
--   message_type_id: message type
--   recipient_state: such as HardBounce
--   status: what the receiving server answered
--   unsub_source: where the person unsubscribed
--   user_agent: program that made the request
--   user_agent_device: device of that program
--   transactional_data: data that the message was rendered with, as JSON text
--   additional_properties: of custom events an object with their eventName; else NULL: further fields are in iterable_views
select
  case when e.occurrence = 1 then e.event_hash else e.event_hash || '-' || cast(e.occurrence as varchar) end as _fivetran_id,
  {{sha256(coalesce(e.itbl_user_id, e.user_id, lower(e.email)))}} as _fivetran_user_id,
  e._loaded_at as _fivetran_synced,
  e.campaign_id,
  e.content_id,
  e.created_at,
  e.email,
  e.data_type as event_name,
  e.message_bus_id,
  e.message_id,
  e.message_type_id,
  e.recipient_state,
  e.status,
  e.unsub_source,
  e.user_agent,
  e.user_agent_device,
  cast(e.transactional_data as varchar) as transactional_data,
  case when e.data_type = 'customEvent' and e.event_name is not null then '{"eventName":' || cast(to_json(e.event_name) as varchar) || '}' end as additional_properties
from {{all_events}} as e
