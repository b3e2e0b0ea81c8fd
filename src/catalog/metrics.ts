/**
 * Metrics as Iterable counts them. The columns are the headings of its CSV, to the letter; which of them come depends on
 * the media of the campaigns that are asked for. Counts are whole numbers, money and averages are not.
 */
import type { Fields } from './families.ts'
import type { Stream } from './stream.ts'

const counts = (...headings: readonly string[]): Fields =>
  Object.fromEntries(headings.map((heading) => [heading, 'bigint' as const]))
const amounts = (...headings: readonly string[]): Fields =>
  Object.fromEntries(headings.map((heading) => [heading, 'double' as const]))
const both = (...names: readonly string[]): Fields =>
  counts(...names.flatMap((name) => [`Total ${name}`, `Unique ${name}`]))

const common: Fields = {
  ...amounts(
    'Average Order Value',
    'Revenue',
    'Average Custom Conversion Value',
    'Sum of Custom Conversions',
  ),
  ...both('Purchases', 'Unsubscribes', 'Custom Conversions'),
}

const email: Fields = {
  ...both('Email Sends', 'Emails Delivered', 'Email Opens', 'Email Opens (filtered)', 'Emails Bounced'),
  ...counts('Unique Email Opens Or Clicks', 'Total Emails Clicked', 'Total Emails Clicked (filtered)'),
  ...counts('Unique Email Clicks', 'Unique Email Clicks (filtered)', 'Total Complaints'),
  ...both('Hosted Unsubscribe Clicks'),
  ...counts('Total Email Holdout', 'Total Email Send Skips'),
  ...amounts('Purchases / M (Email)', 'Revenue / M (Email)'),
}

const sms: Fields = {
  ...both('SMS Sent', 'SMS Delivered', 'SMS Bounced', 'SMS Clicks', 'SMS Clicks (filtered)', 'Inbound SMS'),
  ...counts('Total SMS Holdout', 'Total SMS Send Skips'),
  ...amounts('Purchases / M (SMS)', 'Revenue / M (SMS)'),
}

const push: Fields = {
  ...both('Pushes Sent', 'Pushes Delivered', 'Pushes Opened', 'Pushes Bounced'),
  ...counts('Total App Uninstalls', 'Total Push Holdout', 'Total Push Send Skips'),
  ...amounts('Purchases / M (Push)', 'Revenue / M (Push)'),
}

const inApp: Fields = {
  ...counts('Total In-App Sent', 'Unique In-App Sends'),
  ...both('In-Apps Delivered', 'In-App Opens', 'In-App Clicks'),
  ...counts('Total In-App Closes', 'Total In-App Deletes', 'Total Inbox Impressions'),
  ...counts('Total In-App Holdout', 'Total In-App Send Skips'),
}

const webPush: Fields = {
  ...both('Web Push Clicks', 'Web Pushes Sent'),
  // Spelled so by Iterable.
  ...counts('Total WebPush Holdout', 'Total Web Push Send Skips'),
}

const campaign: Fields = { ...common, ...email, ...sms, ...push, ...inApp, ...webPush }

/** The group `metrics`, and the daily grain, which costs many calls and is read where it is named. */
export const metricStreams: readonly Stream[] = [
  {
    name: 'campaign_metrics',
    groups: ['metrics'],
    read: { kind: 'walk', walk: 'campaign_metrics' },
    replication: 'changes',
    key: ['id'],
    bookmark: 'measuredAt',
    columns: { id: 'bigint', measuredAt: 'timestamptz', ...campaign },
    hasProfileFields: false,
  },
  {
    name: 'campaign_metrics_daily',
    groups: [],
    read: { kind: 'walk', walk: 'campaign_metrics_daily' },
    replication: 'daily',
    key: ['id', 'day'],
    bookmark: 'measuredAt',
    columns: { id: 'bigint', day: 'text', measuredAt: 'timestamptz', ...campaign },
    hasProfileFields: false,
  },
  {
    name: 'experiment_metrics',
    groups: ['metrics'],
    read: { kind: 'walk', walk: 'experiment_metrics' },
    replication: 'changes',
    key: ['experimentId', 'templateId'],
    bookmark: 'measuredAt',
    columns: {
      experimentId: 'bigint',
      templateId: 'bigint',
      measuredAt: 'timestamptz',
      campaignId: 'bigint',
      name: 'text',
      type: 'text',
      createdBy: 'text',
      creationDate: 'text',
      lastModified: 'text',
      subject: 'text',
      ...amounts('improvement', 'confidence'),
      ...common,
      ...email,
      ...amounts('Email Delivery Rate', 'Email Open Rate', 'Unique Email Open Rate', 'Email Click Rate'),
      ...amounts('Unique Email Click Rate', 'Clicks/Opens', 'Complaint Rate', 'Email Bounce Rate'),
      ...amounts('Email Unsubscribe Rate', 'Conversions/Email Hold Outs'),
      ...amounts('Conversions/Unique Emails Delivered'),
    },
    hasProfileFields: false,
  },
]
