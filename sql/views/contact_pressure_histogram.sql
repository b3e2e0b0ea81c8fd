-- How many messages a week are too many: the weeks of people (contact_pressure) by the number of messages in them, with how
-- many of these weeks brought an opt-out or a complaint. Rates are fractions; rows of few weeks swing.
--
-- Grain: one number of messages in a week
-- Key: messages
-- Columns:
--   messages: messages that a person got in a week; 0 for weeks that only have an opt-out or complaint
--   weeks: weeks of people with so many
--   people: people who had such a week
--   unsubscribed: of the weeks, those in which the person opted out
--   complained: of the weeks, those in which the person complained
--   unsubscribe_rate: unsubscribed ÷ weeks
--   complaint_rate: complained ÷ weeks
with counted as (
  select
    messages,
    count(*) as weeks,
    count(distinct person) as people,
    count(*) filter (where is_unsubscribed) as unsubscribed,
    count(*) filter (where is_complained) as complained
  from {{marts.contact_pressure}}
  group by messages
)
select
  messages,
  weeks,
  people,
  unsubscribed,
  complained,
  {{rate(unsubscribed, weeks)}} as unsubscribe_rate,
  {{rate(complained, weeks)}} as complaint_rate
from counted
