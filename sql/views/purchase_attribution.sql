-- Purchases with the campaign that each is credited to, by four models side by side: the campaign that the purchase
-- names, the last click, the last open, and the last touch, which is the later of these two. Purchases that came again
-- under the same id were updated: the last version counts. Windows: a click counts for 5 days, an open for 1 day,
-- unless the configuration says otherwise (marts.attribution: click, open); opens and clicks of machines (bot_rules) do
-- not count. Each purchase is credited once in a model.
--
-- Grain: one purchase (its last version; those without an id each by itself)
-- Key: purchase_id
-- Optional: purchase
-- Columns:
--   purchase_id: id of the purchase; NULL where the sender set none
--   purchased_at: when
--   person: who bought: itblUserId, else userId, else the lower-case e-mail address
--   total: revenue, in the currency that the sender uses
--   explicit_campaign_id: the campaign that the purchase itself names
--   explicit_template_id: the template that it names itself
--   click_campaign_id: campaign of the last human click within the window
--   click_template_id: template of the message that was clicked
--   clicked_at: when that click was
--   open_campaign_id: campaign of the last human open within the window
--   opened_at: when that open was
--   touch_campaign_id: campaign of the later of that click and that open; of the click where they are of one moment
--   items: its lines, as JSON: purchase_line_attribution takes them apart
with versions as (
  select id, created_at, {{person(p)}} as person, total, campaign_id, template_id,
    shopping_cart_items as items,
    row_number() over (partition by id order by created_at desc, _loaded_at desc, total desc) as version,
    row_number() over (order by created_at, id, total) as purchase
  from {{streams.purchase}} as p
),
purchases as (
  select * from versions where id is null or version = 1
),
near as (
  select p.purchase, e.action, e.campaign_id, e.template_id, e.occurred_at, e.medium, e.message_id, e.person,
    greatest(e.proxy_seconds, e.fast_seconds) as seconds
  from purchases as p
    join {{marts.judged_touches}} as e on e.person = p.person and e.occurred_at <= p.created_at
      and e.occurred_at >= p.created_at - case e.action when 'click' then {{setting.click_window}} else {{setting.open_window}} end
  where coalesce(e.flag_rule, e.pattern_rule, e.burst_rule) is null and e.campaign_id is not null
),
-- Sends are asked for the touches alone that the time since the send decides on.
human as (
  select purchase, action, campaign_id, template_id, occurred_at from near where seconds is null
  union all
  select n.purchase, n.action, n.campaign_id, n.template_id, n.occurred_at
  from (select distinct * from near where seconds is not null) as n
    left join {{marts.send_events}} as s on s.medium = n.medium and s.message_id = n.message_id and s.person = n.person
  group by n.purchase, n.action, n.campaign_id, n.template_id, n.occurred_at, n.medium, n.message_id, n.person, n.seconds
  having not coalesce({{seconds(min(s.sent_at), n.occurred_at)}} <= n.seconds, false)
),
candidates as (
  select *, row_number() over (partition by purchase, action order by occurred_at desc, campaign_id, template_id) as place
  from human
)
select
  p.id as purchase_id,
  p.created_at as purchased_at,
  p.person,
  p.total,
  p.campaign_id as explicit_campaign_id,
  p.template_id as explicit_template_id,
  k.campaign_id as click_campaign_id,
  k.template_id as click_template_id,
  k.occurred_at as clicked_at,
  o.campaign_id as open_campaign_id,
  o.occurred_at as opened_at,
  case when o.occurred_at > k.occurred_at then o.campaign_id else coalesce(k.campaign_id, o.campaign_id) end as touch_campaign_id,
  p.items
from purchases as p
  left join candidates as k on k.purchase = p.purchase and k.action = 'click' and k.place = 1
  left join candidates as o on o.purchase = p.purchase and o.action = 'open' and o.place = 1
