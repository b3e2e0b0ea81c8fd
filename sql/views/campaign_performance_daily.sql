-- Each campaign by UTC day, in two ways. Plain counts are of what happened on the day: a message counts as opened on the day
-- of its first open, as clicked on that of its first click, and so on, so that the days of a campaign add up to its counts
-- in campaign_performance. A message counts as sent and delivered on the day of its send, a purchase on its own day.
-- Counts that end in _of_sent are of the messages that were sent on the day, whatever became of them later. Rates are of
-- these, so that each has its denominator (sent, delivered, opened_or_clicked_of_sent or human_opened_of_sent) in its row and
-- lies between 0 and 1: what is opened today was mostly delivered on other days. They still move while the messages are
-- young, and so do those that end in hours, which tell how fast a campaign is answered, until the last message of the day
-- is so old. Rates are fractions, NULL where the denominator is 0. NULL is what nobody tells, as in campaign_performance.
--
-- Grain: one campaign and UTC day on which something happened
-- Key: campaign_id, day
-- Optional: purchase, email_bounce, push_bounce, sms_bounce, whatsapp_bounce, email_open, push_open, in_app_open,
--   whatsapp_seen, email_click, in_app_click, sms_click, web_push_click, whatsapp_click, embedded_click, email_complaint,
--   email_unsubscribe
-- Columns:
--   campaign_id: Iterable's id of the campaign
--   day: UTC day
--   sent: messages sent that day
--   delivered: of those, messages that did not bounce, then or later
--   bounced: messages that bounced first on that day
--   hard_bounced: of those, messages that bounced hard, then or later
--   soft_bounced: the others
--   opened: delivered messages that were first opened that day, by machines included
--   human_opened: delivered messages that a person first opened or clicked that day
--   clicked: delivered messages that were first clicked that day, by machines included
--   human_clicked: delivered messages that a person first clicked that day
--   complained: delivered messages with their first complaint that day
--   unsubscribed: delivered messages with their first unsubscribe from a channel or message type that day
--   skipped: sends that were skipped that day for any reason but a held-out group
--   held_out: sends that were skipped that day for the held-out group of an experiment
--   orders: purchases of the day that name the campaign themselves
--   revenue: their total
--   click_orders: purchases of the day within the window after a human click, that of this campaign being the last
--   click_revenue: their total
--   hard_bounced_of_sent: messages sent that day that bounced hard
--   soft_bounced_of_sent: messages sent that day that bounced, none of it hard
--   opened_of_sent: delivered messages sent that day with an open, those of machines included
--   human_opened_of_sent: delivered messages sent that day that a person opened or clicked
--   clicked_of_sent: delivered messages sent that day with a click, those of machines included
--   human_clicked_of_sent: delivered messages sent that day that a person clicked
--   opened_or_clicked_of_sent: delivered messages sent that day with an open or a click
--   complained_of_sent: delivered messages sent that day with a complaint
--   unsubscribed_of_sent: delivered messages sent that day with an unsubscribe from a channel or message type
--   delivery_rate: delivered ÷ sent; NULL where bounces are not told
--   bounce_rate: (hard_bounced_of_sent + soft_bounced_of_sent) ÷ sent
--   hard_bounce_rate: hard_bounced_of_sent ÷ sent
--   soft_bounce_rate: soft_bounced_of_sent ÷ sent
--   open_rate: opened_of_sent ÷ delivered
--   human_open_rate: human_opened_of_sent ÷ delivered
--   click_rate: clicked_of_sent ÷ delivered
--   human_click_rate: human_clicked_of_sent ÷ delivered
--   click_to_open_rate: clicked_of_sent ÷ opened_or_clicked_of_sent, as Iterable defines it
--   human_click_to_open_rate: human_clicked_of_sent ÷ human_opened_of_sent
--   complaint_rate: complained_of_sent ÷ delivered
--   complaint_alert: warning where complaint_rate is above 0.001, critical from 0.003 on; NULL below
--   unsubscribe_rate: unsubscribed_of_sent ÷ delivered
--   human_open_rate_1_hour: messages that a person opened or clicked within an hour of their send ÷ delivered
--   human_open_rate_24_hours: the same within 24 hours
--   human_open_rate_72_hours: the same within 72 hours
--   human_click_rate_1_hour: messages that a person clicked within an hour of their send ÷ delivered
--   human_click_rate_24_hours: the same within 24 hours
--   human_click_rate_72_hours: the same within 72 hours
with messages as (
  select campaign_id, medium, sent_at, is_delivered, bounced_at, bounce_kind, first_open_at, first_human_open_at, first_click_at,
    first_human_click_at, complained_at, unsubscribed_at
  from {{marts.message_times}}
  where campaign_id is not null
),
sends as (
  select
    campaign_id,
    {{day(sent_at)}} as day,
    min(medium) as medium,
    count(*) as sent,
    count(*) filter (where is_delivered) as delivered,
    count(*) filter (where bounce_kind = 'hard') as hard_bounced,
    count(*) filter (where bounce_kind = 'soft') as soft_bounced,
    count(*) filter (where is_delivered and first_open_at is not null) as opened,
    count(*) filter (where is_delivered and first_human_open_at is not null) as human_opened,
    count(*) filter (where is_delivered and first_click_at is not null) as clicked,
    count(*) filter (where is_delivered and first_human_click_at is not null) as human_clicked,
    count(*) filter (where is_delivered and (first_open_at is not null or first_click_at is not null)) as opened_or_clicked,
    count(*) filter (where is_delivered and complained_at is not null) as complained,
    count(*) filter (where is_delivered and unsubscribed_at is not null) as unsubscribed,
    count(*) filter (where is_delivered and first_human_open_at <= sent_at + interval '1 hour') as opened_1_hour,
    count(*) filter (where is_delivered and first_human_open_at <= sent_at + interval '24 hours') as opened_24_hours,
    count(*) filter (where is_delivered and first_human_open_at <= sent_at + interval '72 hours') as opened_72_hours,
    count(*) filter (where is_delivered and first_human_click_at <= sent_at + interval '1 hour') as clicked_1_hour,
    count(*) filter (where is_delivered and first_human_click_at <= sent_at + interval '24 hours') as clicked_24_hours,
    count(*) filter (where is_delivered and first_human_click_at <= sent_at + interval '72 hours') as clicked_72_hours
  from messages
  group by 1, 2
),
counts as (
  select campaign_id, {{day(bounced_at)}} as day, bounce_kind as what, count(*) as count
  from messages where bounced_at is not null group by 1, 2, 3
  union all
  select campaign_id, {{day(first_open_at)}}, 'opened', count(*)
  from messages where is_delivered and first_open_at is not null group by 1, 2
  union all
  select campaign_id, {{day(first_human_open_at)}}, 'human_opened', count(*)
  from messages where is_delivered and first_human_open_at is not null group by 1, 2
  union all
  select campaign_id, {{day(first_click_at)}}, 'clicked', count(*)
  from messages where is_delivered and first_click_at is not null group by 1, 2
  union all
  select campaign_id, {{day(first_human_click_at)}}, 'human_clicked', count(*)
  from messages where is_delivered and first_human_click_at is not null group by 1, 2
  union all
  select campaign_id, {{day(complained_at)}}, 'complained', count(*)
  from messages where is_delivered and complained_at is not null group by 1, 2
  union all
  select campaign_id, {{day(unsubscribed_at)}}, 'unsubscribed', count(*)
  from messages where is_delivered and unsubscribed_at is not null group by 1, 2
  union all
  select campaign_id, {{day(skipped_at)}}, case when is_held_out then 'held_out' else 'skipped' end, count(*)
  from {{marts.skip_events}} where campaign_id is not null group by 1, 2, 3
),
purchases as (
  select explicit_campaign_id, click_campaign_id, purchased_at, total from {{marts.purchase_attribution}}
),
revenues as (
  select explicit_campaign_id as campaign_id, {{day(purchased_at)}} as day, 'explicit' as model, total
  from purchases
  where explicit_campaign_id is not null
  union all
  select click_campaign_id, {{day(purchased_at)}}, 'click', total
  from purchases
  where click_campaign_id is not null
),
days as (
  select campaign_id, day from sends
  union
  select campaign_id, day from counts
  union
  select campaign_id, day from revenues
),
happened as (
  select
    campaign_id,
    day,
    cast(sum(count) filter (where what in ('hard', 'soft')) as bigint) as bounced,
    cast(sum(count) filter (where what = 'hard') as bigint) as hard_bounced,
    cast(sum(count) filter (where what = 'soft') as bigint) as soft_bounced,
    cast(sum(count) filter (where what = 'opened') as bigint) as opened,
    cast(sum(count) filter (where what = 'human_opened') as bigint) as human_opened,
    cast(sum(count) filter (where what = 'clicked') as bigint) as clicked,
    cast(sum(count) filter (where what = 'human_clicked') as bigint) as human_clicked,
    cast(sum(count) filter (where what = 'complained') as bigint) as complained,
    cast(sum(count) filter (where what = 'unsubscribed') as bigint) as unsubscribed,
    cast(sum(count) filter (where what = 'skipped') as bigint) as skipped,
    cast(sum(count) filter (where what = 'held_out') as bigint) as held_out
  from counts
  group by campaign_id, day
),
media as (
  select campaign_id, min(medium) as medium from sends group by campaign_id
),
earned as (
  select
    campaign_id,
    day,
    count(*) filter (where model = 'explicit') as orders,
    sum(total) filter (where model = 'explicit') as revenue,
    count(*) filter (where model = 'click') as click_orders,
    sum(total) filter (where model = 'click') as click_revenue
  from revenues
  group by campaign_id, day
),
told as (
  select
    days.campaign_id,
    days.day,
    coalesce(s.sent, 0) as sent,
    coalesce(s.delivered, 0) as delivered,
    case when {{told(m.medium, bounces)}} then coalesce(h.bounced, 0) end as bounced,
    case when {{told(m.medium, bounces)}} then coalesce(h.hard_bounced, 0) end as hard_bounced,
    case when {{told(m.medium, bounces)}} then coalesce(h.soft_bounced, 0) end as soft_bounced,
    case when {{told(m.medium, opens)}} then coalesce(h.opened, 0) end as opened,
    case when {{told(m.medium, opens)}} then coalesce(h.human_opened, 0) end as human_opened,
    case when {{told(m.medium, clicks)}} then coalesce(h.clicked, 0) end as clicked,
    case when {{told(m.medium, clicks)}} then coalesce(h.human_clicked, 0) end as human_clicked,
    case when {{told(m.medium, complaints)}} then coalesce(h.complained, 0) end as complained,
    case when {{told(m.medium, unsubscribes)}} then coalesce(h.unsubscribed, 0) end as unsubscribed,
    coalesce(h.skipped, 0) as skipped,
    coalesce(h.held_out, 0) as held_out,
    case when {{has.purchase}} then coalesce(e.orders, 0) end as orders,
    case when {{has.purchase}} then coalesce(e.revenue, 0) end as revenue,
    case when {{has.purchase}} then coalesce(e.click_orders, 0) end as click_orders,
    case when {{has.purchase}} then coalesce(e.click_revenue, 0) end as click_revenue,
    case when {{told(m.medium, bounces)}} then coalesce(s.hard_bounced, 0) end as hard_bounced_of_sent,
    case when {{told(m.medium, bounces)}} then coalesce(s.soft_bounced, 0) end as soft_bounced_of_sent,
    case when {{told(m.medium, opens)}} then coalesce(s.opened, 0) end as opened_of_sent,
    case when {{told(m.medium, opens)}} then coalesce(s.human_opened, 0) end as human_opened_of_sent,
    case when {{told(m.medium, clicks)}} then coalesce(s.clicked, 0) end as clicked_of_sent,
    case when {{told(m.medium, clicks)}} then coalesce(s.human_clicked, 0) end as human_clicked_of_sent,
    case when {{told(m.medium, opens)}} and {{told(m.medium, clicks)}} then coalesce(s.opened_or_clicked, 0) end
      as opened_or_clicked_of_sent,
    case when {{told(m.medium, complaints)}} then coalesce(s.complained, 0) end as complained_of_sent,
    case when {{told(m.medium, unsubscribes)}} then coalesce(s.unsubscribed, 0) end as unsubscribed_of_sent,
    case when {{told(m.medium, opens)}} then s.opened_1_hour end as opened_1_hour,
    case when {{told(m.medium, opens)}} then s.opened_24_hours end as opened_24_hours,
    case when {{told(m.medium, opens)}} then s.opened_72_hours end as opened_72_hours,
    case when {{told(m.medium, clicks)}} then s.clicked_1_hour end as clicked_1_hour,
    case when {{told(m.medium, clicks)}} then s.clicked_24_hours end as clicked_24_hours,
    case when {{told(m.medium, clicks)}} then s.clicked_72_hours end as clicked_72_hours
  from days
    left join sends as s on s.campaign_id = days.campaign_id and s.day = days.day
    left join happened as h on h.campaign_id = days.campaign_id and h.day = days.day
    left join media as m on m.campaign_id = days.campaign_id
    left join earned as e on e.campaign_id = days.campaign_id and e.day = days.day
)
select
  campaign_id,
  day,
  sent,
  delivered,
  bounced,
  hard_bounced,
  soft_bounced,
  opened,
  human_opened,
  clicked,
  human_clicked,
  complained,
  unsubscribed,
  skipped,
  held_out,
  orders,
  revenue,
  click_orders,
  click_revenue,
  hard_bounced_of_sent,
  soft_bounced_of_sent,
  opened_of_sent,
  human_opened_of_sent,
  clicked_of_sent,
  human_clicked_of_sent,
  opened_or_clicked_of_sent,
  complained_of_sent,
  unsubscribed_of_sent,
  case when hard_bounced_of_sent is not null then {{rate(delivered, sent)}} end as delivery_rate,
  {{rate(hard_bounced_of_sent + soft_bounced_of_sent, sent)}} as bounce_rate,
  {{rate(hard_bounced_of_sent, sent)}} as hard_bounce_rate,
  {{rate(soft_bounced_of_sent, sent)}} as soft_bounce_rate,
  {{rate(opened_of_sent, delivered)}} as open_rate,
  {{rate(human_opened_of_sent, delivered)}} as human_open_rate,
  {{rate(clicked_of_sent, delivered)}} as click_rate,
  {{rate(human_clicked_of_sent, delivered)}} as human_click_rate,
  {{rate(clicked_of_sent, opened_or_clicked_of_sent)}} as click_to_open_rate,
  {{rate(human_clicked_of_sent, human_opened_of_sent)}} as human_click_to_open_rate,
  {{rate(complained_of_sent, delivered)}} as complaint_rate,
  case
    when {{rate(complained_of_sent, delivered)}} >= 0.003 then 'critical'
    when {{rate(complained_of_sent, delivered)}} > 0.001 then 'warning'
  end as complaint_alert,
  {{rate(unsubscribed_of_sent, delivered)}} as unsubscribe_rate,
  {{rate(opened_1_hour, delivered)}} as human_open_rate_1_hour,
  {{rate(opened_24_hours, delivered)}} as human_open_rate_24_hours,
  {{rate(opened_72_hours, delivered)}} as human_open_rate_72_hours,
  {{rate(clicked_1_hour, delivered)}} as human_click_rate_1_hour,
  {{rate(clicked_24_hours, delivered)}} as human_click_rate_24_hours,
  {{rate(clicked_72_hours, delivered)}} as human_click_rate_72_hours
from told
