-- What only some types of events have. The same rows as in event.
--
-- Grain: one event
-- Key: _fivetran_id
-- Optional: campaigns, journeys
-- Columns:
--   _fivetran_id: the event, by all that the columns of event and event_extension say of it; equal events are numbered
--   _fivetran_synced: when the sync began that loaded the row
--   app_already_running: appAlreadyRunning of the event
--   badge: badge of the event
--   catalog_collection_count: catalogCollectionCount of the event
--   catalog_lookup_count: catalogLookupCount of the event
--   canonical_url_id: NULL unless the project's events have the field
--   content_available: contentAvailable of the event
--   content_id: contentId of the event
--   device: NULL unless the project's events have the field
--   email_id: NULL unless the project's events have the field
--   email_subject: NULL unless the project's events have the field
--   experiment_id: NULL unless the project's events have the field
--   from_phone_number_id: fromPhoneNumberId of the event
--   from_smssender_id: fromSMSSenderId of the event
--   link_id: NULL unless the project's events have the field
--   link_url: NULL unless the project's events have the field
--   locale: locale of the event
--   payload: JSON text
--   platform_endpoint: platformEndpoint of the event
--   push_message: pushMessage of the event
--   region: region of the event
--   sms_message: smsMessage of the event
--   to_phone_number: toPhoneNumber of the event
--   url: url of the event
--   workflow_id: journey of the event, else of its campaign
--   workflow_name: name of the journey, where the event has it or the stream journeys is replicated
--   city: city of the event
--   clicked_url: clickedUrl of the event
--   country: country of the event
--   error_code: errorCode of the event
--   expires_at: expiresAt of the event
--   from_phone_number: fromPhoneNumber of the event
--   in_app_body: inAppBody of the event
--   is_sms_estimation: isSmsEstimation of the event
--   labels: labels of the campaign, as a JSON list, in the order of the alphabet
--   message_status: messageStatus of the event
--   mms_send_count: mmsSendCount of the event
--   reason: reason of the event
--   sms_send_count: smsSendCount of the event
--   _fivetran_user_id: the person: _fivetran_id of user_history
with campaigns as materialized (
  select id, workflow_id,
    case
      when labels is not null
        then '[' || coalesce((
          select string_agg(cast(to_json(value) as varchar), ',' order by value) from {{elements(c.labels)}} as element
        ), '') || ']'
    end as labels
  from {{streams.campaigns}} as c
)
select
  case when e.occurrence = 1 then e.event_hash else e.event_hash || '-' || cast(e.occurrence as varchar) end as _fivetran_id,
  e._loaded_at as _fivetran_synced,
  e.app_already_running,
  e.badge,
  e.catalog_collection_count,
  e.catalog_lookup_count,
  e.canonical_url_id,
  e.content_available,
  e.content_id,
  e.device,
  e.email_id,
  e.email_subject,
  e.experiment_id,
  e.from_phone_number_id,
  e.from_sms_sender_id as from_smssender_id,
  e.link_id,
  e.link_url,
  e.locale,
  cast(e.payload as varchar) as payload,
  e.platform_endpoint,
  e.push_message,
  e.region,
  e.sms_message,
  e.to_phone_number,
  e.url,
  cast(coalesce(e.workflow_id, c.workflow_id) as varchar) as workflow_id,
  coalesce(e.workflow_name, j.name) as workflow_name,
  e.city,
  e.clicked_url,
  e.country,
  e.error_code,
  e.expires_at,
  e.from_phone_number,
  e.in_app_body,
  e.is_sms_estimation,
  c.labels,
  e.message_status,
  e.mms_send_count,
  e.reason,
  e.sms_send_count,
  {{sha256(coalesce(e.itbl_user_id, e.user_id, lower(e.email)))}} as _fivetran_user_id
from {{all_events}} as e
  left join campaigns as c on c.id = e.campaign_id
  left join {{streams.journeys}} as j on j.id = coalesce(e.workflow_id, c.workflow_id)
