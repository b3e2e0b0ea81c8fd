/**
 * The names of the endpoints whose pace can be set under `rate_limits`.
 */
export const endpointNames = [
  'export',
  'export_start',
  'export_jobs',
  'export_files',
  'lists',
  'list_users',
  'list_size',
  'list_create',
  'subscribe',
  'unsubscribe',
  'campaigns',
  'channels',
  'message_types',
  'templates',
  'metadata',
  'metadata_table',
  'metadata_value',
  'user_fields',
  'user',
] as const
