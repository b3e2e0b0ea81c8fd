-- What campaigns earn, by five models of whom to thank for a purchase, each within four windows. In a model each purchase is
-- credited once at most: explicit, to the campaign that it names itself; last_send, to the last message sent to the buyer;
-- last_click and last_open, to the last click or open of a person (bot_rules) in a message; last_touch, to the later of
-- the two. The purchase counts in every window that the message, click or open lies in. Purchases are those of
-- purchase_attribution: of those that came again under an id, the last version. Where two are of one instant, the smaller
-- id of the campaign counts. Campaigns without a purchase in a window have no row there.
--
-- Grain: one campaign, model and window with a purchase
-- Key: campaign_id, model, window_hours
-- Needs: purchase
-- Optional: campaigns
-- Columns:
--   campaign_id: Iterable's id of the campaign
--   campaign_name: its name
--   model: explicit, last_send, last_click, last_open or last_touch
--   window_hours: hours before the purchase within which it must lie: 24, 120 (5 days), 168 (7 days) or 720 (30 days); NULL
--     for explicit, which has no window
--   orders: purchases credited
--   buyers: people who made them
--   revenue: their total, in the currency of the purchases
--   average_order_value: revenue ÷ orders
--   delivered: delivered messages of the campaign
--   revenue_per_thousand: revenue for each 1,000 delivered messages; NULL where none was delivered
--   share_of_revenue: revenue ÷ total of all purchases, whoever is credited with them
with purchases as materialized (
  select purchased_at, person, total, explicit_campaign_id,
    row_number() over (order by purchased_at, purchase_id, person, total) as purchase
  from {{marts.purchase_attribution}}
),
causes as (
  select person, campaign_id, sent_at as occurred_at, 'last_send' as model
  from {{marts.sent_messages}}
  where campaign_id is not null
  union all
  select person, campaign_id, occurred_at, case action when 'click' then 'last_click' else 'last_open' end
  from {{marts.engagement_events}}
  where campaign_id is not null and not is_machine
),
near as (
  select p.purchase, p.person, p.total, p.purchased_at, c.model, c.campaign_id, c.occurred_at
  from purchases as p
    join causes as c on c.person = p.person and c.occurred_at <= p.purchased_at
      and c.occurred_at >= p.purchased_at - interval '720 hours'
),
modelled as (
  select * from near
  union all
  select purchase, person, total, purchased_at, 'last_touch', campaign_id, occurred_at
  from near
  where model <> 'last_send'
),
-- The last of all is the last of every window that it lies in.
last_ones as (
  select *, row_number() over (partition by purchase, model order by occurred_at desc, campaign_id) as place from modelled
),
credits as (
  select l.campaign_id, l.model, w.window_hours, l.person, l.total
  from last_ones as l
    cross join (select 24 as window_hours union all select 120 union all select 168 union all select 720) as w
  where l.place = 1 and l.occurred_at >= l.purchased_at - w.window_hours * interval '1 hour'
  union all
  select explicit_campaign_id, 'explicit', null, person, total
  from purchases
  where explicit_campaign_id is not null
),
earned as (
  select
    campaign_id,
    model,
    cast(window_hours as bigint) as window_hours,
    count(*) as orders,
    count(distinct person) as buyers,
    sum(total) as revenue
  from credits
  group by 1, 2, 3
),
delivered as (
  select campaign_id, count(*) filter (where is_delivered) as delivered
  from {{marts.message_outcomes}}
  where campaign_id in (select campaign_id from earned)
  group by campaign_id
),
whole as (
  select sum(total) as revenue from purchases
)
select
  e.campaign_id,
  c.name as campaign_name,
  e.model,
  e.window_hours,
  e.orders,
  e.buyers,
  e.revenue,
  {{rate(e.revenue, e.orders)}} as average_order_value,
  coalesce(d.delivered, 0) as delivered,
  1000 * {{rate(e.revenue, d.delivered)}} as revenue_per_thousand,
  {{rate(e.revenue, whole.revenue)}} as share_of_revenue
from earned as e
  cross join whole
  left join delivered as d on d.campaign_id = e.campaign_id
  left join {{streams.campaigns}} as c on c.id = e.campaign_id
