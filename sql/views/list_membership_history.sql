-- Who was on which list, from when to when, and how we know: kept by the sync from each read of list_users, from the first
-- one on. A read finds who has come and gone since the read before, so each end of a stay lies between two reads; joined_at
-- and left_at are the reads that found it. Those who were on a list at its first read have no joined_at: when they came is
-- not known, unless an event tells. A person whose address changes leaves the list, and joins it.
-- An event explains a change that it lies between the reads of, or within a day after: a read takes its time.
--
-- Grain: one list, person and stay on the list
-- Key: list_id, email, user_id, left_at
-- Needs: list_users
-- Optional: lists
-- Columns:
--   list_id: the list
--   list_name: its name; NULL where the list is gone, or lists are not replicated
--   email: e-mail address in lower case; NULL where the list has a userId
--   user_id: userId; NULL where the list has an e-mail address
--   joined_after: the last read without the person; NULL where they were there at the first read of the list
--   joined_at: the first read with the person; NULL where they were there at the first read of the list
--   subscribed_at: the first subscribe event that explains it; of those who were there at the first read, the last one
--     before; NULL where there is none
--   joined_known_by: subscribe event; read, where a later read than the first found them and no event explains it; first
--     read, where they were there at the first read of the list and no event tells when they came
--   left_after: the last read with the person; NULL for a member
--   left_at: the first read without the person; NULL for a member
--   unsubscribed_at: the first unsubscribe event that explains it; NULL where there is none
--   left_known_by: unsubscribe event; read, where a read missed them and no event explains it; list gone, where the list
--     exists no longer; NULL for a member
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
),
numbered as materialized (
  select s.*, coalesce(lower(s.email), s.user_id) as member, r.first_read_at, r.gone_at,
    row_number() over (order by s.list_id) as stay
  from stays as s
    left join {{sync.list_reads}} as r on r.list_id = s.list_id
),
explained as (
  select
    s.stay,
    max(e.occurred_at) filter (where e.change = 'joined' and s.joined_at is null) as subscribed_before,
    min(e.occurred_at) filter (where e.change = 'joined' and s.joined_at is not null) as subscribed_at,
    min(e.occurred_at) filter (where e.change = 'left') as unsubscribed_at
  from numbered as s
    join {{marts.list_events}} as e on e.list_id = cast(s.list_id as varchar) and e.member = s.member
  where case
    when e.change = 'left' then e.occurred_at > s.left_after and e.occurred_at <= s.left_at + interval '1 day'
    when s.joined_at is null then e.occurred_at <= s.first_read_at
    else e.occurred_at > s.joined_after and e.occurred_at <= s.joined_at + interval '1 day'
  end
  group by s.stay
),
told as (
  select s.*, coalesce(e.subscribed_at, e.subscribed_before) as subscribed_at, e.unsubscribed_at
  from numbered as s
    left join explained as e on e.stay = s.stay
)
select
  s.list_id,
  l.name as list_name,
  lower(s.email) as email,
  s.user_id,
  s.joined_after,
  s.joined_at,
  s.subscribed_at,
  case
    when s.subscribed_at is not null then 'subscribe event'
    when s.joined_at is not null then 'read'
    else 'first read'
  end as joined_known_by,
  s.left_after,
  s.left_at,
  s.unsubscribed_at,
  case
    when s.is_member then null
    when s.unsubscribed_at is not null then 'unsubscribe event'
    when s.left_at = s.gone_at then 'list gone'
    else 'read'
  end as left_known_by,
  s.is_member
from told as s
  left join {{streams.lists}} as l on l.id = s.list_id
