-- Which lists each person is on, as the profiles say: static lists only, fresher than list_users and without calls for it.
-- Dynamic lists, and people that have no profile, are in list_users alone.
--
-- Grain: one person and list
-- Key: person, list_id
-- Needs: users
-- Optional: lists
-- Columns:
--   person: itblUserId, else userId, else the lower-case e-mail address
--   email: e-mail address in lower case
--   list_id: the list, as text
--   list_name: its name; NULL where the list is gone, or lists are not replicated
with people as (
  select {{person(u)}} as person, lower(email) as email, value as list_id
  from {{streams.users}} as u, lateral {{elements(u.email_list_ids)}} as element
  union
  select {{person(u)}}, lower(email), value
  from {{streams.users}} as u, lateral {{elements(u.user_list_ids)}} as element
)
select p.person, p.email, p.list_id, l.name as list_name
from people as p
  left join {{streams.lists}} as l on cast(l.id as varchar) = p.list_id
where p.list_id is not null
