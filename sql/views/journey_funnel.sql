-- Where people leave a journey: its campaigns in the order in which people usually get them, with how many got each, how
-- many went on to a later one, and how many left the journey after it. A person counts once in a step, however often they
-- went through the journey. A campaign belongs to the journey that it names (workflowId); messages of a person in a
-- journey before the warehouse begins are not known. Why a person left is not told: Iterable documents no reason in its
-- journeyExit; where yours carry further fields, they are columns of journey_exit.
--
-- Grain: one journey and step (campaign that has sent)
-- Key: workflow_id, campaign_id
-- Needs: campaigns
-- Optional: journeys, journey_exit
-- Columns:
--   workflow_id: the journey
--   journey: its name
--   step: 1 for the campaign that people get first; steps are in the order of the median time since a person's first message
--   campaign_id: the campaign
--   campaign_name: its name
--   entered: people with any message of the journey
--   sent: people who got a message of this step
--   human_opened: of those, people who opened or clicked one
--   human_clicked: of those, people who clicked one
--   went_on: of those, people who got a message of a later step
--   exited: of those, people with an exit from the journey that came after this step and before any further one; NULL where
--     the stream journey_exit is not replicated
--   sent_rate: sent ÷ entered
--   human_open_rate: human_opened ÷ sent
--   human_click_rate: human_clicked ÷ sent
--   drop_off_rate: people of the step who did not go on ÷ sent; of the last step it is 1
--   median_days_since_entry: half of the people got this step within so many days after their first message of the journey
with members as (
  select id as campaign_id, name as campaign_name, workflow_id
  from {{streams.campaigns}} as c
  where workflow_id is not null
),
reached as (
  select
    c.workflow_id,
    m.campaign_id,
    m.person,
    min(m.sent_at) as reached_at,
    bool_or(m.is_human_opened) as is_opened,
    bool_or(m.is_human_clicked) as is_clicked
  from {{marts.message_outcomes}} as m
    join members as c on c.campaign_id = m.campaign_id
  group by 1, 2, 3
),
entries as (
  select workflow_id, person, min(reached_at) as entered_at from reached group by 1, 2
),
entered as (
  select workflow_id, count(*) as entered from entries group by 1
),
steps as (
  select
    r.workflow_id,
    r.campaign_id,
    count(*) as sent,
    count(*) filter (where r.is_opened) as human_opened,
    count(*) filter (where r.is_clicked) as human_clicked,
    percentile_cont(0.5) within group (order by {{seconds(e.entered_at, r.reached_at)}}) as median_seconds
  from reached as r
    join entries as e on e.workflow_id = r.workflow_id and e.person = r.person
  group by 1, 2
),
ordered as (
  select *, row_number() over (partition by workflow_id order by median_seconds, campaign_id) as step from steps
),
placed as (
  select r.workflow_id, r.campaign_id, r.person, r.reached_at, o.step,
    max(o.step) over (partition by r.workflow_id, r.person) as last_step
  from reached as r
    join ordered as o on o.workflow_id = r.workflow_id and o.campaign_id = r.campaign_id
),
onward as (
  select workflow_id, campaign_id, count(*) filter (where last_step > step) as went_on
  from placed
  group by 1, 2
),
exits as (
  select distinct workflow_id, {{person(e)}} as person, created_at from {{streams.journey_exit}} as e
),
-- The step that was the latest when the person left.
exit_steps as (
  select p.workflow_id, p.campaign_id, p.person,
    row_number() over (
      partition by x.workflow_id, x.person, x.created_at order by p.reached_at desc, p.step desc
    ) as place
  from exits as x
    join placed as p on p.workflow_id = x.workflow_id and p.person = x.person and p.reached_at <= x.created_at
),
exited as (
  select workflow_id, campaign_id, count(distinct person) as exited
  from exit_steps
  where place = 1
  group by 1, 2
)
select
  o.workflow_id,
  j.name as journey,
  o.step,
  o.campaign_id,
  c.campaign_name,
  n.entered,
  o.sent,
  o.human_opened,
  o.human_clicked,
  w.went_on,
  case when {{has.journey_exit}} then coalesce(x.exited, 0) end as exited,
  {{rate(o.sent, n.entered)}} as sent_rate,
  {{rate(o.human_opened, o.sent)}} as human_open_rate,
  {{rate(o.human_clicked, o.sent)}} as human_click_rate,
  {{rate(o.sent - w.went_on, o.sent)}} as drop_off_rate,
  o.median_seconds / 86400 as median_days_since_entry
from ordered as o
  join members as c on c.campaign_id = o.campaign_id
  join entered as n on n.workflow_id = o.workflow_id
  join onward as w on w.workflow_id = o.workflow_id and w.campaign_id = o.campaign_id
  left join exited as x on x.workflow_id = o.workflow_id and x.campaign_id = o.campaign_id
  left join {{streams.journeys}} as j on j.id = o.workflow_id
