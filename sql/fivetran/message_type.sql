-- Message types of the project.
--
-- Grain: one message type
-- Key: id
-- Needs: message_types
-- Columns:
--   _fivetran_deleted: false: what Iterable has is here
--   _fivetran_synced: when the sync began that loaded the row
--   channel_id: its channel
--   id: its id
--   name: its name
--   created_at: when it was made
--   frequency_cap: JSON text
--   rate_limit_per_minute: rateLimitPerMinute, as text
--   subscription_policy: OptIn or OptOut
--   updated_at: when it was last changed
select
  false as _fivetran_deleted, _loaded_at as _fivetran_synced, channel_id, id, name, created_at,
  cast(frequency_cap as varchar) as frequency_cap, cast(rate_limit_per_minute as varchar) as rate_limit_per_minute,
  subscription_policy, updated_at
from {{streams.message_types}} as t
