-- Why messages of a campaign were not sent, day by day. Attempted are the messages of the campaign that were sent that day
-- and the sends that were skipped that day, without those of the held-out group of an experiment, which nobody meant to
-- send: their share is of attempted and held-out sends together. Skips that name no campaign are in skip_events alone.
--
-- Grain: one campaign, reason and UTC day with a skip
-- Key: campaign_id, reason, day
-- Optional: campaigns
-- Columns:
--   campaign_id: Iterable's id of the campaign
--   campaign_name: its name; NULL where the campaign is gone, or campaigns are not replicated
--   medium: of the sends that were skipped; of several, the first in the alphabet
--   reason: Iterable's word for why, such as FrequencyCapping; unknown where the event has none
--   is_held_out: true for ExperimentHoldOut: the held-out group of an experiment
--   day: UTC day of the skip
--   skipped: sends that were skipped
--   people: whose they were
--   attempted: messages of the campaign sent that day, and its sends skipped that day for any reason but a held-out group
--   share_of_attempted: skipped ÷ attempted; for a held-out group skipped ÷ (attempted + skipped)
with skips as (
  select
    campaign_id,
    coalesce(reason, 'unknown') as reason,
    {{day(skipped_at)}} as day,
    is_held_out,
    min(medium) as medium,
    count(*) as skipped,
    count(distinct person) as people
  from {{marts.skip_events}}
  where campaign_id is not null
  group by 1, 2, 3, 4
),
sends as (
  select campaign_id, {{day(sent_at)}} as day, count(*) as sent
  from {{marts.sent_messages}}
  where campaign_id in (select campaign_id from skips)
  group by 1, 2
),
counted as (
  select
    skips.*,
    coalesce(sends.sent, 0) + cast(coalesce(
      sum(skipped) filter (where not is_held_out) over (partition by skips.campaign_id, skips.day), 0) as bigint) as attempted
  from skips
    left join sends on sends.campaign_id = skips.campaign_id and sends.day = skips.day
)
select
  counted.campaign_id,
  c.name as campaign_name,
  counted.medium,
  counted.reason,
  counted.is_held_out,
  counted.day,
  counted.skipped,
  counted.people,
  counted.attempted,
  {{rate(skipped, case when is_held_out then attempted + skipped else attempted end)}} as share_of_attempted
from counted
  left join {{streams.campaigns}} as c on c.id = counted.campaign_id
