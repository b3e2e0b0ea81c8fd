-- How each list grew and shrank, by UTC day: from the day of its first read to that of its last. Who joins and leaves is
-- found by the reads of list_users, so a change counts on the day of the read that found it. Of those who joined and left,
-- the ones with an event that names the list (a form, a click on an unsubscribe link) are told apart; the others came
-- and went by imports, API calls, journeys and the rules of dynamic lists, or by deletion of the profile.
--
-- Grain: one list and UTC day, from the first read of the list to the last
-- Key: list_id, day
-- Needs: list_users
-- Optional: lists
-- Columns:
--   list_id: the list
--   list_name: its name; NULL where the list is gone, or lists are not replicated
--   day: UTC day
--   members: members at the end of the day
--   joined: people who joined; those of the first read of a list are members, and have not joined
--   left_list: people who left
--   net: joined - left_list
--   joined_by_subscribe: of those who joined, people with a subscribe event that names the list
--   joined_otherwise: the others
--   left_by_unsubscribe: of those who left, people with an unsubscribe event that names the list
--   left_otherwise: the others
--   churn_rate: left_list ÷ members at the beginning of the day; NULL where there were none
--   growth_30_days: members ÷ those of 30 days before − 1; NULL where there were none, or the history is younger
with reads as (
  select list_id, {{day(first_read_at)}} as first_day, {{day(coalesce(gone_at, last_read_at))}} as last_day
  from {{sync.list_reads}}
),
days as (
  select list_id, cast(day as date) as day
  from (select list_id, {{days(first_day, last_day)}} as day from reads) as series
),
members as (
  select list_id, count(*) as members from {{streams.list_users}} as m group by list_id
),
found as (
  select list_id, email, user_id, change, since, found_at, coalesce(lower(email), user_id) as member
  from {{sync.list_changes}}
),
-- A read takes its time: what it finds may have happened somewhat after it began.
by_event as (
  select distinct f.list_id, f.email, f.user_id, f.change, f.found_at
  from found as f
    join {{marts.list_events}} as e on e.change = f.change and e.list_id = cast(f.list_id as varchar) and e.member = f.member
      and e.occurred_at > f.since and e.occurred_at <= f.found_at + interval '1 day'
),
changes as (
  select
    list_id,
    {{day(found_at)}} as day,
    count(*) filter (where change = 'joined') as joined,
    count(*) filter (where change = 'left') as left_list
  from found
  group by 1, 2
),
explained as (
  select
    list_id,
    {{day(found_at)}} as day,
    count(*) filter (where change = 'joined') as joined,
    count(*) filter (where change = 'left') as left_list
  from by_event
  group by 1, 2
),
counted as (
  select
    d.list_id,
    d.day,
    coalesce(c.joined, 0) as joined,
    coalesce(c.left_list, 0) as left_list,
    coalesce(e.joined, 0) as joined_by_subscribe,
    coalesce(e.left_list, 0) as left_by_unsubscribe,
    coalesce(m.members, 0) as members_now
  from days as d
    left join changes as c on c.list_id = d.list_id and c.day = d.day
    left join explained as e on e.list_id = d.list_id and e.day = d.day
    left join members as m on m.list_id = d.list_id
),
-- Back from the members of today: what came and went later is taken away.
sized as (
  select
    *,
    members_now - cast(coalesce(sum(joined - left_list) over later, 0) as bigint) as members
  from counted
  window later as (partition by list_id order by day rows between 1 following and unbounded following)
),
compared as (
  select *, lag(members, 30) over (partition by list_id order by day) as members_before
  from sized
)
select
  s.list_id,
  l.name as list_name,
  s.day,
  s.members,
  s.joined,
  s.left_list,
  s.joined - s.left_list as net,
  s.joined_by_subscribe,
  s.joined - s.joined_by_subscribe as joined_otherwise,
  s.left_by_unsubscribe,
  s.left_list - s.left_by_unsubscribe as left_otherwise,
  {{rate(s.left_list, s.members - s.joined + s.left_list)}} as churn_rate,
  {{rate(s.members, s.members_before)}} - 1 as growth_30_days
from compared as s
  left join {{streams.lists}} as l on l.id = s.list_id
