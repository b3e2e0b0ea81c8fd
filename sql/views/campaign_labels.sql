-- The labels that somebody put on each campaign, one by one: to count or to sum campaigns by label. A campaign whose labels
-- are not an array has no rows.
--
-- Grain: one campaign and label
-- Key: campaign_id, label
-- Optional: campaigns
-- Columns:
--   campaign_id: Iterable's id of the campaign
--   campaign_name: its name
--   label: the label
select distinct c.id as campaign_id, c.name as campaign_name, value as label
from {{streams.campaigns}} as c, lateral {{elements(c.labels)}} as element
where value is not null
