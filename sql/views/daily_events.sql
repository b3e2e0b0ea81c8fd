-- The heartbeat of the project: how many events of each type every UTC day had, with a flag for days that look
-- incomplete. A day is compared with the median of the same weekday in the eight weeks before it. Days go on to the newest
-- day of all streams, so that one that falls silent is flagged; the newest day may still run, and is not.
--
-- Grain: one event stream and UTC day, from its first day with an event to the newest day of all streams
-- Key: stream, day
-- Optional: custom_event, email_bounce, email_click, email_complaint, email_open, email_send, email_send_skip,
--   email_subscribe, email_unsubscribe, embedded_click, embedded_impression, embedded_received, embedded_send,
--   embedded_send_skip, embedded_session, hosted_unsubscribe_click, in_app_click, in_app_close, in_app_delete,
--   in_app_delivery, in_app_open, in_app_recall, in_app_send, in_app_send_skip, inbox_message_impression,
--   inbox_session, journey_exit, purchase, push_bounce, push_open, push_send, push_send_skip, push_uninstall,
--   rcs_send, rcs_send_skip, sms_bounce, sms_click, sms_received, sms_send, sms_send_skip, sms_usage_info,
--   unknown_session, web_push_click, web_push_send, web_push_send_skip, whatsapp_bounce, whatsapp_click,
--   whatsapp_received, whatsapp_seen, whatsapp_send, whatsapp_send_skip, whatsapp_usage_info
-- Columns:
--   stream: event stream, by its table's name
--   day: UTC day
--   events: events of the day; 0 where there was none
--   usual_events: median of the same weekday in the eight weeks before; NULL with fewer than three such days
--   looks_incomplete: true where there were fewer than half of usual_events on a day before the newest
with counts as (
  select 'custom_event' as stream, {{day(created_at)}} as day, count(*) as events from {{streams.custom_event}} as e group by 2
  union all
  select 'email_bounce', {{day(created_at)}}, count(*) from {{streams.email_bounce}} as e group by 2
  union all
  select 'email_click', {{day(created_at)}}, count(*) from {{streams.email_click}} as e group by 2
  union all
  select 'email_complaint', {{day(created_at)}}, count(*) from {{streams.email_complaint}} as e group by 2
  union all
  select 'email_open', {{day(created_at)}}, count(*) from {{streams.email_open}} as e group by 2
  union all
  select 'email_send', {{day(created_at)}}, count(*) from {{streams.email_send}} as e group by 2
  union all
  select 'email_send_skip', {{day(created_at)}}, count(*) from {{streams.email_send_skip}} as e group by 2
  union all
  select 'email_subscribe', {{day(created_at)}}, count(*) from {{streams.email_subscribe}} as e group by 2
  union all
  select 'email_unsubscribe', {{day(created_at)}}, count(*) from {{streams.email_unsubscribe}} as e group by 2
  union all
  select 'embedded_click', {{day(created_at)}}, count(*) from {{streams.embedded_click}} as e group by 2
  union all
  select 'embedded_impression', {{day(created_at)}}, count(*) from {{streams.embedded_impression}} as e group by 2
  union all
  select 'embedded_received', {{day(created_at)}}, count(*) from {{streams.embedded_received}} as e group by 2
  union all
  select 'embedded_send', {{day(created_at)}}, count(*) from {{streams.embedded_send}} as e group by 2
  union all
  select 'embedded_send_skip', {{day(created_at)}}, count(*) from {{streams.embedded_send_skip}} as e group by 2
  union all
  select 'embedded_session', {{day(created_at)}}, count(*) from {{streams.embedded_session}} as e group by 2
  union all
  select 'hosted_unsubscribe_click', {{day(created_at)}}, count(*) from {{streams.hosted_unsubscribe_click}} as e group by 2
  union all
  select 'in_app_click', {{day(created_at)}}, count(*) from {{streams.in_app_click}} as e group by 2
  union all
  select 'in_app_close', {{day(created_at)}}, count(*) from {{streams.in_app_close}} as e group by 2
  union all
  select 'in_app_delete', {{day(created_at)}}, count(*) from {{streams.in_app_delete}} as e group by 2
  union all
  select 'in_app_delivery', {{day(created_at)}}, count(*) from {{streams.in_app_delivery}} as e group by 2
  union all
  select 'in_app_open', {{day(created_at)}}, count(*) from {{streams.in_app_open}} as e group by 2
  union all
  select 'in_app_recall', {{day(created_at)}}, count(*) from {{streams.in_app_recall}} as e group by 2
  union all
  select 'in_app_send', {{day(created_at)}}, count(*) from {{streams.in_app_send}} as e group by 2
  union all
  select 'in_app_send_skip', {{day(created_at)}}, count(*) from {{streams.in_app_send_skip}} as e group by 2
  union all
  select 'inbox_message_impression', {{day(created_at)}}, count(*) from {{streams.inbox_message_impression}} as e group by 2
  union all
  select 'inbox_session', {{day(created_at)}}, count(*) from {{streams.inbox_session}} as e group by 2
  union all
  select 'journey_exit', {{day(created_at)}}, count(*) from {{streams.journey_exit}} as e group by 2
  union all
  select 'purchase', {{day(created_at)}}, count(*) from {{streams.purchase}} as e group by 2
  union all
  select 'push_bounce', {{day(created_at)}}, count(*) from {{streams.push_bounce}} as e group by 2
  union all
  select 'push_open', {{day(created_at)}}, count(*) from {{streams.push_open}} as e group by 2
  union all
  select 'push_send', {{day(created_at)}}, count(*) from {{streams.push_send}} as e group by 2
  union all
  select 'push_send_skip', {{day(created_at)}}, count(*) from {{streams.push_send_skip}} as e group by 2
  union all
  select 'push_uninstall', {{day(created_at)}}, count(*) from {{streams.push_uninstall}} as e group by 2
  union all
  select 'rcs_send', {{day(created_at)}}, count(*) from {{streams.rcs_send}} as e group by 2
  union all
  select 'rcs_send_skip', {{day(created_at)}}, count(*) from {{streams.rcs_send_skip}} as e group by 2
  union all
  select 'sms_bounce', {{day(created_at)}}, count(*) from {{streams.sms_bounce}} as e group by 2
  union all
  select 'sms_click', {{day(created_at)}}, count(*) from {{streams.sms_click}} as e group by 2
  union all
  select 'sms_received', {{day(created_at)}}, count(*) from {{streams.sms_received}} as e group by 2
  union all
  select 'sms_send', {{day(created_at)}}, count(*) from {{streams.sms_send}} as e group by 2
  union all
  select 'sms_send_skip', {{day(created_at)}}, count(*) from {{streams.sms_send_skip}} as e group by 2
  union all
  select 'sms_usage_info', {{day(created_at)}}, count(*) from {{streams.sms_usage_info}} as e group by 2
  union all
  select 'unknown_session', {{day(created_at)}}, count(*) from {{streams.unknown_session}} as e group by 2
  union all
  select 'web_push_click', {{day(created_at)}}, count(*) from {{streams.web_push_click}} as e group by 2
  union all
  select 'web_push_send', {{day(created_at)}}, count(*) from {{streams.web_push_send}} as e group by 2
  union all
  select 'web_push_send_skip', {{day(created_at)}}, count(*) from {{streams.web_push_send_skip}} as e group by 2
  union all
  select 'whatsapp_bounce', {{day(created_at)}}, count(*) from {{streams.whatsapp_bounce}} as e group by 2
  union all
  select 'whatsapp_click', {{day(created_at)}}, count(*) from {{streams.whatsapp_click}} as e group by 2
  union all
  select 'whatsapp_received', {{day(created_at)}}, count(*) from {{streams.whatsapp_received}} as e group by 2
  union all
  select 'whatsapp_seen', {{day(created_at)}}, count(*) from {{streams.whatsapp_seen}} as e group by 2
  union all
  select 'whatsapp_send', {{day(created_at)}}, count(*) from {{streams.whatsapp_send}} as e group by 2
  union all
  select 'whatsapp_send_skip', {{day(created_at)}}, count(*) from {{streams.whatsapp_send_skip}} as e group by 2
  union all
  select 'whatsapp_usage_info', {{day(created_at)}}, count(*) from {{streams.whatsapp_usage_info}} as e group by 2
),
spans as (
  select stream, min(day) as first_day, max(day) as last_day from counts where day is not null group by stream
),
newest as (
  select max(last_day) as newest_day from spans
),
calendar as (
  select stream, cast({{days(first_day, newest_day)}} as date) as day
  from spans
    cross join newest
),
daily as (
  select calendar.stream, calendar.day, coalesce(counts.events, 0) as events
  from calendar
    left join counts on counts.stream = calendar.stream and counts.day = calendar.day
),
usual as (
  select today.stream, today.day, percentile_cont(0.5) within group (order by earlier.events) as usual_events
  from daily as today
    join daily as earlier on earlier.stream = today.stream and earlier.day < today.day
      and earlier.day >= today.day - interval '56 days'
      and extract(isodow from earlier.day) = extract(isodow from today.day)
  group by today.stream, today.day
  having count(*) >= 3
)
select
  daily.stream,
  daily.day,
  daily.events,
  usual.usual_events,
  coalesce(daily.events < 0.5 * usual.usual_events, false) and daily.day < newest.newest_day as looks_incomplete
from daily
  cross join newest
  left join usual on usual.stream = daily.stream and usual.day = daily.day
