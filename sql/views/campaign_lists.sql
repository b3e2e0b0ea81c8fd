-- The lists that each campaign is sent to, and those whose members it leaves out, as the campaign names them.
--
-- Grain: one campaign, list and use of the list
-- Key: campaign_id, list_id, list_use
-- Needs: campaigns
-- Optional: lists
-- Columns:
--   campaign_id: Iterable's id of the campaign
--   campaign_name: its name
--   list_id: the list, as text
--   list_name: its name; NULL where the list is gone, or lists are not replicated
--   list_use: send for a list that it is sent to, suppress for one whose members it leaves out
with named as (
  select c.id, c.name, value as list_id, 'send' as list_use
  from {{streams.campaigns}} as c, lateral {{elements(c.list_ids)}} as element
  union
  select c.id, c.name, value, 'suppress'
  from {{streams.campaigns}} as c, lateral {{elements(c.suppression_list_ids)}} as element
)
select n.id as campaign_id, n.name as campaign_name, n.list_id, l.name as list_name, n.list_use
from named as n
  left join {{streams.lists}} as l on cast(l.id as varchar) = n.list_id
where n.list_id is not null
