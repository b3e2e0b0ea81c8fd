-- Why e-mail bounces, and where: bounces by day, mailbox provider, status and kind. A message that bounces twice on a day
-- with one status counts once there. The text of a reason is that of the unsubscribes which Iterable makes of bounces.
--
-- Grain: one UTC day, mailbox provider, status and kind of bounce
-- Key: day, mailbox_provider, status, bounce_kind
-- Needs: email_bounce
-- Optional: email_unsubscribe
-- Columns:
--   day: UTC day of the bounce
--   mailbox_provider: Gmail, Microsoft, Yahoo, Apple, GMX/Web.de or other; unknown where the event names no address
--   status: what the receiving server answered, such as 5.1.1; unknown where the event has none
--   status_class: what the first two numbers say: address (x.1), mailbox (x.2), mail system (x.3), network (x.4), protocol
--     (x.5), content (x.6), policy (x.7) or other
--   bounce_kind: hard or soft, by the event itself
--   bounces: bounces
--   messages: messages that bounced
--   addresses: e-mail addresses that bounced
--   sample_text: what a receiving server wrote of such a bounce (of several texts, the first in the alphabet); NULL where
--     the stream email_unsubscribe is not replicated, or no unsubscribe of these messages has one
with bounces as (
  select
    {{day(created_at)}} as day,
    lower(email) as email,
    coalesce(status, 'unknown') as status,
    case when recipient_state = 'HardBounce' then 'hard' else 'soft' end as bounce_kind,
    message_id,
    {{person(e)}} as person
  from {{streams.email_bounce}} as e
),
texts as (
  select message_id, {{person(e)}} as person, min(bounce_message) as bounce_message
  from {{streams.email_unsubscribe}} as e
  where bounce_message is not null and message_id is not null
  group by 1, 2
)
select
  b.day,
  coalesce({{provider(nullif(split_part(b.email, '@', 2), ''))}}, 'unknown') as mailbox_provider,
  b.status,
  case
    when b.status like '_.1.%' then 'address'
    when b.status like '_.2.%' then 'mailbox'
    when b.status like '_.3.%' then 'mail system'
    when b.status like '_.4.%' then 'network'
    when b.status like '_.5.%' then 'protocol'
    when b.status like '_.6.%' then 'content'
    when b.status like '_.7.%' then 'policy'
    else 'other'
  end as status_class,
  b.bounce_kind,
  count(*) as bounces,
  count(distinct b.message_id) as messages,
  count(distinct b.email) as addresses,
  min(t.bounce_message) as sample_text
from bounces as b
  left join texts as t on t.message_id = b.message_id and t.person = b.person
group by 1, 2, 3, 4, 5
