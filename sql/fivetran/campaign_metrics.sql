-- Iterable's own figures of each campaign, day by day (UTC). campaign_metrics_weekly has no view: people of a week are not the
-- sum of those of its days.
--
-- Grain: one campaign and day
-- Key: id, date
-- Needs: campaign_metrics_daily
-- Columns:
--   _fivetran_deleted: false: what Iterable has is here
--   _fivetran_synced: when the sync began that loaded the row
--   date: the day
--   id: the campaign
--   average_order_value: Average Order Value
--   purchases: NULL: a heading that Iterable has no more; see total_purchases
--   purchases_m_email_: Purchases / M (Email)
--   revenue: Revenue
--   revenue_m: NULL: a heading that Iterable has no more; see revenue_m_email_
--   revenue_m_email_: Revenue / M (Email)
--   total_app_uninstalls: Total App Uninstalls
--   total_complaints: Total Complaints
--   total_email_bounced: Total Emails Bounced
--   total_email_clicked: Total Emails Clicked
--   total_email_delivered: Total Emails Delivered
--   total_email_holdout: Total Email Holdout
--   total_email_opens: Total Email Opens
--   total_email_send_skips: Total Email Send Skips
--   total_email_sends: Total Email Sends
--   total_hosted_unsubscribe_clicks: Total Hosted Unsubscribe Clicks
--   total_in_app_clicks: Total In-App Clicks
--   total_in_app_closes: Total In-App Closes
--   total_in_app_deletes: Total In-App Deletes
--   total_in_app_holdout: Total In-App Holdout
--   total_in_app_opens: Total In-App Opens
--   total_in_app_send_skips: Total In-App Send Skips
--   total_in_app_sent: Total In-App Sent
--   total_in_apps_delivered: Total In-Apps Delivered
--   total_inbox_impressions: Total Inbox Impressions
--   total_purchases: Total Purchases
--   total_push_holdout: Total Push Holdout
--   total_push_send_skips: Total Push Send Skips
--   total_pushes_bounced: Total Pushes Bounced
--   total_pushes_delivered: Total Pushes Delivered
--   total_pushes_opened: Total Pushes Opened
--   total_pushes_sent: Total Pushes Sent
--   total_unsubscribes: Total Unsubscribes
--   unique_email_bounced: Unique Emails Bounced
--   unique_email_clicks: Unique Email Clicks
--   unique_email_opens_or_clicks: Unique Email Opens Or Clicks
--   unique_email_sends: Unique Email Sends
--   unique_emails_delivered: Unique Emails Delivered
--   unique_emails_opens: Unique Email Opens
--   unique_hosted_unsubscribe_clicks: Unique Hosted Unsubscribe Clicks
--   unique_in_app_clicks: Unique In-App Clicks
--   unique_in_app_opens: Unique In-App Opens
--   unique_in_app_sends: Unique In-App Sends
--   unique_in_apps_delivered: Unique In-Apps Delivered
--   unique_purchases: Unique Purchases
--   unique_pushes_bounced: Unique Pushes Bounced
--   unique_pushes_delivered: Unique Pushes Delivered
--   unique_pushes_opened: Unique Pushes Opened
--   unique_pushes_sent: Unique Pushes Sent
--   unique_unsubscribes: Unique Unsubscribes
select
  false as _fivetran_deleted,
  _loaded_at as _fivetran_synced,
  cast(day as date) as "date",
  id,
  cast(average_order_value as double precision) as average_order_value,
  cast(null as double precision) as purchases,
  cast(purchases_per_mille_email as double precision) as purchases_m_email_,
  cast(revenue as double precision) as revenue,
  cast(null as double precision) as revenue_m,
  cast(revenue_per_mille_email as double precision) as revenue_m_email_,
  cast(total_app_uninstalls as double precision) as total_app_uninstalls,
  cast(total_complaints as double precision) as total_complaints,
  cast(total_emails_bounced as double precision) as total_email_bounced,
  cast(total_emails_clicked as double precision) as total_email_clicked,
  cast(total_emails_delivered as double precision) as total_email_delivered,
  cast(total_email_holdout as double precision) as total_email_holdout,
  cast(total_email_opens as double precision) as total_email_opens,
  cast(total_email_send_skips as double precision) as total_email_send_skips,
  cast(total_email_sends as double precision) as total_email_sends,
  cast(total_hosted_unsubscribe_clicks as double precision) as total_hosted_unsubscribe_clicks,
  cast(total_in_app_clicks as double precision) as total_in_app_clicks,
  cast(total_in_app_closes as double precision) as total_in_app_closes,
  cast(total_in_app_deletes as double precision) as total_in_app_deletes,
  cast(total_in_app_holdout as double precision) as total_in_app_holdout,
  cast(total_in_app_opens as double precision) as total_in_app_opens,
  cast(total_in_app_send_skips as double precision) as total_in_app_send_skips,
  cast(total_in_app_sent as double precision) as total_in_app_sent,
  cast(total_in_apps_delivered as double precision) as total_in_apps_delivered,
  cast(total_inbox_impressions as double precision) as total_inbox_impressions,
  cast(total_purchases as double precision) as total_purchases,
  cast(total_push_holdout as double precision) as total_push_holdout,
  cast(total_push_send_skips as double precision) as total_push_send_skips,
  cast(total_pushes_bounced as double precision) as total_pushes_bounced,
  cast(total_pushes_delivered as double precision) as total_pushes_delivered,
  cast(total_pushes_opened as double precision) as total_pushes_opened,
  cast(total_pushes_sent as double precision) as total_pushes_sent,
  cast(total_unsubscribes as double precision) as total_unsubscribes,
  cast(unique_emails_bounced as double precision) as unique_email_bounced,
  cast(unique_email_clicks as double precision) as unique_email_clicks,
  cast(unique_email_opens_or_clicks as double precision) as unique_email_opens_or_clicks,
  cast(unique_email_sends as double precision) as unique_email_sends,
  cast(unique_emails_delivered as double precision) as unique_emails_delivered,
  cast(unique_email_opens as double precision) as unique_emails_opens,
  cast(unique_hosted_unsubscribe_clicks as double precision) as unique_hosted_unsubscribe_clicks,
  cast(unique_in_app_clicks as double precision) as unique_in_app_clicks,
  cast(unique_in_app_opens as double precision) as unique_in_app_opens,
  cast(unique_in_app_sends as double precision) as unique_in_app_sends,
  cast(unique_in_apps_delivered as double precision) as unique_in_apps_delivered,
  cast(unique_purchases as double precision) as unique_purchases,
  cast(unique_pushes_bounced as double precision) as unique_pushes_bounced,
  cast(unique_pushes_delivered as double precision) as unique_pushes_delivered,
  cast(unique_pushes_opened as double precision) as unique_pushes_opened,
  cast(unique_pushes_sent as double precision) as unique_pushes_sent,
  cast(unique_unsubscribes as double precision) as unique_unsubscribes
from {{streams.campaign_metrics_daily}} as m
