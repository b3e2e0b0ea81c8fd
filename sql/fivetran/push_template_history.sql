-- Contents of templates of push messages as they are now, in each of their locales: there are no earlier versions.
--
-- Grain: one template and locale
-- Key: id, locale
-- Needs: push_templates
-- Columns:
--   _fivetran_synced: when the sync began that loaded the row
--   badge: badge
--   buttons: JSON text
--   cache_data_feed: cacheDataFeed of the template
--   campaign_id: campaign that it was made for
--   data_feed_ids: data feeds, as a JSON list
--   deeplink_android: link into the Android app
--   deeplink_ios: link into the iOS app
--   id: the template
--   interruption_level: interruptionLevel of the template
--   is_default_locale: true for the locale that people without one of their own get
--   is_silent_push: true where people see nothing of it
--   locale: its locale
--   merge_data_feed_context: mergeDataFeedContext of the template
--   message: its text
--   payload: JSON text
--   relevance_score: relevanceScore of the template
--   rich_media_android: picture or film on Android
--   rich_media_ios: picture or film on iOS
--   sound: sound
--   title: its title
--   updated_at: when it was last changed
--   wake: true where it wakes the app
select
  _loaded_at as _fivetran_synced,
  badge,
  cast(buttons as varchar) as buttons,
  case cast(cache_data_feed as varchar) when 'true' then true when 'false' then false end as cache_data_feed,
  campaign_id,
  cast(data_feed_ids as varchar) as data_feed_ids,
  {{member(deeplink, android)}} as deeplink_android,
  {{member(deeplink, ios)}} as deeplink_ios,
  template_id as id,
  interruption_level,
  is_default_locale,
  is_silent_push,
  locale,
  case cast(merge_data_feed_context as varchar) when 'true' then true when 'false' then false end as merge_data_feed_context,
  message,
  cast(payload as varchar) as payload,
  relevance_score,
  {{member(rich_media, android)}} as rich_media_android,
  {{member(rich_media, ios)}} as rich_media_ios,
  sound,
  title,
  updated_at,
  wake
from {{streams.push_templates}} as t
