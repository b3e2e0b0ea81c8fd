-- Whom not to mail any more, and why: hard bounces, complaints, opt-outs of a channel, lists that suppress everything,
-- and people who asked to be forgotten. A person has a row for each reason; is_first marks the one that came first.
-- Opt-outs, lists and people to be forgotten are those of the profiles and lists as they were last read.
--
-- Grain: one person and reason (of opt-outs each channel, of lists each list)
-- Key: person, reason, detail_id
-- Optional: email_bounce, email_complaint, email_unsubscribe, users, channels, lists, list_users, forgotten_users
-- Columns:
--   person: itblUserId, else userId, else the lower-case e-mail address
--   email: e-mail address in lower case
--   reason: hard bounce, complaint, channel opt-out, suppression list or forgotten
--   detail: status of the bounce; name, else id, of the channel or list
--   detail_id: id of the channel or list, as text; NULL for other reasons
--   since: first bounce or complaint; last opt-out that names the channel; NULL where it is not known
--   campaign_id: campaign that caused it; NULL where none did, or it is not known
--   is_first: true for one reason of each person: the earliest, those without a time last
with people as (
  select {{person(u)}} as person, lower(email) as email, user_id, unsubscribed_channel_ids
  from {{streams.users}} as u
),
-- Lists and hashes name a person by the address, or by the userId.
names as (
  select name, min(person) as person
  from (select email as name, person from people union all select user_id, person from people) as known
  where name is not null
  group by name
),
bounced as (
  select {{person(e)}} as person, lower(email) as email, created_at, campaign_id, status,
    row_number() over (partition by {{person(e)}} order by created_at, campaign_id, status) as place
  from {{streams.email_bounce}} as e
  where recipient_state = 'HardBounce'
),
complained as (
  select {{person(e)}} as person, lower(email) as email, created_at, campaign_id,
    row_number() over (partition by {{person(e)}} order by created_at, campaign_id) as place
  from {{streams.email_complaint}} as e
),
unsubscribes as (
  select {{person(e)}} as person, value as channel_id, created_at, campaign_id
  from {{streams.email_unsubscribe}} as e, lateral {{elements(e.channel_ids)}} as element
  union all
  select {{person(e)}}, cast(channel_id as varchar), created_at, campaign_id
  from {{streams.email_unsubscribe}} as e
  where channel_id is not null
),
opted_out as (
  select person, channel_id, created_at, campaign_id,
    row_number() over (partition by person, channel_id order by created_at desc, campaign_id) as place
  from unsubscribes
),
opt_outs as (
  select distinct person, email, value as channel_id
  from people as p, lateral {{elements(p.unsubscribed_channel_ids)}} as element
),
suppressing as (
  select id, name from {{streams.lists}} as l where is_global_suppression_enabled
),
suppressed as (
  select lower(m.email) as email, m.user_id, cast(s.id as varchar) as list_id, coalesce(s.name, cast(s.id as varchar)) as list
  from {{streams.list_users}} as m
    join suppressing as s on s.id = m.list_id
),
hashes as (
  select hash, kind from {{streams.forgotten_users}} as f
),
addresses as (
  select email, user_id from people
  union
  select lower(email), user_id from {{streams.list_users}} as m
),
forgotten as (
  select a.email, a.user_id from addresses as a join hashes as h on h.kind = 'email' and h.hash = {{sha256(trim(a.email))}}
  union
  select a.email, a.user_id from addresses as a join hashes as h on h.kind = 'userId' and h.hash = {{sha256(lower(trim(a.user_id)))}}
),
reasons as (
  select person, email, 'hard bounce' as reason, status as detail, cast(null as text) as detail_id, created_at as since, campaign_id
  from bounced
  where place = 1
  union all
  select person, email, 'complaint', null, null, created_at, campaign_id
  from complained
  where place = 1
  union all
  select p.person, p.email, 'channel opt-out', coalesce(c.name, p.channel_id), p.channel_id, o.created_at, o.campaign_id
  from opt_outs as p
    left join {{streams.channels}} as c on cast(c.id as varchar) = p.channel_id
    left join opted_out as o on o.person = p.person and o.channel_id = p.channel_id and o.place = 1
  union all
  select coalesce(n.person, s.user_id, s.email), min(s.email), 'suppression list', s.list, s.list_id, null, null
  from suppressed as s
    left join names as n on n.name = coalesce(s.email, s.user_id)
  group by 1, s.list_id, s.list
  union all
  select coalesce(n.person, f.user_id, f.email), min(f.email), 'forgotten', null, null, null, null
  from forgotten as f
    left join names as n on n.name = coalesce(f.email, f.user_id)
  group by 1
)
select
  person,
  email,
  reason,
  detail,
  detail_id,
  since,
  campaign_id,
  row_number() over (partition by person order by since nulls last, reason, detail, detail_id) = 1 as is_first
from reasons
