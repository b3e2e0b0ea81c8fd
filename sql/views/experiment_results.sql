-- Did the other template really do better? A campaign whose messages were made from several templates is an experiment;
-- each template is set against the one that was sent most (the smallest id, where two were sent as often). The p value is
-- that of a two-sided two-proportion z test with pooled variance: the chance of a difference at least as large if the
-- templates were equal. Human opens and clicks of delivered messages; rates are fractions.
--
-- Grain: one campaign and template, where the campaign has sent more than one template
-- Optional: templates
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
--   open_lift: human_open_rate ÷ that of the control − 1; NULL for the control
--   click_lift: human_click_rate ÷ that of the control − 1; NULL for the control
--   open_z: z of the test of opens; NULL for the control, and where none or all were opened
--   click_z: z of the test of clicks
--   open_p_value: p value of the test of opens
--   click_p_value: p value of the test of clicks
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
    case when place > 1 then
      (human_open_rate - control_open_rate) / nullif(sqrt(pooled_open_rate * (1 - pooled_open_rate) * weight), 0)
    end as open_z,
    case when place > 1 then
      (human_click_rate - control_click_rate) / nullif(sqrt(pooled_click_rate * (1 - pooled_click_rate) * weight), 0)
    end as click_z
  from rates
)
select
  tested.campaign_id,
  tested.template_id,
  t.name as template_name,
  place = 1 as is_control,
  sent,
  delivered,
  human_opened,
  human_clicked,
  human_open_rate,
  human_click_rate,
  case when place > 1 then human_open_rate / nullif(control_open_rate, 0) - 1 end as open_lift,
  case when place > 1 then human_click_rate / nullif(control_click_rate, 0) - 1 end as click_lift,
  open_z,
  click_z,
  {{two_sided_p(open_z)}} as open_p_value,
  {{two_sided_p(click_z)}} as click_p_value
from tested
  left join {{streams.templates}} as t on t.template_id = tested.template_id
