-- Who may be sent what: for each person and message type whether they are subscribed, and what decides it. Opted out of
-- its channel: not subscribed; opted out of the message type: not subscribed; a message type of policy OptIn needs the
-- person's opt-in; everything else is subscribed. The state is that of the profile as it was last read.
--
-- Grain: one person of the users and message type
-- Key: person, message_type_id
-- Needs: users, message_types
-- Optional: channels
-- Columns:
--   person: itblUserId, else userId, else the lower-case e-mail address
--   email: e-mail address in lower case
--   message_type_id: message type
--   message_type: its name
--   channel_id: channel of the message type
--   channel: its name
--   medium: Email, Push, InApp, SMS and so on, as the channel says
--   policy: OptIn or OptOut
--   is_subscribed: true where messages of the type may be sent
--   decided_by: channel (opted out of it), message type (opted out of it, or in), or policy (no word of the person)
--   known_since: when the profile was last changed: the state is at least as old as the last word of the person
with people as (
  select {{person(u)}} as person, lower(email) as email, profile_updated_at, unsubscribed_channel_ids,
    unsubscribed_message_type_ids, subscribed_message_type_ids
  from {{streams.users}} as u
),
channels_out as (
  select distinct person, value from people as p, lateral {{elements(p.unsubscribed_channel_ids)}} as element
),
types_out as (
  select distinct person, value from people as p, lateral {{elements(p.unsubscribed_message_type_ids)}} as element
),
types_in as (
  select distinct person, value from people as p, lateral {{elements(p.subscribed_message_type_ids)}} as element
),
states as (
  select
    p.person,
    p.email,
    t.id as message_type_id,
    t.name as message_type,
    t.channel_id,
    c.name as channel,
    c.message_medium as medium,
    t.subscription_policy as policy,
    channels_out.person is not null as is_out_of_channel,
    types_out.person is not null as is_out,
    types_in.person is not null as is_in,
    p.profile_updated_at as known_since
  from people as p
    cross join {{streams.message_types}} as t
    left join {{streams.channels}} as c on c.id = t.channel_id
    left join channels_out on channels_out.person = p.person and channels_out.value = cast(t.channel_id as varchar)
    left join types_out on types_out.person = p.person and types_out.value = cast(t.id as varchar)
    left join types_in on types_in.person = p.person and types_in.value = cast(t.id as varchar)
)
select
  person,
  email,
  message_type_id,
  message_type,
  channel_id,
  channel,
  medium,
  policy,
  not is_out_of_channel and not is_out and (is_in or coalesce(policy, '') <> 'OptIn') as is_subscribed,
  case
    when is_out_of_channel then 'channel'
    when is_out then 'message type'
    when is_in and policy = 'OptIn' then 'message type'
    else 'policy'
  end as decided_by,
  known_since
from states
