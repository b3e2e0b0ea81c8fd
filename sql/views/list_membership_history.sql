-- Who was on which list, from when to when: kept by the sync from each read of list_users, from the first one on. A read
-- finds who has come and gone since the read before, so each end of a stay lies between two reads; joined_at and left_at
-- are the reads that found it. Those who were on a list at its first read have no joined_at: when they came is not known.
-- A person whose address changes leaves the list, and joins it.
--
-- Grain: one list, person and stay on the list
-- Needs: list_users
-- Optional: lists
-- Columns:
--   list_id: the list
--   list_name: its name; NULL where the list is gone, or lists are not replicated
--   email: e-mail address in lower case; NULL where the list has a userId
--   user_id: userId; NULL where the list has an e-mail address
--   joined_after: the last read without the person
--   joined_at: the first read with the person; NULL where they were there at the first read of the list
--   left_after: the last read with the person; NULL for a member
--   left_at: the first read without the person; NULL for a member
--   is_member: true where the stay goes on
with changes as (
  select list_id, email, user_id, change, since, found_at,
    lag(change) over stays as change_before,
    lag(since) over stays as since_before,
    lag(found_at) over stays as found_before
  from {{sync.list_changes}}
  window stays as (partition by list_id, coalesce(email, user_id) order by found_at)
),
joined as (
  select list_id, coalesce(email, user_id) as member, max(since) as joined_after, max(found_at) as joined_at
  from changes
  where change = 'joined'
  group by 1, 2
),
stays as (
  select
    list_id,
    email,
    user_id,
    case when change_before = 'joined' then since_before end as joined_after,
    case when change_before = 'joined' then found_before end as joined_at,
    since as left_after,
    found_at as left_at,
    false as is_member
  from changes
  where change = 'left'
  union all
  select m.list_id, m.email, m.user_id, joined_after, joined_at, null, null, true
  from {{streams.list_users}} as m
    left join joined on joined.list_id = m.list_id and joined.member = coalesce(m.email, m.user_id)
)
select
  s.list_id,
  l.name as list_name,
  lower(s.email) as email,
  s.user_id,
  s.joined_after,
  s.joined_at,
  s.left_after,
  s.left_at,
  s.is_member
from stays as s
  left join {{streams.lists}} as l on l.id = s.list_id
