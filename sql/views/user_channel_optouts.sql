-- Which channels each person has opted out of.
--
-- Grain: one person and channel
-- Key: person, channel_id
-- Needs: users
-- Optional: channels
-- Columns:
--   person: itblUserId, else userId, else the lower-case e-mail address
--   email: e-mail address in lower case
--   channel_id: the channel, as text
--   channel: its name
with people as (
  select distinct {{person(u)}} as person, lower(email) as email, value as id
  from {{streams.users}} as u, lateral {{elements(u.unsubscribed_channel_ids)}} as element
)
select p.person, p.email, p.id as channel_id, t.name as channel
from people as p
  left join {{streams.channels}} as t on cast(t.id as varchar) = p.id
where p.id is not null
