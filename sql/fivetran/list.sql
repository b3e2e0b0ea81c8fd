-- Lists of the project.
--
-- Grain: one list
-- Key: id
-- Needs: lists
-- Columns:
--   _fivetran_deleted: false: what Iterable has is here
--   _fivetran_synced: when the sync began that loaded the row
--   created_at: when it was made
--   id: its id
--   list_type: Standard, Dynamic and so on
--   description: what people wrote of it
--   name: its name
select false as _fivetran_deleted, _loaded_at as _fivetran_synced, created_at, id, list_type, description, name
from {{streams.lists}} as l
