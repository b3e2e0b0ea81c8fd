-- Which mailbox provider takes our mail, and which does not: the e-mail of each day by provider. All counts are of the
-- messages sent that day, whenever they bounced, so that the rates of a day compare like with like.
-- Rates are fractions, NULL where the denominator is 0. Counts and rates of bounces, complaints and opens are NULL where their
-- stream is not replicated. Those of 7 days are of the messages of the day and the six before it (their sums, not the mean of
-- their rates). Few messages make rates that jump: look at the counts beside an alert.
--
-- Grain: one UTC day of sending and mailbox provider
-- Key: day, mailbox_provider
-- Optional: email_bounce, email_complaint, email_open
-- Columns:
--   day: UTC day of the send
--   mailbox_provider: Gmail, Microsoft, Yahoo, Apple, GMX/Web.de or other; unknown where the person has no address
--   sent: messages
--   delivered: messages that did not bounce
--   hard_bounced: messages that bounced hard
--   soft_bounced: messages that bounced, none of it hard
--   policy_bounced: messages whose first bounce has a status of class 5.7 or 4.7: refused by policy, such as blocking
--   full_bounced: messages whose first bounce has the status 5.2.2 or 4.2.2: the mailbox is full
--   complained: delivered messages with a complaint
--   human_opened: delivered messages that a person opened or clicked
--   delivery_rate: delivered ÷ sent; NULL where bounces are not told
--   bounce_rate: bounced ÷ sent
--   hard_bounce_rate: hard_bounced ÷ sent
--   soft_bounce_rate: soft_bounced ÷ sent
--   complaint_rate: complained ÷ delivered
--   human_open_rate: human_opened ÷ delivered
--   complaint_alert: warning where complaint_rate is above 0.001, critical from 0.003 on; NULL below
--   delivery_rate_7_days: delivery_rate of 7 days
--   bounce_rate_7_days: bounce_rate of 7 days
--   hard_bounce_rate_7_days: hard_bounce_rate of 7 days
--   soft_bounce_rate_7_days: soft_bounce_rate of 7 days
--   complaint_rate_7_days: complaint_rate of 7 days
--   human_open_rate_7_days: human_open_rate of 7 days
--   human_open_rate_28_days: human_open_rate of the 28 days before the day
--   open_drop: true where human_open_rate is below half of human_open_rate_28_days, a sign of the spam folder; NULL where
--     either is not known
with days as (
  select
    {{day(sent_at)}} as day,
    coalesce(mailbox_provider, 'unknown') as mailbox_provider,
    count(*) as sent,
    count(*) filter (where is_delivered) as delivered,
    case when {{has.email_bounce}} then count(*) filter (where bounce_kind = 'hard') end as hard_bounced,
    case when {{has.email_bounce}} then count(*) filter (where bounce_kind = 'soft') end as soft_bounced,
    case when {{has.email_bounce}}
      then count(*) filter (where bounce_status like '5.7.%' or bounce_status like '4.7.%') end as policy_bounced,
    case when {{has.email_bounce}} then count(*) filter (where bounce_status in ('5.2.2', '4.2.2')) end as full_bounced,
    case when {{has.email_complaint}} then count(*) filter (where is_complained and is_delivered) end as complained,
    case when {{has.email_open}} then count(*) filter (where is_human_opened and is_delivered) end as human_opened
  from {{marts.message_outcomes}}
  where medium = 'email'
  group by 1, 2
),
spans as (
  select *,
    sum(sent) over week as sent_7_days,
    sum(delivered) over week as delivered_7_days,
    sum(hard_bounced) over week as hard_bounced_7_days,
    sum(soft_bounced) over week as soft_bounced_7_days,
    sum(complained) over week as complained_7_days,
    sum(human_opened) over week as human_opened_7_days,
    {{rate(sum(human_opened) over four_weeks, sum(delivered) over four_weeks)}} as human_open_rate_28_days
  from days
  window
    week as (partition by mailbox_provider order by day range between interval '6 days' preceding and current row),
    four_weeks as (
      partition by mailbox_provider order by day
      range between interval '28 days' preceding and interval '1 day' preceding
    )
)
select
  day,
  mailbox_provider,
  sent,
  delivered,
  hard_bounced,
  soft_bounced,
  policy_bounced,
  full_bounced,
  complained,
  human_opened,
  {{rate(sent - hard_bounced - soft_bounced, sent)}} as delivery_rate,
  {{rate(hard_bounced + soft_bounced, sent)}} as bounce_rate,
  {{rate(hard_bounced, sent)}} as hard_bounce_rate,
  {{rate(soft_bounced, sent)}} as soft_bounce_rate,
  {{rate(complained, delivered)}} as complaint_rate,
  {{rate(human_opened, delivered)}} as human_open_rate,
  case
    when {{rate(complained, delivered)}} >= 0.003 then 'critical'
    when {{rate(complained, delivered)}} > 0.001 then 'warning'
  end as complaint_alert,
  {{rate(sent_7_days - hard_bounced_7_days - soft_bounced_7_days, sent_7_days)}} as delivery_rate_7_days,
  {{rate(hard_bounced_7_days + soft_bounced_7_days, sent_7_days)}} as bounce_rate_7_days,
  {{rate(hard_bounced_7_days, sent_7_days)}} as hard_bounce_rate_7_days,
  {{rate(soft_bounced_7_days, sent_7_days)}} as soft_bounce_rate_7_days,
  {{rate(complained_7_days, delivered_7_days)}} as complaint_rate_7_days,
  {{rate(human_opened_7_days, delivered_7_days)}} as human_open_rate_7_days,
  human_open_rate_28_days,
  {{rate(human_opened, delivered)}} < 0.5 * human_open_rate_28_days as open_drop
from spans
