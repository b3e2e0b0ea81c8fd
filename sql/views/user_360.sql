-- All that is known of a person, in one row: profile, lists, opt-outs, devices, how they take our messages, what they
-- bought, and whether they may be mailed. It puts user_engagement, user_lists, the opt-outs of the profile, user_devices,
-- purchase_attribution and suppression_reasons side by side; their comments say what their columns mean. Further fields of
-- your profiles are columns of the table users: join it by the itblUserId, userId or address.
--
-- Grain: one person of the users
-- Key: person
-- Needs: users
-- Optional: purchase, forgotten_users
-- Columns:
--   person: itblUserId, else userId, else the lower-case e-mail address
--   email: e-mail address in lower case
--   user_id: userId
--   first_name: firstName of the profile
--   last_name: lastName of the profile
--   phone_number: phoneNumber of the profile
--   signup_at: signupDate of the profile
--   signup_source: signupSource of the profile
--   profile_updated_at: when the profile was last changed
--   lists: static lists that the profile names
--   list_names: names of those that are known, in the order of the alphabet
--   channel_optouts: channels that they opted out of
--   message_type_optouts: message types that they opted out of, one by one
--   message_type_optins: message types that they opted into
--   devices: devices to which push messages may go, or might have gone
--   enabled_devices: of those, the ones that take push messages
--   device_platforms: platforms of the devices, in the order of the alphabet
--   messages: messages sent to them, ever
--   messages_30_days: in the 30 days before the newest message, answer or purchase in the warehouse
--   opened: delivered messages that they opened or clicked, ever
--   clicked: delivered messages that they clicked, ever
--   last_message_at: last message
--   last_open_at: last open or click, be it of a message that they had opened before
--   last_click_at: last click
--   engagement: engaged, lapsing, dormant, cold or never
--   orders: purchases; NULL where the stream purchase is not replicated
--   revenue: their total, in the currency of the purchases
--   average_order_value: revenue ÷ orders
--   first_order_at: first purchase
--   last_order_at: last purchase
--   is_email_reachable: has an address that neither bounced hard nor complained, and is in a channel of e-mail
--   suppression_reason: the first reason not to mail them: hard bounce, complaint, channel opt-out, suppression list or
--     forgotten; NULL where there is none
--   is_forgotten: asked to be forgotten; NULL where the stream forgotten_users is not replicated
with profiles as (
  select
    {{person(u)}} as person,
    max(first_name) as first_name,
    max(last_name) as last_name,
    max(phone_number) as phone_number,
    max(signup_source) as signup_source,
    max(profile_updated_at) as profile_updated_at
  from {{streams.users}} as u
  group by 1
),
on_lists as (
  select person, count(distinct list_id) as lists, string_agg(distinct list_name, ', ' order by list_name) as list_names
  from {{marts.user_lists}}
  group by person
),
channels_out as (
  select person, count(distinct channel_id) as channels from {{marts.user_channel_optouts}} group by person
),
types_out as (
  select person, count(distinct message_type_id) as types from {{marts.user_message_type_optouts}} group by person
),
types_in as (
  select person, count(distinct message_type_id) as types from {{marts.user_message_type_optins}} group by person
),
devices as (
  select
    person,
    count(distinct token) as devices,
    count(distinct token) filter (where is_enabled) as enabled_devices,
    string_agg(distinct platform, ', ' order by platform) as platforms
  from {{marts.user_devices}}
  group by person
),
firsts as (
  select person, min(purchased_at) as first_order_at from {{marts.purchase_attribution}} group by person
),
suppressed as (
  select person, min(reason) filter (where is_first) as reason, bool_or(reason = 'forgotten') as is_forgotten
  from {{marts.suppression_reasons}}
  group by person
)
select
  e.person,
  e.email,
  e.user_id,
  p.first_name,
  p.last_name,
  p.phone_number,
  e.signup_at,
  p.signup_source,
  p.profile_updated_at,
  coalesce(l.lists, 0) as lists,
  l.list_names,
  coalesce(c.channels, 0) as channel_optouts,
  coalesce(o.types, 0) as message_type_optouts,
  coalesce(i.types, 0) as message_type_optins,
  coalesce(d.devices, 0) as devices,
  coalesce(d.enabled_devices, 0) as enabled_devices,
  d.platforms as device_platforms,
  e.messages,
  e.messages_30_days,
  e.opened,
  e.clicked,
  e.last_message_at,
  e.last_open_at,
  e.last_click_at,
  e.engagement,
  e.orders,
  e.revenue,
  {{rate(e.revenue, e.orders)}} as average_order_value,
  f.first_order_at,
  e.last_order_at,
  e.is_email_reachable,
  s.reason as suppression_reason,
  case when {{has.forgotten_users}} then coalesce(s.is_forgotten, false) end as is_forgotten
from {{marts.user_engagement}} as e
  join profiles as p on p.person = e.person
  left join on_lists as l on l.person = e.person
  left join channels_out as c on c.person = e.person
  left join types_out as o on o.person = e.person
  left join types_in as i on i.person = e.person
  left join devices as d on d.person = e.person
  left join firsts as f on f.person = e.person
  left join suppressed as s on s.person = e.person
