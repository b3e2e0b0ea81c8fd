-- By which media each person can be reached, and why not by the others. False has a reason; NULL is what nobody tells.
-- Ruled out: e-mail where there is no address, its owner complained of a message, or a message bounced hard; push where the
-- profile has no device, or none that takes push messages; SMS and WhatsApp where it has no telephone number; web push
-- where it has no browser; each of them where the person has opted out of every channel of that medium. Whoever is left can
-- be reached by e-mail, push, SMS and web push. A profile does not say who has the app, or WhatsApp: in-app, embedded and
-- WhatsApp messages reach whoever is known to have got, opened or clicked one, and in-app messages also whoever has a
-- device that takes push messages; of the others nobody knows.
-- Profiles and channels are as they were last read. Whether somebody may be sent a message type is in subscription_state;
-- lists that suppress everything, and people who asked to be forgotten, are in suppression_reasons.
--
-- Grain: one person of the users
-- Key: person
-- Needs: users
-- Optional: channels, email_bounce, email_complaint, in_app_delivery, in_app_open, in_app_click, embedded_received,
--   embedded_click, whatsapp_seen, whatsapp_click
-- Columns:
--   person: itblUserId, else userId, else the lower-case e-mail address
--   email: e-mail address in lower case
--   is_email_reachable: can be reached by e-mail
--   email_unreachable_reason: no address, complaint, hard bounce or channel opt-out; of several, the first of these
--   is_push_reachable: can be reached by push messages
--   push_unreachable_reason: no device, switched off or channel opt-out; of several, the first of these
--   is_in_app_reachable: can be reached by in-app messages; NULL where nobody tells whether they have the app
--   in_app_unreachable_reason: channel opt-out
--   is_sms_reachable: can be reached by SMS
--   sms_unreachable_reason: no number or channel opt-out; of both, the first
--   is_web_push_reachable: can be reached by web push messages
--   web_push_unreachable_reason: no browser or channel opt-out; of both, the first
--   is_whatsapp_reachable: can be reached by WhatsApp; NULL where nobody tells whether they have it
--   whatsapp_unreachable_reason: no number or channel opt-out; of both, the first
--   is_embedded_reachable: can be reached by embedded messages; NULL where nobody tells
--   embedded_unreachable_reason: channel opt-out
with people as (
  select
    {{person(u)}} as person,
    max(lower(email)) as email,
    max(nullif(phone_number, '')) as phone_number,
    max(case when browser_tokens not in ('', '[]', '{}') then browser_tokens end) as browser_tokens
  from {{streams.users}} as u
  group by 1
),
devices as (
  select person, bool_or(coalesce(is_enabled, true)) as is_enabled
  from {{marts.user_devices}}
  group by person
),
-- Channels name their medium in words such as Email, InApp and WebPush.
channels as (
  select cast(id as varchar) as channel_id, lower(message_medium) as medium,
    count(*) over (partition by lower(message_medium)) as channels
  from {{streams.channels}} as c
),
left_media as (
  select o.person, c.medium
  from {{marts.user_channel_optouts}} as o
    join channels as c on c.channel_id = o.channel_id
  group by o.person, c.medium
  having count(distinct o.channel_id) = max(c.channels)
),
opt_outs as (
  select
    person,
    bool_or(medium = 'email') as email,
    bool_or(medium = 'push') as push,
    bool_or(medium = 'inapp') as in_app,
    bool_or(medium = 'sms') as sms,
    bool_or(medium = 'webpush') as web_push,
    bool_or(medium = 'whatsapp') as whatsapp,
    bool_or(medium = 'embedded') as embedded
  from left_media
  group by person
),
complaints as (
  select distinct {{person(e)}} as person from {{streams.email_complaint}} as e
),
hard_bounces as (
  select distinct {{person(e)}} as person from {{streams.email_bounce}} as e where recipient_state = 'HardBounce'
),
arrivals as (
  select 'in_app' as medium, {{person(e)}} as person from {{streams.in_app_delivery}} as e
  union all
  select 'in_app', {{person(e)}} from {{streams.in_app_open}} as e
  union all
  select 'in_app', {{person(e)}} from {{streams.in_app_click}} as e
  union all
  select 'embedded', {{person(e)}} from {{streams.embedded_received}} as e
  union all
  select 'embedded', {{person(e)}} from {{streams.embedded_click}} as e
  union all
  select 'whatsapp', {{person(e)}} from {{streams.whatsapp_seen}} as e
  union all
  select 'whatsapp', {{person(e)}} from {{streams.whatsapp_click}} as e
),
reached as (
  select
    person,
    bool_or(medium = 'in_app') as in_app,
    bool_or(medium = 'embedded') as embedded,
    bool_or(medium = 'whatsapp') as whatsapp
  from arrivals
  group by person
),
reasons as (
  select
    p.person,
    p.email,
    case
      when p.email is null then 'no address'
      when c.person is not null then 'complaint'
      when b.person is not null then 'hard bounce'
      when o.email then 'channel opt-out'
    end as email_reason,
    case
      when d.person is null then 'no device'
      when not d.is_enabled then 'switched off'
      when o.push then 'channel opt-out'
    end as push_reason,
    case when o.in_app then 'channel opt-out' end as in_app_reason,
    case when p.phone_number is null then 'no number' when o.sms then 'channel opt-out' end as sms_reason,
    case when p.browser_tokens is null then 'no browser' when o.web_push then 'channel opt-out' end as web_push_reason,
    case when p.phone_number is null then 'no number' when o.whatsapp then 'channel opt-out' end as whatsapp_reason,
    case when o.embedded then 'channel opt-out' end as embedded_reason,
    coalesce(r.in_app, false) or coalesce(d.is_enabled, false) as has_app,
    coalesce(r.whatsapp, false) as has_whatsapp,
    coalesce(r.embedded, false) as has_embedded
  from people as p
    left join devices as d on d.person = p.person
    left join opt_outs as o on o.person = p.person
    left join complaints as c on c.person = p.person
    left join hard_bounces as b on b.person = p.person
    left join reached as r on r.person = p.person
)
select
  person,
  email,
  email_reason is null as is_email_reachable,
  email_reason as email_unreachable_reason,
  push_reason is null as is_push_reachable,
  push_reason as push_unreachable_reason,
  case when in_app_reason is not null then false when has_app then true end as is_in_app_reachable,
  in_app_reason as in_app_unreachable_reason,
  sms_reason is null as is_sms_reachable,
  sms_reason as sms_unreachable_reason,
  web_push_reason is null as is_web_push_reachable,
  web_push_reason as web_push_unreachable_reason,
  case when whatsapp_reason is not null then false when has_whatsapp then true end as is_whatsapp_reachable,
  whatsapp_reason as whatsapp_unreachable_reason,
  case when embedded_reason is not null then false when has_embedded then true end as is_embedded_reachable,
  embedded_reason as embedded_unreachable_reason
from reasons
