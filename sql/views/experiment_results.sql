-- Did the other template really do better? A campaign whose messages were made from several templates is an experiment;
-- each template is set against the one that was sent most (the smallest id, where two were sent as often). The p value is
-- that of a two-sided two-proportion z test with pooled variance: the chance of a difference at least as large if the
-- templates were equal. The interval is that of the difference of the rates, with the variance of each (Wald): the true
-- difference lies in it in 95 of 100 experiments. Human opens and clicks of delivered messages; rates are fractions.
-- Iterable's own figures need the stream experiment_metrics: they are NULL where that is not replicated.
--
-- Grain: one campaign and template, where the campaign has sent more than one template
-- Key: campaign_id, template_id
-- Optional: templates, experiment_metrics, email_send_skip, push_send_skip, in_app_send_skip, sms_send_skip, web_push_send_skip,
--   whatsapp_send_skip, embedded_send_skip, rcs_send_skip
-- Columns:
--   campaign_id: campaign
--   template_id: template, the variant
--   template_name: its name
--   is_control: true for the template that the others are set against
--   sent: messages
--   delivered: messages that did not bounce
--   human_opened: delivered messages that a person opened or clicked
--   human_clicked: delivered messages that a person clicked
--   human_open_rate: human_opened ÷ delivered
--   human_click_rate: human_clicked ÷ delivered
--   control_open_rate: human_open_rate of the control
--   control_click_rate: human_click_rate of the control
--   open_lift: human_open_rate ÷ that of the control − 1; NULL for the control
--   click_lift: human_click_rate ÷ that of the control − 1; NULL for the control
--   open_difference: human_open_rate − that of the control, the absolute lift; NULL for the control
--   open_difference_low: lower bound of its 95 % interval
--   open_difference_high: upper bound of its 95 % interval
--   click_difference: human_click_rate − that of the control; NULL for the control
--   click_difference_low: lower bound of its 95 % interval
--   click_difference_high: upper bound of its 95 % interval
--   open_z: z of the test of opens; NULL for the control, and where none or all were opened
--   click_z: z of the test of clicks
--   open_p_value: p value of the test of opens
--   click_p_value: p value of the test of clicks
--   is_open_significant: true where open_z is 1.96 or more, up or down; NULL where there is no open_z
--   is_click_significant: the same of click_z
--   held_out: sends of the campaign that were skipped for the held-out group of an experiment; NULL where no stream of
--     skips is replicated
--   experiment_id: Iterable's id of the experiment; of several with the template, the one that was measured last
--   iterable_improvement: improvement over the control as Iterable tells it; NULL where it tells none
--   iterable_confidence: confidence as Iterable tells it; NULL where it tells none
with variants as (
  select
    campaign_id,
    template_id,
    count(*) as sent,
    count(*) filter (where is_delivered) as delivered,
    count(*) filter (where is_delivered and is_human_opened) as human_opened,
    count(*) filter (where is_delivered and is_human_clicked) as human_clicked
  from {{marts.message_outcomes}}
  where campaign_id is not null and template_id is not null
  group by campaign_id, template_id
),
ranked as (
  select *,
    row_number() over (partition by campaign_id order by sent desc, template_id) as place,
    count(*) over (partition by campaign_id) as templates
  from variants
),
rates as (
  select
    v.*,
    c.delivered as control_delivered,
    {{rate(v.human_opened, v.delivered)}} as human_open_rate,
    {{rate(v.human_clicked, v.delivered)}} as human_click_rate,
    {{rate(c.human_opened, c.delivered)}} as control_open_rate,
    {{rate(c.human_clicked, c.delivered)}} as control_click_rate,
    {{rate(v.human_opened + c.human_opened, v.delivered + c.delivered)}} as pooled_open_rate,
    {{rate(v.human_clicked + c.human_clicked, v.delivered + c.delivered)}} as pooled_click_rate,
    1 / cast(nullif(v.delivered, 0) as double precision) + 1 / cast(nullif(c.delivered, 0) as double precision) as weight
  from ranked as v
    join ranked as c on c.campaign_id = v.campaign_id and c.place = 1
  where v.templates > 1
),
tested as (
  select *,
    case when place > 1 then human_open_rate - control_open_rate end as open_difference,
    case when place > 1 then human_click_rate - control_click_rate end as click_difference,
    -- Half of the intervals.
    1.96 * sqrt(human_open_rate * (1 - human_open_rate) / nullif(delivered, 0)
      + control_open_rate * (1 - control_open_rate) / nullif(control_delivered, 0)) as open_margin,
    1.96 * sqrt(human_click_rate * (1 - human_click_rate) / nullif(delivered, 0)
      + control_click_rate * (1 - control_click_rate) / nullif(control_delivered, 0)) as click_margin,
    case when place > 1 then
      (human_open_rate - control_open_rate) / nullif(sqrt(pooled_open_rate * (1 - pooled_open_rate) * weight), 0)
    end as open_z,
    case when place > 1 then
      (human_click_rate - control_click_rate) / nullif(sqrt(pooled_click_rate * (1 - pooled_click_rate) * weight), 0)
    end as click_z
  from rates
),
held_out as (
  select campaign_id, count(*) as held_out from {{marts.skip_events}} where is_held_out group by campaign_id
),
measured as (
  select experiment_id, campaign_id, template_id, improvement, confidence,
    row_number() over (partition by campaign_id, template_id order by measured_at desc, experiment_id desc) as place
  from {{streams.experiment_metrics}} as e
)
select
  tested.campaign_id,
  tested.template_id,
  t.name as template_name,
  tested.place = 1 as is_control,
  sent,
  delivered,
  human_opened,
  human_clicked,
  human_open_rate,
  human_click_rate,
  control_open_rate,
  control_click_rate,
  open_difference / nullif(control_open_rate, 0) as open_lift,
  click_difference / nullif(control_click_rate, 0) as click_lift,
  open_difference,
  open_difference - open_margin as open_difference_low,
  open_difference + open_margin as open_difference_high,
  click_difference,
  click_difference - click_margin as click_difference_low,
  click_difference + click_margin as click_difference_high,
  open_z,
  click_z,
  {{two_sided_p(open_z)}} as open_p_value,
  {{two_sided_p(click_z)}} as click_p_value,
  abs(open_z) >= 1.96 as is_open_significant,
  abs(click_z) >= 1.96 as is_click_significant,
  case
    when {{has.email_send_skip}} or {{has.push_send_skip}} or {{has.in_app_send_skip}} or {{has.sms_send_skip}}
      or {{has.web_push_send_skip}} or {{has.whatsapp_send_skip}} or {{has.embedded_send_skip}} or {{has.rcs_send_skip}}
      then coalesce(h.held_out, 0)
  end as held_out,
  m.experiment_id,
  m.improvement as iterable_improvement,
  m.confidence as iterable_confidence
from tested
  left join held_out as h on h.campaign_id = tested.campaign_id
  left join measured as m on m.campaign_id = tested.campaign_id and m.template_id = tested.template_id and m.place = 1
  left join {{streams.templates}} as t on t.template_id = tested.template_id
