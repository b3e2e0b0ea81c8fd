/** Every walk by the name that the catalogue gives it. */
import type { Walk } from '../catalog/index.ts'
import type { EndpointName } from '../iterable/endpoints.ts'
import { contentsOf } from './contents.ts'
import { readCampaignDays, readCampaignMetrics, readExperimentMetrics } from './metrics.ts'
import {
  readCatalogFields,
  readCatalogItems,
  readCatalogs,
  readExperiments,
  readExperimentVariants,
  readForgotten,
  readListSizes,
  readUserFields,
} from './resources.ts'
import type { WalkReader } from './walk.ts'

export const walks: Readonly<Record<Walk, WalkReader>> = {
  email_contents: contentsOf('Email'),
  sms_contents: contentsOf('SMS'),
  push_contents: contentsOf('Push'),
  in_app_contents: contentsOf('InApp'),
  embedded_contents: contentsOf('Embedded'),
  campaign_metrics: readCampaignMetrics,
  campaign_metrics_daily: readCampaignDays,
  experiment_metrics: readExperimentMetrics,
  experiments: readExperiments,
  experiment_variants: readExperimentVariants,
  catalogs: readCatalogs,
  catalog_fields: readCatalogFields,
  catalog_items: readCatalogItems,
  user_fields: readUserFields,
  forgotten_users: readForgotten,
  list_sizes: readListSizes,
}

/** The endpoint that most of its requests go to. */
export const walkEndpoints: Readonly<Record<Walk, EndpointName>> = {
  email_contents: 'email_template',
  sms_contents: 'sms_template',
  push_contents: 'push_template',
  in_app_contents: 'in_app_template',
  embedded_contents: 'embedded_template',
  campaign_metrics: 'campaign_metrics',
  campaign_metrics_daily: 'campaign_metrics',
  experiment_metrics: 'experiment_metrics',
  experiments: 'experiment',
  experiment_variants: 'experiment_variants',
  catalogs: 'catalogs',
  catalog_fields: 'catalog_fields',
  catalog_items: 'catalog_items',
  user_fields: 'user_fields',
  forgotten_users: 'forgotten_emails',
  list_sizes: 'list_size',
}
