-- Channels of the project.
--
-- Grain: one channel
-- Key: id
-- Needs: channels
-- Columns:
--   _fivetran_deleted: false: what Iterable has is here
--   _fivetran_synced: when the sync began that loaded the row
--   channel_type: Marketing or Transactional
--   id: its id
--   message_medium: Email, Push and so on
--   name: its name
select false as _fivetran_deleted, _loaded_at as _fivetran_synced, channel_type, id, message_medium, name
from {{streams.channels}} as c
