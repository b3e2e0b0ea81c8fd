-- Entries of labels of campaigns as they are now.
--
-- Grain: one campaign and entry
-- Key: campaign_id, label
-- Needs: campaigns
-- Columns:
--   _fivetran_synced: when the sync began that loaded the row
--   campaign_id: the campaign
--   label: the label
--   updated_at: when the campaign was last changed
select _loaded_at as _fivetran_synced, id as campaign_id, value as label, updated_at
from {{streams.campaigns}} as c, lateral {{elements(c.labels)}} as element
where value is not null
