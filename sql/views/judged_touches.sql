-- Every open and click, in all media in one shape, with what bot_rules say of it as long as nobody asks when the message
-- was sent. It is what engagement_events and message_outcomes build upon; look into engagement_events instead.
--
-- Grain: one open or click
-- Key: none
-- Refresh: message_id
-- Columns:
--   medium: email, push, in_app, sms, web_push, whatsapp or embedded
--   action: open or click
--   occurred_at: when
--   message_id: Iterable's id of the message
--   person: itblUserId, else userId, else the lower-case e-mail address
--   campaign_id: campaign of the message
--   template_id: template of the message
--   url: what was clicked; NULL for opens
--   ip: address it came from
--   user_agent: program it came from
--   device: Iterable's word for the program or device
--   country: country of the address
--   proxy_source: image proxy that opened it, such as Gmail
--   flag_rule: the rule that goes by Iterable's own flag, where that is set
--   pattern_rule: the rule whose pattern the program, the address or the link matches
--   burst_rule: the rule that many clicks in a short time meet
--   proxy_rule: the rule that an open through an image proxy meets, if it came at most proxy_seconds after the send
--   proxy_seconds: bound of proxy_rule
--   fast_rule: the rule that an open of an e-mail meets, if it came at most fast_seconds after the send
--   fast_seconds: bound of fast_rule
with rules as (
  select rule, kind, pattern, seconds from {{marts.bot_rules}} where is_enabled
),
-- One row: the rules that need no pattern. Of several of a kind, the widest counts.
bounds as (
  select
    min(rule) filter (where kind = 'is_bot') as is_bot_rule,
    min(rule) filter (where kind = 'proxy_open') as proxy_rule,
    max(seconds) filter (where kind = 'proxy_open') as proxy_seconds,
    min(rule) filter (where kind = 'fast_open') as fast_rule,
    max(seconds) filter (where kind = 'fast_open') as fast_seconds,
    min(rule) filter (where kind = 'burst_click') as burst_rule,
    max(seconds) filter (where kind = 'burst_click') as burst_seconds
  from rules
),
-- Patterns are compared once for each distinct value.
agents as (
  select user_agent, min(rule) as rule
  from (
      select distinct user_agent from {{marts.touch_events}}
      where user_agent is not null and exists (select 1 from rules where kind = 'user_agent')
    ) as seen
    join rules on kind = 'user_agent' and lower(user_agent) like pattern
  group by user_agent
),
addresses as (
  select ip, min(rule) as rule
  from (
      select distinct ip from {{marts.touch_events}}
      where ip is not null and exists (select 1 from rules where kind = 'ip')
    ) as seen
    join rules on kind = 'ip' and lower(ip) like pattern
  group by ip
),
links as (
  select url, min(rule) as rule
  from (
      select distinct url from {{marts.touch_events}}
      where url is not null and exists (select 1 from rules where kind = 'url')
    ) as seen
    join rules on kind = 'url' and lower(url) like pattern
  group by url
),
clicks as (
  select medium, message_id, person, occurred_at, url from {{marts.touch_events}}
  where action = 'click' and exists (select 1 from rules where kind = 'burst_click')
),
bursts as (
  select a.medium, a.message_id, a.person, a.occurred_at
  from clicks as a
    cross join bounds
    join clicks as b on b.medium = a.medium and b.message_id = a.message_id and b.person = a.person
  where abs({{seconds(a.occurred_at, b.occurred_at)}}) <= bounds.burst_seconds
  group by a.medium, a.message_id, a.person, a.occurred_at
  having count(distinct b.url) >= 3
)
select
  t.medium,
  t.action,
  t.occurred_at,
  t.message_id,
  t.person,
  t.campaign_id,
  t.template_id,
  t.url,
  t.ip,
  t.user_agent,
  t.device,
  t.country,
  t.proxy_source,
  case when t.is_bot then bounds.is_bot_rule end as flag_rule,
  coalesce(agents.rule, addresses.rule, links.rule) as pattern_rule,
  case when t.action = 'click' and bursts.message_id is not null then bounds.burst_rule end as burst_rule,
  case when t.action = 'open' and t.proxy_source is not null then bounds.proxy_rule end as proxy_rule,
  case when t.action = 'open' and t.proxy_source is not null then bounds.proxy_seconds end as proxy_seconds,
  case when t.action = 'open' and t.medium = 'email' then bounds.fast_rule end as fast_rule,
  case when t.action = 'open' and t.medium = 'email' then bounds.fast_seconds end as fast_seconds
from {{marts.touch_events}} as t
  cross join bounds
  left join agents on agents.user_agent = t.user_agent
  left join addresses on addresses.ip = t.ip
  left join links on links.url = t.url
  left join bursts on bursts.medium = t.medium and bursts.message_id = t.message_id
    and bursts.person = t.person and bursts.occurred_at = t.occurred_at
