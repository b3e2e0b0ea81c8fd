-- Contents of templates of in-app messages as they are now, in each of their locales: there are no earlier versions.
--
-- Grain: one template and locale
-- Key: id, locale
-- Needs: in_app_templates
-- Columns:
--   _fivetran_synced: when the sync began that loaded the row
--   campaign_id: campaign that it was made for
--   expiration_date_time: when it expires, as text
--   expiration_duration: after how long it expires
--   html: its HTML
--   id: the template
--   in_app_display_settings: JSON text
--   inbox_metadata: JSON text
--   is_default_locale: true for the locale that people without one of their own get
--   locale: its locale
--   payload: JSON text
--   updated_at: when it was last changed
--   web_in_app_display_settings: JSON text
select
  _loaded_at as _fivetran_synced,
  campaign_id,
  expiration_date_time,
  expiration_duration,
  html,
  template_id as id,
  cast(in_app_display_settings as varchar) as in_app_display_settings,
  cast(inbox_metadata as varchar) as inbox_metadata,
  is_default_locale,
  locale,
  cast(payload as varchar) as payload,
  updated_at,
  cast(web_in_app_display_settings as varchar) as web_in_app_display_settings
from {{streams.in_app_templates}} as t
