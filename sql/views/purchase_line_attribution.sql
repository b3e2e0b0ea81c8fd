-- The lines of purchases with the campaign that each purchase is credited to: purchase_attribution by product. The revenue
-- of a line is its part of the total of the purchase, by price × quantity, so that the lines of a purchase add up to it
-- whatever was taken off or put on top; where no line has a price, all have the same part. A purchase without lines has one
-- row, without a product.
--
-- Grain: one line of a purchase (of its last version)
-- Key: none
-- Columns:
--   purchase_id: id of the purchase; NULL where the sender set none
--   purchased_at: when
--   person: who bought: itblUserId, else userId, else the lower-case e-mail address
--   product_id: id of the product
--   sku: sku of the product
--   product: its name
--   price: price of one, as the line has it
--   quantity: how many; 1 where the line does not say
--   amount: price × quantity
--   revenue: part of the total of the purchase, in its currency
--   explicit_campaign_id: the campaign that the purchase itself names
--   click_campaign_id: campaign of the last human click within the window
--   open_campaign_id: campaign of the last human open within the window
--   touch_campaign_id: campaign of the later of that click and that open; of the click where they are of one moment
with numbered as materialized (
  select *, row_number() over (order by purchased_at, purchase_id, person) as purchase
  from {{marts.purchase_attribution}}
),
items as (
  select
    p.purchase,
    {{member(value, id)}} as product_id,
    {{member(value, sku)}} as sku,
    {{member(value, name)}} as product,
    {{member_number(value, price)}} as price,
    coalesce({{member_number(value, quantity)}}, 1) as quantity
  from numbered as p, lateral {{objects(p.items)}} as item
),
sums as (
  select purchase, count(*) as lines, sum(coalesce(price * quantity, 0)) as amount
  from items
  group by purchase
)
select
  p.purchase_id,
  p.purchased_at,
  p.person,
  i.product_id,
  i.sku,
  i.product,
  i.price,
  i.quantity,
  i.price * i.quantity as amount,
  case
    when s.lines is null then p.total
    when s.amount = 0 then p.total / s.lines
    else p.total * coalesce(i.price * i.quantity, 0) / s.amount
  end as revenue,
  p.explicit_campaign_id,
  p.click_campaign_id,
  p.open_campaign_id,
  p.touch_campaign_id
from numbered as p
  left join items as i on i.purchase = p.purchase
  left join sums as s on s.purchase = p.purchase
