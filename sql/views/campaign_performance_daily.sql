-- The counts of campaign_performance by the UTC day on which they happened: a message counts as opened on the day of its
-- first open, as clicked on that of its first click, and so on, so that the days of a campaign add up to its counts.
-- A message counts as sent and delivered on the day of its send. There are no rates: what is opened today was delivered
-- on other days. Revenue is that of the day of the purchase. NULL is what nobody tells, as in campaign_performance.
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
--   opened: delivered messages that were first opened that day, by machines included
--   human_opened: delivered messages that a person first opened or clicked that day
--   clicked: delivered messages that were first clicked that day, by machines included
--   human_clicked: delivered messages that a person first clicked that day
--   complained: delivered messages with their first complaint that day
--   unsubscribed: delivered messages with their first unsubscribe from a channel or message type that day
--   orders: purchases of the day that name the campaign themselves
--   revenue: their total
--   click_orders: purchases of the day within the window after a human click, that of this campaign being the last
--   click_revenue: their total
with messages as (
  select campaign_id, medium, sent_at, is_delivered, bounced_at, first_open_at, first_human_open_at, first_click_at,
    first_human_click_at, complained_at, unsubscribed_at
  from {{marts.message_times}}
  where campaign_id is not null
),
counts as (
  select campaign_id, {{day(sent_at)}} as day, 'sent' as what, count(*) as count, min(medium) as medium from messages group by 1, 2
  union all
  select campaign_id, {{day(sent_at)}}, 'delivered', count(*), null from messages where is_delivered group by 1, 2
  union all
  select campaign_id, {{day(bounced_at)}}, 'bounced', count(*), null from messages where bounced_at is not null group by 1, 2
  union all
  select campaign_id, {{day(first_open_at)}}, 'opened', count(*), null
  from messages where is_delivered and first_open_at is not null group by 1, 2
  union all
  select campaign_id, {{day(first_human_open_at)}}, 'human_opened', count(*), null
  from messages where is_delivered and first_human_open_at is not null group by 1, 2
  union all
  select campaign_id, {{day(first_click_at)}}, 'clicked', count(*), null
  from messages where is_delivered and first_click_at is not null group by 1, 2
  union all
  select campaign_id, {{day(first_human_click_at)}}, 'human_clicked', count(*), null
  from messages where is_delivered and first_human_click_at is not null group by 1, 2
  union all
  select campaign_id, {{day(complained_at)}}, 'complained', count(*), null
  from messages where is_delivered and complained_at is not null group by 1, 2
  union all
  select campaign_id, {{day(unsubscribed_at)}}, 'unsubscribed', count(*), null
  from messages where is_delivered and unsubscribed_at is not null group by 1, 2
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
  select campaign_id, day from counts
  union
  select campaign_id, day from revenues
),
counted as (
  select
    campaign_id,
    day,
    cast(sum(count) filter (where what = 'sent') as bigint) as sent,
    cast(sum(count) filter (where what = 'delivered') as bigint) as delivered,
    cast(sum(count) filter (where what = 'bounced') as bigint) as bounced,
    cast(sum(count) filter (where what = 'opened') as bigint) as opened,
    cast(sum(count) filter (where what = 'human_opened') as bigint) as human_opened,
    cast(sum(count) filter (where what = 'clicked') as bigint) as clicked,
    cast(sum(count) filter (where what = 'human_clicked') as bigint) as human_clicked,
    cast(sum(count) filter (where what = 'complained') as bigint) as complained,
    cast(sum(count) filter (where what = 'unsubscribed') as bigint) as unsubscribed
  from counts
  group by campaign_id, day
),
media as (
  select campaign_id, min(medium) as medium from counts group by campaign_id
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
)
select
  days.campaign_id,
  days.day,
  coalesce(sent, 0) as sent,
  coalesce(delivered, 0) as delivered,
  case when {{told(media.medium, bounces)}} then coalesce(bounced, 0) end as bounced,
  case when {{told(media.medium, opens)}} then coalesce(opened, 0) end as opened,
  case when {{told(media.medium, opens)}} then coalesce(human_opened, 0) end as human_opened,
  case when {{told(media.medium, clicks)}} then coalesce(clicked, 0) end as clicked,
  case when {{told(media.medium, clicks)}} then coalesce(human_clicked, 0) end as human_clicked,
  case when {{told(media.medium, complaints)}} then coalesce(complained, 0) end as complained,
  case when {{told(media.medium, unsubscribes)}} then coalesce(unsubscribed, 0) end as unsubscribed,
  case when {{has.purchase}} then coalesce(orders, 0) end as orders,
  case when {{has.purchase}} then coalesce(revenue, 0) end as revenue,
  case when {{has.purchase}} then coalesce(click_orders, 0) end as click_orders,
  case when {{has.purchase}} then coalesce(click_revenue, 0) end as click_revenue
from days
  left join counted on counted.campaign_id = days.campaign_id and counted.day = days.day
  left join media on media.campaign_id = days.campaign_id
  left join earned on earned.campaign_id = days.campaign_id and earned.day = days.day
