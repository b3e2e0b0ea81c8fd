-- How each template did within a campaign: counts, rates and revenue as in campaign_performance, for the messages that were
-- made from it. The template is that of the message itself, so that the variants of an experiment are told apart. The subject
-- and the preheader are those of the default locale, as they were last read; NULL where email_templates is not replicated.
-- Revenue is that of purchase_attribution. A purchase that names the campaign and no template counts for the template of the
-- last message of the campaign to the buyer before it; where there was none, for no template.
-- What nobody tells is NULL, as in campaign_performance.
--
-- Grain: one campaign and template that has sent
-- Key: campaign_id, template_id
-- Optional: campaigns, templates, email_templates, purchase, email_bounce, push_bounce, sms_bounce, whatsapp_bounce,
--   email_open, push_open, in_app_open, whatsapp_seen, email_click, in_app_click, sms_click, web_push_click,
--   whatsapp_click, embedded_click, email_complaint, email_unsubscribe
-- Columns:
--   campaign_id: Iterable's id of the campaign; NULL for messages that name none
--   campaign_name: its name
--   template_id: Iterable's id of the template
--   template_name: its name
--   subject: subject of its e-mails
--   preheader: what mail programs show beside the subject
--   medium: of its messages: email, push, in_app, sms, web_push, whatsapp, embedded or rcs
--   first_sent_at: its first message
--   last_sent_at: its last message
--   sent: messages
--   delivered: messages that did not bounce, as far as is told
--   bounced: messages that bounced; delivered + bounced = sent
--   hard_bounced: messages that bounced hard
--   soft_bounced: messages that bounced, none of it hard
--   opened: delivered messages with an open, those of machines included
--   human_opened: delivered messages that a person opened or clicked
--   clicked: delivered messages with a click, those of machines included
--   human_clicked: delivered messages that a person clicked
--   opened_or_clicked: delivered messages with an open or a click
--   complained: delivered messages with a complaint
--   unsubscribed: delivered messages with an unsubscribe from a channel or message type
--   share_of_campaign: sent ÷ messages of the campaign that name a template
--   delivery_rate: delivered ÷ sent; NULL where bounces are not told
--   bounce_rate: bounced ÷ sent
--   hard_bounce_rate: hard_bounced ÷ sent
--   soft_bounce_rate: soft_bounced ÷ sent
--   open_rate: opened ÷ delivered
--   human_open_rate: human_opened ÷ delivered
--   click_rate: clicked ÷ delivered
--   human_click_rate: human_clicked ÷ delivered
--   click_to_open_rate: clicked ÷ opened_or_clicked, as Iterable defines it
--   human_click_to_open_rate: human_clicked ÷ human_opened
--   complaint_rate: complained ÷ delivered
--   complaint_alert: warning where complaint_rate is above 0.001, critical from 0.003 on; NULL below
--   unsubscribe_rate: unsubscribed ÷ delivered
--   orders: purchases that name the campaign themselves, and this template or none
--   revenue: their total, in the currency of the purchases
--   revenue_per_thousand: revenue for each 1,000 delivered messages
--   click_orders: purchases within the window after a human click (5 days by default), that of a message of this campaign and
--     template being the last
--   click_revenue: their total
--   click_revenue_per_thousand: click_revenue for each 1,000 delivered messages
with totals as (
  select
    campaign_id,
    template_id,
    min(medium) as medium,
    min(sent_at) as first_sent_at,
    max(sent_at) as last_sent_at,
    count(*) as sent,
    count(*) filter (where is_delivered) as delivered,
    count(*) filter (where not is_delivered) as bounced,
    count(*) filter (where bounce_kind = 'hard') as hard_bounced,
    count(*) filter (where bounce_kind = 'soft') as soft_bounced,
    count(*) filter (where is_opened and is_delivered) as opened,
    count(*) filter (where is_human_opened and is_delivered) as human_opened,
    count(*) filter (where is_clicked and is_delivered) as clicked,
    count(*) filter (where is_human_clicked and is_delivered) as human_clicked,
    count(*) filter (where (is_opened or is_clicked) and is_delivered) as opened_or_clicked,
    count(*) filter (where is_complained and is_delivered) as complained,
    count(*) filter (where is_unsubscribed and is_delivered) as unsubscribed
  from {{marts.message_outcomes}}
  where template_id is not null
  group by campaign_id, template_id
),
counted as (
  select
    campaign_id,
    template_id,
    medium,
    first_sent_at,
    last_sent_at,
    sent,
    delivered,
    case when {{told(medium, bounces)}} then bounced end as bounced,
    case when {{told(medium, bounces)}} then hard_bounced end as hard_bounced,
    case when {{told(medium, bounces)}} then soft_bounced end as soft_bounced,
    case when {{told(medium, opens)}} then opened end as opened,
    case when {{told(medium, opens)}} then human_opened end as human_opened,
    case when {{told(medium, clicks)}} then clicked end as clicked,
    case when {{told(medium, clicks)}} then human_clicked end as human_clicked,
    case when {{told(medium, opens)}} and {{told(medium, clicks)}} then opened_or_clicked end as opened_or_clicked,
    case when {{told(medium, complaints)}} then complained end as complained,
    case when {{told(medium, unsubscribes)}} then unsubscribed end as unsubscribed
  from totals
),
purchases as materialized (
  select person, purchased_at, total, explicit_campaign_id, explicit_template_id, click_campaign_id, click_template_id,
    row_number() over (order by purchased_at, purchase_id, person, total) as purchase
  from {{marts.purchase_attribution}}
),
last_messages as (
  select p.purchase, (array_agg(s.template_id order by s.sent_at desc, s.template_id))[1] as template_id
  from purchases as p
    join {{marts.send_events}} as s on s.person = p.person and s.campaign_id = p.explicit_campaign_id
      and s.sent_at <= p.purchased_at
  where p.explicit_template_id is null and s.template_id is not null
  group by p.purchase
),
explicit as (
  select
    p.explicit_campaign_id as campaign_id,
    coalesce(p.explicit_template_id, l.template_id) as template_id,
    count(*) as orders,
    sum(p.total) as revenue
  from purchases as p
    left join last_messages as l on l.purchase = p.purchase
  group by 1, 2
),
by_click as (
  select click_campaign_id as campaign_id, click_template_id as template_id, count(*) as orders, sum(total) as revenue
  from purchases
  group by click_campaign_id, click_template_id
),
contents as (
  select template_id, subject, preheader_text,
    row_number() over (partition by template_id order by coalesce(is_default_locale, false) desc, locale) as place
  from {{streams.email_templates}} as e
)
select
  s.campaign_id,
  c.name as campaign_name,
  s.template_id,
  t.name as template_name,
  x.subject,
  x.preheader_text as preheader,
  s.medium,
  s.first_sent_at,
  s.last_sent_at,
  s.sent,
  s.delivered,
  s.bounced,
  s.hard_bounced,
  s.soft_bounced,
  s.opened,
  s.human_opened,
  s.clicked,
  s.human_clicked,
  s.opened_or_clicked,
  s.complained,
  s.unsubscribed,
  {{rate(s.sent, sum(s.sent) over (partition by s.campaign_id))}} as share_of_campaign,
  {{rate(s.sent - s.bounced, s.sent)}} as delivery_rate,
  {{rate(s.bounced, s.sent)}} as bounce_rate,
  {{rate(s.hard_bounced, s.sent)}} as hard_bounce_rate,
  {{rate(s.soft_bounced, s.sent)}} as soft_bounce_rate,
  {{rate(s.opened, s.delivered)}} as open_rate,
  {{rate(s.human_opened, s.delivered)}} as human_open_rate,
  {{rate(s.clicked, s.delivered)}} as click_rate,
  {{rate(s.human_clicked, s.delivered)}} as human_click_rate,
  {{rate(s.clicked, s.opened_or_clicked)}} as click_to_open_rate,
  {{rate(s.human_clicked, s.human_opened)}} as human_click_to_open_rate,
  {{rate(s.complained, s.delivered)}} as complaint_rate,
  case
    when {{rate(s.complained, s.delivered)}} >= 0.003 then 'critical'
    when {{rate(s.complained, s.delivered)}} > 0.001 then 'warning'
  end as complaint_alert,
  {{rate(s.unsubscribed, s.delivered)}} as unsubscribe_rate,
  case when {{has.purchase}} then coalesce(p.orders, 0) end as orders,
  case when {{has.purchase}} then coalesce(p.revenue, 0) end as revenue,
  case when {{has.purchase}} then 1000 * {{rate(coalesce(p.revenue, 0), s.delivered)}} end as revenue_per_thousand,
  case when {{has.purchase}} then coalesce(k.orders, 0) end as click_orders,
  case when {{has.purchase}} then coalesce(k.revenue, 0) end as click_revenue,
  case when {{has.purchase}} then 1000 * {{rate(coalesce(k.revenue, 0), s.delivered)}} end as click_revenue_per_thousand
from counted as s
  left join {{streams.campaigns}} as c on c.id = s.campaign_id
  left join {{streams.templates}} as t on t.template_id = s.template_id
  left join explicit as p on p.campaign_id = s.campaign_id and p.template_id = s.template_id
  left join by_click as k on k.campaign_id = s.campaign_id and k.template_id = s.template_id
  left join contents as x on x.template_id = s.template_id and x.place = 1
