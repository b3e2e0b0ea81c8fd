-- The rules that tell machines from people in opens and clicks. To add a rule, or to change one of these (the row of
-- the same name counts instead), insert it into my_bot_rules beside this view: name, kind, pattern, seconds, is_enabled.
-- Kinds: is_bot (Iterable's own flag, filled in since 24 April 2025), proxy_open (an open that names an image proxy, so
-- many seconds after the send at most), fast_open (an open of an e-mail so few seconds after the send), burst_click (clicks
-- on three or more links of one message within so many seconds), user_agent, ip and url (a pattern of LIKE, in lower case).
-- A row without seconds has those that its kind has here: 60, 1 and 10; more than 3,000,000,000 are that many. Of several
-- rules of a kind the widest bound counts. A pattern that ends with a single backslash is taken for NULL: it catches nothing.
-- To take every open through a proxy for a machine's, insert proxy_within_60_s with 1000000000 seconds; opens of messages
-- whose send is not in the warehouse stay a person's.
--
-- Grain: one rule
-- Key: rule
-- Table: my_bot_rules (rule text, kind text, pattern text, seconds double precision, is_enabled boolean)
-- Columns:
--   rule: name of the rule, as bot_events shows it
--   kind: what it looks at: is_bot, proxy_open, fast_open, burst_click, user_agent, ip or url
--   pattern: pattern of LIKE in lower case, for user_agent, ip and url
--   seconds: bound in seconds, for proxy_open, fast_open and burst_click; a row of yours may leave it out
--   is_enabled: false for a rule that catches nothing at present
--   is_own: true for a row of my_bot_rules
with shipped (rule, kind, pattern, seconds, is_enabled) as (
  values
    ('is_bot', 'is_bot', cast(null as varchar), cast(null as double precision), true),
    ('proxy_within_60_s', 'proxy_open', null, 60, true),
    ('open_within_1_s', 'fast_open', null, 1, true),
    ('three_links_within_10_s', 'burst_click', null, 10, false),
    ('agent_barracuda', 'user_agent', '%barracuda%', null, true),
    ('agent_proofpoint', 'user_agent', '%proofpoint%', null, true),
    ('agent_mimecast', 'user_agent', '%mimecast%', null, true),
    ('agent_headless', 'user_agent', '%headlesschrome%', null, true),
    ('agent_python', 'user_agent', 'python-%', null, true),
    ('agent_curl', 'user_agent', 'curl/%', null, true)
)
select rule, kind, pattern, seconds, is_enabled, false as is_own
from shipped
where not exists (select 1 from {{tables.my_bot_rules}} as mine where mine.rule = shipped.rule)
union all
select
  rule,
  kind,
  -- Postgres refuses one that ends within an escape, and with it all that reads the rules.
  case when mod(length(pattern) - length(rtrim(pattern, '\')), 2) = 0 then pattern end,
  least(
    greatest(
      coalesce(seconds, case kind when 'proxy_open' then 60 when 'fast_open' then 1 when 'burst_click' then 10 end), -3e9
    ),
    3e9
  ),
  coalesce(is_enabled, true),
  true
from {{tables.my_bot_rules}}
