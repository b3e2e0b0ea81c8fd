-- Contents of templates of SMS as they are now, in each of their locales: there are no earlier versions.
--
-- Grain: one template and locale
-- Key: id, locale
-- Needs: sms_templates
-- Columns:
--   _fivetran_synced: when the sync began that loaded the row
--   campaign_id: campaign that it was made for
--   google_analytics_campaign_name: utm_campaign of its links
--   id: the template
--   image_url: picture of an MMS
--   is_default_locale: true for the locale that people without one of their own get
--   locale: its locale
--   message: its text
--   tracking_domain: domain of its links
--   updated_at: when it was last changed
select
  _loaded_at as _fivetran_synced,
  campaign_id,
  google_analytics_campaign_name,
  template_id as id,
  image_url,
  is_default_locale,
  locale,
  message,
  tracking_domain,
  updated_at
from {{streams.sms_templates}} as t
