-- Purchases with the campaign that each is credited to, by three models side by side. Purchases that came again under
-- the same id were updated: the last version counts. Windows: a click counts for 5 days, an open for 1 day, unless the
-- configuration says otherwise (marts.attribution: click, open); opens and clicks of machines (bot_rules) do not count.
-- Each purchase is credited once in a model.
--
-- Grain: one purchase (its last version; those without an id each by itself)
-- Optional: purchase
-- Columns:
--   purchase_id: id of the purchase; NULL where the sender set none
--   purchased_at: when
--   person: who bought: itblUserId, else userId, else the lower-case e-mail address
--   total: revenue, in the currency that the sender uses
--   explicit_campaign_id: the campaign that the purchase itself names
--   click_campaign_id: campaign of the last human click within the window
--   clicked_at: when that click was
--   open_campaign_id: campaign of the last human open within the window
--   opened_at: when that open was
--   touch_campaign_id: click_campaign_id, else open_campaign_id
with versions as (
  select id, created_at, {{person(p)}} as person, total, campaign_id,
    row_number() over (partition by id order by created_at desc, _loaded_at desc, total desc) as version,
    row_number() over (order by created_at, id, total) as purchase
  from {{streams.purchase}} as p
),
purchases as (
  select * from versions where id is null or version = 1
),
candidates as (
  select p.purchase, e.action, e.campaign_id, e.occurred_at,
    row_number() over (partition by p.purchase, e.action order by e.occurred_at desc, e.campaign_id) as place
  from purchases as p
    join {{marts.engagement_events}} as e on e.person = p.person and e.occurred_at <= p.created_at
      and e.occurred_at >= p.created_at - case e.action when 'click' then {{setting.click_window}} else {{setting.open_window}} end
  where not e.is_machine and e.campaign_id is not null
)
select
  p.id as purchase_id,
  p.created_at as purchased_at,
  p.person,
  p.total,
  p.campaign_id as explicit_campaign_id,
  k.campaign_id as click_campaign_id,
  k.occurred_at as clicked_at,
  o.campaign_id as open_campaign_id,
  o.occurred_at as opened_at,
  coalesce(k.campaign_id, o.campaign_id) as touch_campaign_id
from purchases as p
  left join candidates as k on k.purchase = p.purchase and k.action = 'click' and k.place = 1
  left join candidates as o on o.purchase = p.purchase and o.action = 'open' and o.place = 1
