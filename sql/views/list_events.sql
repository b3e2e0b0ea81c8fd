-- Every subscribe and unsubscribe event that names a list: what list_membership_history and list_growth_daily explain
-- changes of lists by. An event has a row for each list that it names, and for each name of its person: the e-mail address
-- and the userId, because a list may have either.
--
-- Grain: one event, list and name of the person
-- Key: none
-- Optional: email_subscribe, email_unsubscribe
-- Columns:
--   change: joined for a subscribe event, left for an unsubscribe event
--   list_id: the list, as text
--   member: e-mail address in lower case, or userId
--   occurred_at: when
with events as (
  select 'joined' as change, value as list_id, lower(email) as email, user_id, created_at
  from {{streams.email_subscribe}} as s, lateral {{elements(s.email_list_ids)}} as element
  union all
  select 'joined', cast(email_list_id as varchar), lower(email), user_id, created_at
  from {{streams.email_subscribe}} as s
  where email_list_id is not null
  union all
  select 'left', value, lower(email), user_id, created_at
  from {{streams.email_unsubscribe}} as u, lateral {{elements(u.email_list_ids)}} as element
  union all
  select 'left', cast(email_list_id as varchar), lower(email), user_id, created_at
  from {{streams.email_unsubscribe}} as u
  where email_list_id is not null
)
select change, list_id, email as member, created_at as occurred_at from events where email is not null
union all
select change, list_id, user_id, created_at from events where user_id is not null
