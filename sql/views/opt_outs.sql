-- Every opt-out by e-mail: an unsubscribe that names a channel or message type (one that names only lists is none), and a
-- click of a person on the hosted page for it. The unsubscribes that Iterable makes of hard bounces are no act of a person,
-- and those that it makes of complaints are counted as complaints: neither is an opt-out.
--
-- Grain: one opt-out
-- Key: none
-- Optional: email_unsubscribe, hosted_unsubscribe_click
-- Refresh: message_id
-- Columns:
--   message_id: message that it came from; NULL where the event names none
--   person: itblUserId, else userId, else the lower-case e-mail address
--   occurred_at: when
select message_id, {{person(e)}} as person, created_at as occurred_at
from {{streams.email_unsubscribe}} as e
where coalesce(unsub_source, '') not in ('HardBounce', 'Complaint')
  and (
    channel_id is not null
    or exists (select 1 from {{elements(e.channel_ids)}} as element)
    or exists (select 1 from {{elements(e.message_type_ids)}} as element)
  )
union all
select message_id, {{person(e)}}, created_at
from {{streams.hosted_unsubscribe_click}} as e
where not coalesce(is_bot, false)
