/**
 * The calls of Iterable's API that we make, as data. A limit is Iterable's documented one for a project, written
 * `count/period`; where nothing is published it is the assumption that public connectors have lived with.
 */
export interface Endpoint {
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** `{name}` is filled from `path`, percent-encoded. */
  readonly path: string
  /** Requests allowed per period, such as `4/min`. */
  readonly limit: string
  /** Whether sending the same request twice leaves Iterable as after sending it once. */
  readonly idempotent: boolean
  /** The first byte of an answer may take minutes. */
  readonly slow: boolean
}

const get = (path: string, limit: string): Endpoint => ({
  method: 'GET',
  path,
  limit,
  idempotent: true,
  slow: false,
})
const slowGet = (path: string, limit: string): Endpoint => ({ ...get(path, limit), slow: true })
const post = (path: string, limit: string): Endpoint => ({
  method: 'POST',
  path,
  limit,
  idempotent: true,
  slow: false,
})

export const endpoints = {
  // Swagger of March 2026: 4 a minute and project. The 429 text names the endpoint.
  export: slowGet('/api/export/data.json', '4/min'),
  // Swagger: 1 a second and organization, 4 jobs running. Whoever lost the answer looks the job up before asking again.
  export_start: { ...post('/api/export/start', '1/s'), idempotent: false },
  // Nothing is published: as the other calls of the asynchronous export.
  export_jobs: get('/api/export/jobs', '1/s'),
  // Swagger: 1 a second and organization.
  export_files: get('/api/export/{jobId}/files', '1/s'),
  // Swagger: 1 a second and project.
  export_cancel: { ...get('/api/export/{jobId}', '1/s'), method: 'DELETE' },
  // Swagger: 100 a second and project.
  lists: get('/api/lists', '100/s'),
  // Swagger: 5 a minute and project, for each of the two; reads of large lists take an hour and more.
  list_users: slowGet('/api/lists/getUsers', '5/min'),
  list_size: slowGet('/api/lists/{listId}/size', '5/min'),
  // Nothing is published for the writes; users/bulkUpdate, the same kind of work, has 5 a second.
  list_create: { ...post('/api/lists', '5/s'), idempotent: false },
  subscribe: { ...post('/api/lists/subscribe', '5/s'), slow: true },
  unsubscribe: { ...post('/api/lists/unsubscribe', '5/s'), slow: true },
  // Swagger: 100 a second and project.
  campaigns: get('/api/campaigns', '100/s'),
  channels: get('/api/channels', '100/s'),
  message_types: get('/api/messageTypes', '100/s'),
  templates: get('/api/templates', '100/s'),
  // Nothing is published for the three reads of metadata: a tenth of the standard reads.
  metadata: get('/api/metadata', '10/s'),
  metadata_table: get('/api/metadata/{table}', '10/s'),
  metadata_value: get('/api/metadata/{table}/{key}', '10/s'),
  // Swagger: 3 a second and project.
  user_fields: get('/api/users/getFields', '3/s'),
  // Swagger: 3 a second and project, for each of the two.
  forgotten_emails: get('/api/users/forgotten', '3/s'),
  forgotten_user_ids: get('/api/users/forgottenUserIds', '3/s'),
  // Swagger: 100 a second and project; nothing is said of in-app.
  email_template: get('/api/templates/email/get', '100/s'),
  sms_template: get('/api/templates/sms/get', '100/s'),
  push_template: get('/api/templates/push/get', '100/s'),
  in_app_template: get('/api/templates/inapp/get', '10/s'),
  embedded_template: get('/api/templates/embedded/get', '100/s'),
  template_locales: get('/api/templates/getByClientTemplateId', '100/s'),
  // Swagger: 10 a minute and project; of experiments nothing is said, and they count the same.
  campaign_metrics: slowGet('/api/campaigns/metrics', '10/min'),
  experiment_metrics: slowGet('/api/experiments/metrics', '10/min'),
  // Nothing is published: a tenth of the standard reads.
  experiments: get('/api/experiments', '10/s'),
  experiment: get('/api/experiments/{id}', '10/s'),
  experiment_variants: get('/api/experiments/{id}/variants', '10/s'),
  journeys: get('/api/journeys', '10/s'),
  snippets: get('/api/snippets', '10/s'),
  webhooks: get('/api/webhooks', '10/s'),
  // Swagger: 100 a second and key.
  catalogs: get('/api/catalogs', '100/s'),
  catalog_fields: get('/api/catalogs/{name}/fieldMappings', '100/s'),
  catalog_items: get('/api/catalogs/{name}/items', '100/s'),
  // Of a person. Swagger: 3 a second and project for sent messages; nothing is published for the others.
  user_events: slowGet('/api/export/userEvents', '3/s'),
  sent_messages: get('/api/users/getSentMessages', '3/s'),
  in_app_messages: get('/api/inApp/getMessages', '10/s'),
  embedded_messages: get('/api/embedded-messaging/messages', '10/s'),
  user_by_id: get('/api/users/byUserId', '100/s'),
  // Swagger: 100 a second and project (3 in 2022).
  user: get('/api/users/getByEmail', '100/s'),
} as const satisfies Record<string, Endpoint>

export type EndpointName = keyof typeof endpoints

export const endpointNames = Object.keys(endpoints) as readonly EndpointName[]
