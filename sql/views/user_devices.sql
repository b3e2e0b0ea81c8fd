-- The devices of each person to which push messages may go. A profile whose devices are not an array of objects has no rows.
--
-- Grain: one device of a person, as the profile has it
-- Key: none
-- Needs: users
-- Columns:
--   person: itblUserId, else userId, else the lower-case e-mail address
--   email: e-mail address in lower case
--   token: token of the device
--   platform: APNS, GCM and so on
--   application_name: the app
--   is_enabled: true where the device takes push messages; NULL where the profile does not say
--   device: everything that the profile says of it, as JSON
select
  {{person(u)}} as person,
  lower(email) as email,
  {{member(value, token)}} as token,
  {{member(value, platform)}} as platform,
  {{member(value, applicationName)}} as application_name,
  case {{member(value, endpointEnabled)}} when 'true' then true when 'false' then false end as is_enabled,
  value as device
from {{streams.users}} as u, lateral {{objects(u.devices)}} as element
where {{member(value, token)}} is not null
