-- Entries of suppressionListIds of campaigns as they are now.
--
-- Grain: one campaign and entry
-- Key: campaign_id, suppressed_list_id
-- Needs: campaigns
-- Columns:
--   _fivetran_synced: when the sync began that loaded the row
--   campaign_id: the campaign
--   suppressed_list_id: list that it does not go to
--   updated_at: when the campaign was last changed
select _loaded_at as _fivetran_synced, id as campaign_id, cast(value as bigint) as suppressed_list_id, updated_at
from {{streams.campaigns}} as c, lateral {{elements(c.suppression_list_ids)}} as element
where value is not null
