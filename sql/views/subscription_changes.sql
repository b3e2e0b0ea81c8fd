-- Who subscribed to what and who unsubscribed from it, when and by what: the subscribe and unsubscribe events with their
-- arrays taken apart, so that an event that names two lists and a channel makes three changes. A change of a list is no
-- opt-out: people who leave a list may be sent what goes to others. An event may repeat what held before; two
-- that say the same of the same instant are one change. Clicks on the hosted page for unsubscribing are no changes: the
-- unsubscribe that follows is.
--
-- Grain: one person and change of a channel, message type or list
-- Key: occurred_at, person, email, direction, scope, id, source, message_id, campaign_id, workflow_id
-- Optional: email_subscribe, email_unsubscribe, channels, message_types, lists, campaigns, journeys
-- Columns:
--   occurred_at: when
--   person: itblUserId, else userId, else the lower-case e-mail address
--   email: e-mail address in lower case; NULL for people who have none
--   direction: subscribed or unsubscribed
--   scope: channel, message type or list; unknown where the event names none of them
--   id: id of the channel, message type or list, as text; NULL where the scope is unknown
--   name: its name; NULL where it is gone, or its stream is not replicated
--   source: where it came from: signupSource of a subscribe, unsubSource of an unsubscribe; NULL where the event names
--     none
--   message_id: message that it came from; NULL where the event names none
--   campaign_id: campaign of the message; NULL where the event names none
--   campaign_name: its name
--   workflow_id: journey that the event names, else that of the campaign; NULL where neither names one
--   journey: its name
with told as (
  select
    'subscribed' as direction, created_at, {{person(e)}} as person, lower(email) as email, signup_source as source,
    message_id, campaign_id, workflow_id, email_list_id, email_list_ids, channel_ids, message_type_ids,
    cast(null as bigint) as channel_id
  from {{streams.email_subscribe}} as e
  union all
  select
    'unsubscribed', created_at, {{person(e)}}, lower(email), unsub_source,
    message_id, campaign_id, workflow_id, email_list_id, email_list_ids, channel_ids, message_type_ids, channel_id
  from {{streams.email_unsubscribe}} as e
),
-- Whether an event names its journey, or its campaign does, makes no other change of it.
events as (
  select t.direction, t.created_at, t.person, t.email, t.source, t.message_id, t.campaign_id, c.name as campaign_name,
    coalesce(t.workflow_id, c.workflow_id) as workflow_id, t.email_list_id, t.email_list_ids, t.channel_ids,
    t.message_type_ids, t.channel_id
  from told as t
    left join {{streams.campaigns}} as c on c.id = t.campaign_id
),
-- What is told twice, by a single id and in an array or by two events that are alike in all of this, is one change.
changes as (
  select direction, created_at, person, email, source, message_id, campaign_id, campaign_name, workflow_id, 'list' as scope,
    value as id
  from events as e, lateral {{elements(e.email_list_ids)}} as element
  union
  select direction, created_at, person, email, source, message_id, campaign_id, campaign_name, workflow_id, 'list',
    cast(email_list_id as varchar)
  from events
  where email_list_id is not null
  union
  select direction, created_at, person, email, source, message_id, campaign_id, campaign_name, workflow_id, 'channel', value
  from events as e, lateral {{elements(e.channel_ids)}} as element
  union
  select direction, created_at, person, email, source, message_id, campaign_id, campaign_name, workflow_id, 'channel',
    cast(channel_id as varchar)
  from events
  where channel_id is not null
  union
  select direction, created_at, person, email, source, message_id, campaign_id, campaign_name, workflow_id, 'message type', value
  from events as e, lateral {{elements(e.message_type_ids)}} as element
  union
  select direction, created_at, person, email, source, message_id, campaign_id, campaign_name, workflow_id, 'unknown', null
  from events as e
  where email_list_id is null
    and channel_id is null
    and not exists (select 1 from {{elements(e.email_list_ids)}} as element)
    and not exists (select 1 from {{elements(e.channel_ids)}} as element)
    and not exists (select 1 from {{elements(e.message_type_ids)}} as element)
)
select
  x.created_at as occurred_at,
  x.person,
  x.email,
  x.direction,
  x.scope,
  x.id,
  coalesce(h.name, t.name, l.name) as name,
  x.source,
  x.message_id,
  x.campaign_id,
  x.campaign_name,
  x.workflow_id,
  j.name as journey
from changes as x
  left join {{streams.channels}} as h on x.scope = 'channel' and cast(h.id as varchar) = x.id
  left join {{streams.message_types}} as t on x.scope = 'message type' and cast(t.id as varchar) = x.id
  left join {{streams.lists}} as l on x.scope = 'list' and cast(l.id as varchar) = x.id
  left join {{streams.journeys}} as j on j.id = x.workflow_id
