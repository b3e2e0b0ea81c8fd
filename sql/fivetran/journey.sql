-- Journeys of the project, archived ones included.
--
-- Grain: one journey
-- Key: id
-- Needs: journeys
-- Columns:
--   _fivetran_deleted: false: what Iterable has is here
--   _fivetran_synced: when the sync began that loaded the row
--   created_at: when it was made
--   creator_user_id: who made it
--   description: what people wrote of it
--   enabled: true where it runs
--   id: its id
--   is_archived: true where it is archived
--   journey_type: such as Published
--   lifetime_limit: how often a person may enter
--   name: its name
--   simultaneous_limit: how often a person may be in it at once
--   start_tile_id: its first tile
--   trigger_event_names: events that begin it, as a JSON list
--   updated_at: when it was last changed
select
  false as _fivetran_deleted, _loaded_at as _fivetran_synced, created_at, creator_user_id, description, enabled, id,
  is_archived, journey_type, lifetime_limit, name, simultaneous_limit, start_tile_id,
  cast(trigger_event_names as varchar) as trigger_event_names,
  updated_at
from {{streams.journeys}} as j
