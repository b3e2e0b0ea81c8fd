-- Templates as they are now: there are no earlier versions.
--
-- Grain: one template
-- Key: id
-- Needs: templates
-- Columns:
--   _fivetran_synced: when the sync began that loaded the row
--   client_template_id: your id of it, as text
--   created_at: when it was made
--   creator_user_id: who made it
--   id: its id
--   message_type_id: its message type
--   name: its name
--   template_type: Base, Blast, Triggered or Workflow
--   updated_at: when it was last changed
select
  _loaded_at as _fivetran_synced, client_template_id, created_at, creator_user_id, template_id as id, message_type_id, name,
  template_type, updated_at
from {{streams.templates}} as t
