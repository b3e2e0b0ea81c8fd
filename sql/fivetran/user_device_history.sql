-- Devices of profiles as they are now.
--
-- Grain: one device of a person
-- Key: none
-- Needs: users
-- Columns:
--   _fivetran_synced: when the sync began that loaded the profile
--   application_name: the app
--   email: e-mail address
--   endpoint_enabled: true where the device takes push messages
--   index: place of the device among those of the person, by its token, from 0
--   platform: APNS, GCM and so on
--   platform_endpoint: endpoint of the device
--   updated_at: when the profile was last changed
select
  _loaded_at as _fivetran_synced,
  {{member(value, applicationName)}} as application_name,
  email,
  case {{member(value, endpointEnabled)}} when 'true' then true when 'false' then false end as endpoint_enabled,
  row_number() over (partition by {{person(u)}} order by {{member(value, token)}}) - 1 as "index",
  {{member(value, platform)}} as platform,
  {{member(value, platformEndpoint)}} as platform_endpoint,
  profile_updated_at as updated_at
from {{streams.users}} as u, lateral {{objects(u.devices)}} as element
where {{member(value, token)}} is not null
