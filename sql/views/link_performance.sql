-- Which links of a campaign people follow. A link is its address up to the question mark: what is added to tell people or
-- campaigns apart makes no other link. Clicks count by their campaign, also where the send is not in the warehouse; those
-- that name no link, as in media whose clicks do not tell it, are in no row.
--
-- Grain: one campaign and link
-- Key: campaign_id, link
-- Optional: campaigns
-- Columns:
--   campaign_id: campaign whose message was clicked
--   campaign_name: its name
--   link: address without what follows the question mark
--   clicks: clicks, those of machines included
--   human_clicks: clicks of people
--   human_share: human_clicks ÷ clicks
--   people: people who clicked it
--   people_share: people ÷ people who clicked any link of the campaign; NULL where none did
--   median_seconds_to_click: half of the messages were first clicked there within so many seconds after their send; clicks of
--     people, on messages whose send is in the warehouse
with clicks as (
  select campaign_id, split_part(url, '?', 1) as link, medium, message_id, person, occurred_at,
    coalesce(flag_rule, pattern_rule, burst_rule) is null as is_human
  from {{marts.judged_touches}}
  where action = 'click' and campaign_id is not null and url is not null
),
followed as (
  select campaign_id, link, medium, message_id, person,
    count(*) as clicks,
    count(*) filter (where is_human) as human_clicks,
    min(occurred_at) filter (where is_human) as first_human_click_at
  from clicks
  group by campaign_id, link, medium, message_id, person
),
-- A message to several devices is as old as its first send.
timed as (
  select f.campaign_id, f.link, f.medium, f.message_id, f.person, f.clicks, f.human_clicks,
    {{seconds(min(s.sent_at), f.first_human_click_at)}} as seconds_to_click
  from followed as f
    left join {{marts.send_events}} as s on s.medium = f.medium and s.message_id = f.message_id and s.person = f.person
  group by f.campaign_id, f.link, f.medium, f.message_id, f.person, f.clicks, f.human_clicks, f.first_human_click_at
),
links as (
  select
    campaign_id,
    link,
    cast(sum(clicks) as bigint) as clicks,
    cast(sum(human_clicks) as bigint) as human_clicks,
    count(distinct person) filter (where human_clicks > 0) as people,
    percentile_cont(0.5) within group (order by seconds_to_click)
      filter (where seconds_to_click is not null) as median_seconds_to_click
  from timed
  group by campaign_id, link
),
clickers as (
  select campaign_id, count(distinct person) as people from clicks where is_human group by campaign_id
)
select
  l.campaign_id,
  c.name as campaign_name,
  l.link,
  l.clicks,
  l.human_clicks,
  {{rate(l.human_clicks, l.clicks)}} as human_share,
  l.people,
  {{rate(l.people, k.people)}} as people_share,
  l.median_seconds_to_click
from links as l
  left join clickers as k on k.campaign_id = l.campaign_id
  left join {{streams.campaigns}} as c on c.id = l.campaign_id
