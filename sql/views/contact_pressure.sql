-- How much we send to each person, week by week, and what they make of it: messages by medium, and whether the person opted
-- out or complained in that week. Weeks go from Monday to Sunday in UTC. Opt-outs are
-- those of opt_outs. contact_pressure_histogram sums it up.
--
-- Grain: one person and week in which they got a message, opted out or complained
-- Key: person, week
-- Optional: email_complaint
-- Columns:
--   person: itblUserId, else userId, else the lower-case e-mail address
--   week: Monday of the week
--   messages: messages sent to them, in all media
--   email_messages: of those, e-mails
--   push_messages: of those, push messages, web push included
--   sms_messages: of those, SMS
--   other_messages: of those, messages in any other medium
--   is_unsubscribed: they opted out in that week
--   is_complained: they complained in that week
with events as (
  select person, sent_at as occurred_at, medium, 'message' as what from {{marts.sent_messages}}
  union all
  select person, occurred_at, null, 'unsubscribe' from {{marts.opt_outs}}
  union all
  select {{person(e)}}, created_at, null, 'complaint' from {{streams.email_complaint}} as e
)
select
  person,
  cast(date_trunc('week', occurred_at at time zone 'UTC') as date) as week,
  count(*) filter (where what = 'message') as messages,
  count(*) filter (where medium = 'email') as email_messages,
  count(*) filter (where medium in ('push', 'web_push')) as push_messages,
  count(*) filter (where medium = 'sms') as sms_messages,
  count(*) filter (where medium not in ('email', 'push', 'web_push', 'sms')) as other_messages,
  bool_or(what = 'unsubscribe') as is_unsubscribed,
  bool_or(what = 'complaint') as is_complained
from events
where person is not null
group by 1, 2
