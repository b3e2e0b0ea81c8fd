/** What a column shows where personal data is masked: what is known to be harmless, and of all else as little as helps. */
import { snakeCase } from '../../warehouse/views.ts'

/** `pseudonym`: the same for the same value, and nobody can tell which. `address`: up to its question mark. */
export type Showing = 'shown' | 'pseudonym' | 'address' | 'hidden'

export interface MaskedColumn {
  readonly name: string
  /** The warehouse's name of its type. */
  readonly type: string
}

const words = (text: string): ReadonlySet<string> => new Set(text.trim().split(/\s+/))

/** Who it is, and numbers of orders. */
const pseudonyms = words(`
  email user_id itbl_user_id person id purchase_id _fivetran_user_id`)

const addresses = words('url clicked_url target_url link_url link')

/** Texts and lists that tell of campaigns, machines and kinds of things. A column that stands nowhere here is hidden. */
const shownTexts = words(`
  action action_identifier action_source allocation_mode attribution_type auth_type badge billing_party
  button_identifier campaign_name campaign_state campaign_type catalog_name channel channel_ids channel_name
  channel_type close_action complaint_alert country country_code creation_date day decided_by delete_action
  description email_list_ids error_code esp_name event_name experiment_name experiment_type field_name
  field_type frequency_cap interruption_level job_name journey_name journey_type kind labels last_modified likely_cause
  list_ids list_name list_type locale mailbox_provider medium message_bus_id message_id message_medium message_status
  message_type message_type_ids message_type_name metric model name pattern platform policy proxy_source reason
  reachable_by recipient_state region rule scope seen_message_id signup_source source state status status_class
  stream subscribed_message_type_ids subscription_policy suppression_list_ids template_name template_type tier
  time_zone trigger_event_names type unsub_source unsubscribed_channel_ids unsubscribed_message_type_ids user_agent
  user_agent_device user_list_ids variant verdict workflow_name zone _run_id _fivetran_id event_id recurring_campaign_name
  channel_id message_type_id list_id unreachable_reason email_unreachable_reason push_unreachable_reason
  in_app_unreachable_reason sms_unreachable_reason web_push_unreachable_reason whatsapp_unreachable_reason
  embedded_unreachable_reason bounce_kind product product_id sku journey label list_use
  flag_rule pattern_rule burst_rule proxy_rule fast_rule`)

const harmlessType =
  /^(bool|int|bigint|smallint|integer|hugeint|u?(tiny|small|big)int|double|float|real|numeric|decimal|timestamp|date|interval)/i

/**
 * Of a column of a table or view of ours. `isKnown`: the product itself has named it; what comes from fields of the
 * project, whatever its type, may be a telephone number. `named`: what the configuration shows all the same.
 */
export function showingOf(
  { name, type }: MaskedColumn,
  { isKnown, named }: { readonly isKnown: boolean; readonly named: ReadonlySet<string> },
): Showing {
  const key = snakeCase(name)
  if (named.has(name) || named.has(key)) return 'shown'
  if (pseudonyms.has(key) && !(key === 'id' && harmlessType.test(type))) return 'pseudonym'
  if (!isKnown) return 'hidden'
  if (addresses.has(key)) return 'address'
  return harmlessType.test(type) || shownTexts.has(key) ? 'shown' : 'hidden'
}

/** What stands in place of a text that is there and not shown. */
export const hiddenText = '•••'
