-- How each campaign did: counts of messages, rates, revenue. Counts are of messages, each once, however often it was
-- opened or clicked; what is counted as opened, clicked, complained and unsubscribed are delivered messages, so that
-- each rate has its denominator beside it and lies between 0 and 1. Rates are fractions, NULL where the denominator is 0.
-- Unsubscribes are opt-outs of a channel or message type, without those that Iterable makes of bounces and complaints.
-- Skips for ExperimentHoldOut are the held-out group. To sum campaigns by label, join campaign_labels.
-- NULL is what nobody tells: counts and rates of opens, clicks, bounces, complaints and unsubscribes are NULL for a medium
-- that has no event for them (clicks of push messages, opens of SMS, complaints of all but e-mail), and where its stream is
-- not replicated; so are orders and revenue without the stream purchase. Delivered is then what is not known to have bounced.
--
-- Grain: one campaign that is listed, has sent or has skipped
-- Key: campaign_id
-- Optional: campaigns, journeys, purchase, email_bounce, push_bounce, sms_bounce, whatsapp_bounce, email_open,
--   push_open, in_app_open, whatsapp_seen, email_click, in_app_click, sms_click, web_push_click, whatsapp_click,
--   embedded_click, email_complaint, email_unsubscribe
-- Columns:
--   campaign_id: Iterable's id of the campaign
--   campaign_name: its name
--   campaign_type: Blast or Triggered
--   campaign_state: state, such as Finished or Running
--   labels: its labels, in the order of the alphabet; NULL where it has none
--   medium: of its messages: email, push, in_app, sms, web_push, whatsapp, embedded or rcs; NULL where it has sent none
--   workflow_id: journey that it belongs to
--   journey: name of the journey; NULL where the stream journeys is not replicated
--   recurring_campaign_id: recurring campaign that made it
--   recurring_campaign_name: name of that one
--   first_sent_at: its first message
--   last_sent_at: its last message
--   sent: messages
--   delivered: messages that did not bounce, as far as is told
--   bounced: messages that bounced; delivered + bounced = sent
--   hard_bounced: messages that bounced hard
--   soft_bounced: messages that bounced, none of it hard
--   opened: delivered messages with an open, those of machines included
--   human_opened: delivered messages that a person opened or clicked
--   clicked: delivered messages with a click, those of machines included
--   human_clicked: delivered messages that a person clicked
--   opened_or_clicked: delivered messages with an open or a click
--   complained: delivered messages with a complaint
--   unsubscribed: delivered messages with an unsubscribe from a channel or message type
--   skipped: sends that were skipped for any reason but a held-out group
--   held_out: sends that were skipped for the held-out group of an experiment
--   delivery_rate: delivered ÷ sent; NULL where bounces are not told
--   bounce_rate: bounced ÷ sent
--   hard_bounce_rate: hard_bounced ÷ sent
--   soft_bounce_rate: soft_bounced ÷ sent
--   open_rate: opened ÷ delivered
--   human_open_rate: human_opened ÷ delivered
--   click_rate: clicked ÷ delivered
--   human_click_rate: human_clicked ÷ delivered
--   click_to_open_rate: clicked ÷ opened_or_clicked, as Iterable defines it
--   human_click_to_open_rate: human_clicked ÷ human_opened
--   complaint_rate: complained ÷ delivered
--   complaint_alert: warning where complaint_rate is above 0.001, to which mailbox providers object; critical from 0.003 on,
--     where they block; NULL below. Of few messages one complaint is much: look at delivered
--   unsubscribe_rate: unsubscribed ÷ delivered
--   orders: purchases that name the campaign themselves
--   revenue: their total, in the currency of the purchases
--   revenue_per_thousand: revenue for each 1,000 delivered messages
--   click_orders: purchases within the window after a human click (5 days by default), that of this campaign being the last
--   click_revenue: their total
--   click_revenue_per_thousand: click_revenue for each 1,000 delivered messages
with messages as (
  -- What is rare stands first: where it is false, Postgres looks no further.
  select
    campaign_id,
    min(medium) as medium,
    min(sent_at) as first_sent_at,
    max(sent_at) as last_sent_at,
    count(*) as sent,
    count(*) filter (where is_delivered) as delivered,
    count(*) filter (where not is_delivered) as bounced,
    count(*) filter (where bounce_kind = 'hard') as hard_bounced,
    count(*) filter (where bounce_kind = 'soft') as soft_bounced,
    count(*) filter (where is_opened and is_delivered) as opened,
    count(*) filter (where is_human_opened and is_delivered) as human_opened,
    count(*) filter (where is_clicked and is_delivered) as clicked,
    count(*) filter (where is_human_clicked and is_delivered) as human_clicked,
    count(*) filter (where (is_opened or is_clicked) and is_delivered) as opened_or_clicked,
    count(*) filter (where is_complained and is_delivered) as complained,
    count(*) filter (where is_unsubscribed and is_delivered) as unsubscribed
  from {{marts.message_outcomes}}
  where campaign_id is not null
  group by campaign_id
),
skipped as (
  select
    campaign_id,
    count(*) filter (where not is_held_out) as skipped,
    count(*) filter (where is_held_out) as held_out
  from {{marts.skip_events}}
  where campaign_id is not null
  group by campaign_id
),
labelled as (
  select campaign_id, string_agg(label, ', ' order by label) as labels
  from {{marts.campaign_labels}}
  group by campaign_id
),
purchases as (
  select explicit_campaign_id, click_campaign_id, total from {{marts.purchase_attribution}}
),
explicit as (
  select explicit_campaign_id as campaign_id, count(*) as orders, sum(total) as revenue
  from purchases
  where explicit_campaign_id is not null
  group by explicit_campaign_id
),
by_click as (
  select click_campaign_id as campaign_id, count(*) as orders, sum(total) as revenue
  from purchases
  where click_campaign_id is not null
  group by click_campaign_id
),
counted as (
  select
    coalesce(c.id, m.campaign_id, s.campaign_id) as campaign_id,
    c.name as campaign_name,
    c.type as campaign_type,
    c.campaign_state,
    l.labels,
    m.medium,
    c.workflow_id,
    j.name as journey,
    c.recurring_campaign_id,
    parent.name as recurring_campaign_name,
    m.first_sent_at,
    m.last_sent_at,
    coalesce(m.sent, 0) as sent,
    coalesce(m.delivered, 0) as delivered,
    case when {{told(m.medium, bounces)}} then coalesce(m.bounced, 0) end as bounced,
    case when {{told(m.medium, bounces)}} then coalesce(m.hard_bounced, 0) end as hard_bounced,
    case when {{told(m.medium, bounces)}} then coalesce(m.soft_bounced, 0) end as soft_bounced,
    case when {{told(m.medium, opens)}} then coalesce(m.opened, 0) end as opened,
    case when {{told(m.medium, opens)}} then coalesce(m.human_opened, 0) end as human_opened,
    case when {{told(m.medium, clicks)}} then coalesce(m.clicked, 0) end as clicked,
    case when {{told(m.medium, clicks)}} then coalesce(m.human_clicked, 0) end as human_clicked,
    case when {{told(m.medium, opens)}} and {{told(m.medium, clicks)}} then coalesce(m.opened_or_clicked, 0) end as opened_or_clicked,
    case when {{told(m.medium, complaints)}} then coalesce(m.complained, 0) end as complained,
    case when {{told(m.medium, unsubscribes)}} then coalesce(m.unsubscribed, 0) end as unsubscribed,
    coalesce(s.skipped, 0) as skipped,
    coalesce(s.held_out, 0) as held_out,
    case when {{has.purchase}} then coalesce(x.orders, 0) end as orders,
    case when {{has.purchase}} then coalesce(x.revenue, 0) end as revenue,
    case when {{has.purchase}} then coalesce(k.orders, 0) end as click_orders,
    case when {{has.purchase}} then coalesce(k.revenue, 0) end as click_revenue
  -- Each is named once, so that Postgres counts nothing that nobody asks for.
  from {{streams.campaigns}} as c
    full join messages as m on m.campaign_id = c.id
    full join skipped as s on s.campaign_id = coalesce(c.id, m.campaign_id)
    left join explicit as x on x.campaign_id = coalesce(c.id, m.campaign_id, s.campaign_id)
    left join by_click as k on k.campaign_id = coalesce(c.id, m.campaign_id, s.campaign_id)
    left join labelled as l on l.campaign_id = c.id
    left join {{streams.journeys}} as j on j.id = c.workflow_id
    left join {{streams.campaigns}} as parent on parent.id = c.recurring_campaign_id
)
select
  campaign_id,
  campaign_name,
  campaign_type,
  campaign_state,
  labels,
  medium,
  workflow_id,
  journey,
  recurring_campaign_id,
  recurring_campaign_name,
  first_sent_at,
  last_sent_at,
  sent,
  delivered,
  bounced,
  hard_bounced,
  soft_bounced,
  opened,
  human_opened,
  clicked,
  human_clicked,
  opened_or_clicked,
  complained,
  unsubscribed,
  skipped,
  held_out,
  {{rate(sent - bounced, sent)}} as delivery_rate,
  {{rate(bounced, sent)}} as bounce_rate,
  {{rate(hard_bounced, sent)}} as hard_bounce_rate,
  {{rate(soft_bounced, sent)}} as soft_bounce_rate,
  {{rate(opened, delivered)}} as open_rate,
  {{rate(human_opened, delivered)}} as human_open_rate,
  {{rate(clicked, delivered)}} as click_rate,
  {{rate(human_clicked, delivered)}} as human_click_rate,
  {{rate(clicked, opened_or_clicked)}} as click_to_open_rate,
  {{rate(human_clicked, human_opened)}} as human_click_to_open_rate,
  {{rate(complained, delivered)}} as complaint_rate,
  case
    when {{rate(complained, delivered)}} >= 0.003 then 'critical'
    when {{rate(complained, delivered)}} > 0.001 then 'warning'
  end as complaint_alert,
  {{rate(unsubscribed, delivered)}} as unsubscribe_rate,
  orders,
  revenue,
  1000 * {{rate(revenue, delivered)}} as revenue_per_thousand,
  click_orders,
  click_revenue,
  1000 * {{rate(click_revenue, delivered)}} as click_revenue_per_thousand
from counted
