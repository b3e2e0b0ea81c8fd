-- Contents of templates of e-mails as they are now, in each of their locales: there are no earlier versions.
--
-- Grain: one template and locale
-- Key: id, locale
-- Needs: email_templates
-- Columns:
--   _fivetran_synced: when the sync began that loaded the row
--   cache_data_feed: cacheDataFeed of the template
--   campaign_id: campaign that it was made for
--   data_feed_id: data feed
--   data_feed_ids: data feeds, as a JSON list
--   from_email: address of the sender
--   from_name: name of the sender
--   google_analytics_campaign_name: utm_campaign of its links
--   html: its HTML
--   id: the template
--   is_default_locale: true for the locale that people without one of their own get
--   locale: its locale
--   merge_data_feed_context: mergeDataFeedContext of the template
--   plain_text: its text
--   preheader_text: what mail programs show beside the subject
--   reply_to_email: address for answers
--   subject: its subject
--   updated_at: when it was last changed
select
  _loaded_at as _fivetran_synced,
  case cast(cache_data_feed as varchar) when 'true' then true when 'false' then false end as cache_data_feed,
  campaign_id,
  data_feed_id,
  cast(data_feed_ids as varchar) as data_feed_ids,
  from_email,
  from_name,
  google_analytics_campaign_name,
  html,
  template_id as id,
  is_default_locale,
  locale,
  case cast(merge_data_feed_context as varchar) when 'true' then true when 'false' then false end as merge_data_feed_context,
  plain_text,
  preheader_text,
  reply_to_email,
  subject,
  updated_at
from {{streams.email_templates}} as t
