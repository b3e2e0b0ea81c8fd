-- Opt-outs of profiles as they are now.
--
-- Grain: one person and opt-out
-- Key: _fivetran_id, message_type_id
-- Needs: users
-- Columns:
--   _fivetran_synced: when the sync began that loaded the profile
--   _fivetran_id: the person, as in user_history
--   message_type_id: what the person has opted out of
--   email: e-mail address
--   updated_at: when the profile was last changed
select distinct
  _loaded_at as _fivetran_synced, {{sha256(coalesce(u.itbl_user_id, u.user_id, lower(u.email)))}} as _fivetran_id, cast(value as varchar) as message_type_id, email,
  profile_updated_at as updated_at
from {{streams.users}} as u, lateral {{elements(u.unsubscribed_message_type_ids)}} as element
where value is not null
