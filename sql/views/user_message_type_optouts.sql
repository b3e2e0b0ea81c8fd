-- Which message types each person has opted out of. Of one whose policy is OptIn, whoever is not in
-- user_message_type_optins is out as well.
--
-- Grain: one person and message type
-- Key: person, message_type_id
-- Needs: users
-- Optional: message_types
-- Columns:
--   person: itblUserId, else userId, else the lower-case e-mail address
--   email: e-mail address in lower case
--   message_type_id: the message type, as text
--   message_type: its name
--   policy: OptIn or OptOut
with people as (
  select distinct {{person(u)}} as person, lower(email) as email, value as id
  from {{streams.users}} as u, lateral {{elements(u.unsubscribed_message_type_ids)}} as element
)
select p.person, p.email, p.id as message_type_id, t.name as message_type, t.subscription_policy as policy
from people as p
  left join {{streams.message_types}} as t on cast(t.id as varchar) = p.id
where p.id is not null
