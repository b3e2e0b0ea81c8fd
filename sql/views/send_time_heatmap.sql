-- When it is best to send: messages by the weekday and hour of their send, in UTC or in the time zone of the
-- configuration (marts.timezone), and what became of them. Hours of few messages swing: compare the rates where delivered
-- is large. Rates are fractions, NULL where delivered is 0. What nobody tells is NULL, as in campaign_performance.
--
-- Grain: one medium, weekday and hour of sending
-- Key: medium, weekday, hour
-- Optional: email_open, push_open, in_app_open, whatsapp_seen, email_click, in_app_click, sms_click, web_push_click,
--   whatsapp_click, embedded_click
-- Columns:
--   medium: email, push, in_app, sms, web_push, whatsapp, embedded or rcs
--   weekday: 1 Monday to 7 Sunday
--   hour: 0 to 23
--   sent: messages
--   delivered: messages that did not bounce
--   human_opened: delivered messages that a person opened or clicked
--   human_clicked: delivered messages that a person clicked
--   human_open_rate: human_opened ÷ delivered
--   human_click_rate: human_clicked ÷ delivered
--   median_seconds_to_open: half of the messages that people opened were opened within so many seconds
with counted as (
  select
    medium,
    cast(extract(isodow from sent_at at time zone {{setting.timezone}}) as bigint) as weekday,
    cast(extract(hour from sent_at at time zone {{setting.timezone}}) as bigint) as hour,
    count(*) as sent,
    count(*) filter (where is_delivered) as delivered,
    count(*) filter (where is_delivered and first_human_open_at is not null) as human_opened,
    count(*) filter (where is_delivered and first_human_click_at is not null) as human_clicked,
    percentile_cont(0.5) within group (order by {{seconds(sent_at, first_human_open_at)}})
      filter (where is_delivered and first_human_open_at is not null) as median_seconds_to_open
  from {{marts.message_times}}
  group by 1, 2, 3
),
hours as (
  select
    medium,
    weekday,
    hour,
    sent,
    delivered,
    case when {{told(medium, opens)}} then human_opened end as human_opened,
    case when {{told(medium, clicks)}} then human_clicked end as human_clicked,
    case when {{told(medium, opens)}} then median_seconds_to_open end as median_seconds_to_open
  from counted
)
select
  medium,
  weekday,
  hour,
  sent,
  delivered,
  human_opened,
  human_clicked,
  {{rate(human_opened, delivered)}} as human_open_rate,
  {{rate(human_clicked, delivered)}} as human_click_rate,
  median_seconds_to_open
from hours
