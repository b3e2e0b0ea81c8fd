-- The static lists of each profile.
--
-- Grain: one person and list
-- Key: _fivetran_id, list_id
-- Needs: users
-- Columns:
--   _fivetran_id: the person, as in user_history
--   _fivetran_synced: when the sync began that loaded the profile
--   index: place of the list among those of the person, by its id, from 0
--   list_id: the list
with people as (
  select {{sha256(coalesce(u.itbl_user_id, u.user_id, lower(u.email)))}} as _fivetran_id, u._loaded_at, cast(value as bigint) as list_id
  from {{streams.users}} as u, lateral {{elements(u.email_list_ids)}} as element
  union
  select {{sha256(coalesce(u.itbl_user_id, u.user_id, lower(u.email)))}}, u._loaded_at, cast(value as bigint)
  from {{streams.users}} as u, lateral {{elements(u.user_list_ids)}} as element
)
select
  _fivetran_id,
  _loaded_at as _fivetran_synced,
  row_number() over (partition by _fivetran_id order by list_id) - 1 as "index",
  list_id
from people
where list_id is not null
