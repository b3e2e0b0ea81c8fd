-- Campaigns as they are now: there are no earlier versions.
--
-- Grain: one campaign
-- Key: id
-- Needs: campaigns
-- Columns:
--   _fivetran_synced: when the sync began that loaded the row
--   campaign_state: such as Finished
--   created_at: when it was made
--   created_by_user_id: who made it
--   updated_by_user_id: who changed it last
--   ended_at: when it ended
--   id: its id
--   name: its name
--   recurring_campaign_id: recurring campaign that made it
--   send_size: people it was for
--   start_at: when it began
--   template_id: its template
--   type: Blast or Triggered
--   updated_at: when it was last changed
--   workflow_id: journey that it belongs to
--   message_medium: Email, Push and so on
select
  _loaded_at as _fivetran_synced, campaign_state, created_at, created_by_user_id, updated_by_user_id, ended_at, id, name,
  recurring_campaign_id, send_size, start_at, template_id, type, updated_at, workflow_id, message_medium
from {{streams.campaigns}} as c
