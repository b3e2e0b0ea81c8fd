-- Opt-outs of profiles as they are now. The form of connections from before August 2023.
--
-- Grain: one person and opt-out
-- Key: none
-- Needs: users
-- Columns:
--   _fivetran_synced: when the sync began that loaded the profile
--   channel_id: what the person has opted out of
--   email: e-mail address
--   updated_at: when the profile was last changed
select distinct
  _loaded_at as _fivetran_synced, cast(value as bigint) as channel_id, email,
  profile_updated_at as updated_at
from {{streams.users}} as u, lateral {{elements(u.unsubscribed_channel_ids)}} as element
where value is not null
