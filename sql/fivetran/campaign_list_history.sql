-- Entries of listIds of campaigns as they are now.
--
-- Grain: one campaign and entry
-- Key: campaign_id, list_id
-- Needs: campaigns
-- Columns:
--   _fivetran_synced: when the sync began that loaded the row
--   campaign_id: the campaign
--   list_id: list that it goes to
--   updated_at: when the campaign was last changed
select _loaded_at as _fivetran_synced, id as campaign_id, cast(value as bigint) as list_id, updated_at
from {{streams.campaigns}} as c, lateral {{elements(c.list_ids)}} as element
where value is not null
