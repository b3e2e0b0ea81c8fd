-- Profiles as they are now: there are no earlier versions.
--
-- Grain: one person
-- Key: _fivetran_id
-- Needs: users
-- Columns:
--   _fivetran_id: the person: SHA-256 of itblUserId, else userId, else the lower-case e-mail address
--   _fivetran_synced: when the sync began that loaded the row
--   email: e-mail address
--   email_list_ids: static lists, as a JSON list, in the order of their ids
--   first_name: field firstName of the profile
--   last_name: field lastName of the profile
--   phone_number: telephone number
--   signup_date: when the person signed up
--   signup_source: how the person came
--   updated_at: when the profile was last changed
--   user_id: your id of the person
--   iterable_user_id: Iterable's id of the person
select
  {{sha256(coalesce(u.itbl_user_id, u.user_id, lower(u.email)))}} as _fivetran_id, _loaded_at as _fivetran_synced, email,
  case
    when email_list_ids is not null
      then '[' || coalesce((
        select string_agg(value, ',' order by cast(value as bigint)) from {{elements(u.email_list_ids)}} as element
      ), '') || ']'
  end as email_list_ids,
  first_name, last_name, phone_number, signup_date, signup_source,
  profile_updated_at as updated_at, user_id, itbl_user_id as iterable_user_id
from {{streams.users}} as u
