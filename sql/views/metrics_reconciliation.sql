-- Are these the numbers that Iterable shows? Our counts of events beside Iterable's own metrics of each campaign, with the
-- difference and what it most likely comes from. Ours are the events up to the moment of measuring that name the campaign;
-- people are told apart by itblUserId, else userId, else the lower-case e-mail address. Some differences are to be expected:
-- Iterable filters opens and clicks since 24 April 2025, and counts what happened before the warehouse begins.
--
-- Grain: one campaign and metric that Iterable has counted and we can count
-- Key: campaign_id, metric
-- Needs: campaign_metrics
-- Optional: campaigns, email_send, email_bounce, email_open, email_click, email_complaint, email_unsubscribe,
--   email_send_skip, push_send, push_bounce, push_open, sms_send, sms_bounce, sms_click, in_app_send, in_app_open,
--   in_app_click, web_push_send, web_push_click, purchase
-- Columns:
--   campaign_id: Iterable's id of the campaign
--   campaign_name: its name
--   metric: heading of Iterable's metrics
--   measured_at: when Iterable counted
--   ours: events or people in the warehouse; NULL where the stream is not replicated (of deliveries: sends or bounces)
--   iterable: what Iterable counts
--   difference: ours - iterable
--   difference_rate: difference ÷ iterable; NULL where Iterable counts none
--   verdict: equal, close (within 1 %), differs, or unknown (the stream is not replicated)
--   likely_cause: of a difference: stream not replicated; before the warehouse begins (the campaign is older than our first
--     event of the stream); filtered since 24 April 2025 (for filtered metrics of older campaigns); still arriving (an event
--     came within a day before the measuring); unexplained
with metrics as (
  select id as campaign_id, measured_at,
    total_email_sends, unique_email_sends, total_emails_delivered, total_emails_bounced, unique_emails_bounced,
    total_email_opens, unique_email_opens, total_email_opens_filtered, unique_email_opens_filtered,
    total_emails_clicked, unique_email_clicks, total_emails_clicked_filtered, unique_email_clicks_filtered,
    total_complaints, total_unsubscribes, unique_unsubscribes, total_email_send_skips, total_pushes_sent,
    total_pushes_bounced, total_pushes_opened, unique_pushes_opened, total_sms_sent, total_sms_bounced,
    total_sms_clicks, unique_sms_clicks, total_in_app_sent, total_in_app_opens, total_in_app_clicks,
    total_web_pushes_sent, total_web_push_clicks, total_purchases, unique_purchases
  from {{streams.campaign_metrics}} as m
),
claimed as (
  select campaign_id, measured_at, 'Total Email Sends' as metric, total_email_sends as iterable from metrics
  union all
  select campaign_id, measured_at, 'Unique Email Sends', unique_email_sends from metrics
  union all
  select campaign_id, measured_at, 'Total Emails Delivered', total_emails_delivered from metrics
  union all
  select campaign_id, measured_at, 'Total Emails Bounced', total_emails_bounced from metrics
  union all
  select campaign_id, measured_at, 'Unique Emails Bounced', unique_emails_bounced from metrics
  union all
  select campaign_id, measured_at, 'Total Email Opens', total_email_opens from metrics
  union all
  select campaign_id, measured_at, 'Unique Email Opens', unique_email_opens from metrics
  union all
  select campaign_id, measured_at, 'Total Email Opens (filtered)', total_email_opens_filtered from metrics
  union all
  select campaign_id, measured_at, 'Unique Email Opens (filtered)', unique_email_opens_filtered from metrics
  union all
  select campaign_id, measured_at, 'Total Emails Clicked', total_emails_clicked from metrics
  union all
  select campaign_id, measured_at, 'Unique Email Clicks', unique_email_clicks from metrics
  union all
  select campaign_id, measured_at, 'Total Emails Clicked (filtered)', total_emails_clicked_filtered from metrics
  union all
  select campaign_id, measured_at, 'Unique Email Clicks (filtered)', unique_email_clicks_filtered from metrics
  union all
  select campaign_id, measured_at, 'Total Complaints', total_complaints from metrics
  union all
  select campaign_id, measured_at, 'Total Unsubscribes', total_unsubscribes from metrics
  union all
  select campaign_id, measured_at, 'Unique Unsubscribes', unique_unsubscribes from metrics
  union all
  select campaign_id, measured_at, 'Total Email Send Skips', total_email_send_skips from metrics
  union all
  select campaign_id, measured_at, 'Total Pushes Sent', total_pushes_sent from metrics
  union all
  select campaign_id, measured_at, 'Total Pushes Bounced', total_pushes_bounced from metrics
  union all
  select campaign_id, measured_at, 'Total Pushes Opened', total_pushes_opened from metrics
  union all
  select campaign_id, measured_at, 'Unique Pushes Opened', unique_pushes_opened from metrics
  union all
  select campaign_id, measured_at, 'Total SMS Sent', total_sms_sent from metrics
  union all
  select campaign_id, measured_at, 'Total SMS Bounced', total_sms_bounced from metrics
  union all
  select campaign_id, measured_at, 'Total SMS Clicks', total_sms_clicks from metrics
  union all
  select campaign_id, measured_at, 'Unique SMS Clicks', unique_sms_clicks from metrics
  union all
  select campaign_id, measured_at, 'Total In-App Sent', total_in_app_sent from metrics
  union all
  select campaign_id, measured_at, 'Total In-App Opens', total_in_app_opens from metrics
  union all
  select campaign_id, measured_at, 'Total In-App Clicks', total_in_app_clicks from metrics
  union all
  select campaign_id, measured_at, 'Total Web Pushes Sent', total_web_pushes_sent from metrics
  union all
  select campaign_id, measured_at, 'Total Web Push Clicks', total_web_push_clicks from metrics
  union all
  select campaign_id, measured_at, 'Total Purchases', total_purchases from metrics
  union all
  select campaign_id, measured_at, 'Unique Purchases', unique_purchases from metrics
),
sources (metric, stream, kind) as (
  values
    ('Total Email Sends', 'email_send', 'total'),
    ('Unique Email Sends', 'email_send', 'people'),
    ('Total Emails Delivered', 'email_delivered', 'total'),
    ('Total Emails Bounced', 'email_bounce', 'total'),
    ('Unique Emails Bounced', 'email_bounce', 'people'),
    ('Total Email Opens', 'email_open', 'total'),
    ('Unique Email Opens', 'email_open', 'people'),
    ('Total Email Opens (filtered)', 'email_open', 'human'),
    ('Unique Email Opens (filtered)', 'email_open', 'human_people'),
    ('Total Emails Clicked', 'email_click', 'total'),
    ('Unique Email Clicks', 'email_click', 'people'),
    ('Total Emails Clicked (filtered)', 'email_click', 'human'),
    ('Unique Email Clicks (filtered)', 'email_click', 'human_people'),
    ('Total Complaints', 'email_complaint', 'total'),
    ('Total Unsubscribes', 'email_unsubscribe', 'total'),
    ('Unique Unsubscribes', 'email_unsubscribe', 'people'),
    ('Total Email Send Skips', 'email_send_skip', 'total'),
    ('Total Pushes Sent', 'push_send', 'total'),
    ('Total Pushes Bounced', 'push_bounce', 'total'),
    ('Total Pushes Opened', 'push_open', 'total'),
    ('Unique Pushes Opened', 'push_open', 'people'),
    ('Total SMS Sent', 'sms_send', 'total'),
    ('Total SMS Bounced', 'sms_bounce', 'total'),
    ('Total SMS Clicks', 'sms_click', 'total'),
    ('Unique SMS Clicks', 'sms_click', 'people'),
    ('Total In-App Sent', 'in_app_send', 'total'),
    ('Total In-App Opens', 'in_app_open', 'total'),
    ('Total In-App Clicks', 'in_app_click', 'total'),
    ('Total Web Pushes Sent', 'web_push_send', 'total'),
    ('Total Web Push Clicks', 'web_push_click', 'total'),
    ('Total Purchases', 'purchase', 'total'),
    ('Unique Purchases', 'purchase', 'people')
),
replicated as (
  select 'email_send' as stream, {{has.email_send}} as is_replicated
  union all
  select 'email_bounce', {{has.email_bounce}}
  union all
  select 'email_open', {{has.email_open}}
  union all
  select 'email_click', {{has.email_click}}
  union all
  select 'email_complaint', {{has.email_complaint}}
  union all
  select 'email_unsubscribe', {{has.email_unsubscribe}}
  union all
  select 'email_send_skip', {{has.email_send_skip}}
  union all
  select 'push_send', {{has.push_send}}
  union all
  select 'push_bounce', {{has.push_bounce}}
  union all
  select 'push_open', {{has.push_open}}
  union all
  select 'sms_send', {{has.sms_send}}
  union all
  select 'sms_bounce', {{has.sms_bounce}}
  union all
  select 'sms_click', {{has.sms_click}}
  union all
  select 'in_app_send', {{has.in_app_send}}
  union all
  select 'in_app_open', {{has.in_app_open}}
  union all
  select 'in_app_click', {{has.in_app_click}}
  union all
  select 'web_push_send', {{has.web_push_send}}
  union all
  select 'web_push_click', {{has.web_push_click}}
  union all
  select 'purchase', {{has.purchase}}
),
events as (
  select 'email_send' as stream, campaign_id, created_at, {{person(e)}} as person, false as is_bot from {{streams.email_send}} as e
  union all
  select 'email_bounce', campaign_id, created_at, {{person(e)}}, false from {{streams.email_bounce}} as e
  union all
  select 'email_open', campaign_id, created_at, {{person(e)}}, is_bot from {{streams.email_open}} as e
  union all
  select 'email_click', campaign_id, created_at, {{person(e)}}, is_bot from {{streams.email_click}} as e
  union all
  select 'email_complaint', campaign_id, created_at, {{person(e)}}, false from {{streams.email_complaint}} as e
  union all
  select 'email_unsubscribe', campaign_id, created_at, {{person(e)}}, false from {{streams.email_unsubscribe}} as e
  union all
  select 'email_send_skip', campaign_id, created_at, {{person(e)}}, false from {{streams.email_send_skip}} as e
  union all
  select 'push_send', campaign_id, created_at, {{person(e)}}, false from {{streams.push_send}} as e
  union all
  select 'push_bounce', campaign_id, created_at, {{person(e)}}, false from {{streams.push_bounce}} as e
  union all
  select 'push_open', campaign_id, created_at, {{person(e)}}, false from {{streams.push_open}} as e
  union all
  select 'sms_send', campaign_id, created_at, {{person(e)}}, false from {{streams.sms_send}} as e
  union all
  select 'sms_bounce', campaign_id, created_at, {{person(e)}}, false from {{streams.sms_bounce}} as e
  union all
  select 'sms_click', campaign_id, created_at, {{person(e)}}, is_bot from {{streams.sms_click}} as e
  union all
  select 'in_app_send', campaign_id, created_at, {{person(e)}}, false from {{streams.in_app_send}} as e
  union all
  select 'in_app_open', campaign_id, created_at, {{person(e)}}, false from {{streams.in_app_open}} as e
  union all
  select 'in_app_click', campaign_id, created_at, {{person(e)}}, false from {{streams.in_app_click}} as e
  union all
  select 'web_push_send', campaign_id, created_at, {{person(e)}}, false from {{streams.web_push_send}} as e
  union all
  select 'web_push_click', campaign_id, created_at, {{person(e)}}, false from {{streams.web_push_click}} as e
  union all
  select 'purchase', campaign_id, created_at, {{person(e)}}, false from {{streams.purchase}} as e
),
begun as (
  select stream, min(created_at) as begins_at from events group by stream
),
counted as (
  select
    e.stream,
    e.campaign_id,
    count(*) as total,
    count(distinct e.person) as people,
    count(*) filter (where not coalesce(e.is_bot, false)) as human,
    count(distinct e.person) filter (where not coalesce(e.is_bot, false)) as human_people,
    max(e.created_at) as last_at
  from events as e
    join metrics as m on m.campaign_id = e.campaign_id and e.created_at <= m.measured_at
  group by 1, 2
),
-- There is no event of delivery.
delivered as (
  select campaign_id, sum(case stream when 'email_send' then total else -total end) as total, max(last_at) as last_at
  from counted
  where stream in ('email_send', 'email_bounce')
  group by campaign_id
),
compared as (
  select
    c.campaign_id,
    c.metric,
    c.measured_at,
    c.iterable,
    s.stream,
    case
      when not r.is_replicated or s.stream = 'email_delivered' and not {{has.email_bounce}} then null
      when s.stream = 'email_delivered' then coalesce(d.total, 0)
      when s.kind = 'total' then coalesce(n.total, 0)
      when s.kind = 'people' then coalesce(n.people, 0)
      when s.kind = 'human' then coalesce(n.human, 0)
      else coalesce(n.human_people, 0)
    end as ours,
    r.stream as events_of,
    coalesce(n.last_at, d.last_at) as last_at
  from claimed as c
    join sources as s on s.metric = c.metric
    join replicated as r on r.stream = case s.stream when 'email_delivered' then 'email_send' else s.stream end
    left join counted as n on n.campaign_id = c.campaign_id and n.stream = s.stream
    left join delivered as d on d.campaign_id = c.campaign_id and s.stream = 'email_delivered'
  where c.iterable is not null
)
select
  p.campaign_id,
  k.name as campaign_name,
  p.metric,
  p.measured_at,
  cast(p.ours as bigint) as ours,
  cast(p.iterable as bigint) as iterable,
  cast(p.ours - p.iterable as bigint) as difference,
  {{rate(p.ours - p.iterable, p.iterable)}} as difference_rate,
  case
    when p.ours is null then 'unknown'
    when p.ours = p.iterable then 'equal'
    when abs(p.ours - p.iterable) <= 0.01 * p.iterable then 'close'
    else 'differs'
  end as verdict,
  case
    when p.ours is null then 'stream not replicated'
    when p.ours = p.iterable then null
    when p.ours < p.iterable and (b.begins_at is null or coalesce(k.start_at, k.created_at) < b.begins_at)
      then 'before the warehouse begins'
    when p.metric like '%(filtered)' and coalesce(k.start_at, k.created_at) < timestamptz '2025-04-24 00:00:00+00'
      then 'filtered since 24 April 2025'
    when p.last_at > p.measured_at - interval '1 day' then 'still arriving'
    else 'unexplained'
  end as likely_cause
from compared as p
  left join begun as b on b.stream = p.events_of
  left join {{streams.campaigns}} as k on k.id = p.campaign_id
