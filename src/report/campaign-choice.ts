/** Which campaign is meant. */
import { ConfigError } from '../errors.ts'
import { nearestOf } from '../nearest.ts'
import type { CampaignFacts } from './performance-queries.ts'

/**
 * The campaign of an id, or of a name that is the only one of its kind.
 * @throws ConfigError `unknown_campaign` that names those which come nearest.
 */
export function chooseCampaign(given: string, known: readonly CampaignFacts[]): CampaignFacts {
  const byId = known.find(({ campaign_id }) => String(campaign_id) === given.trim())
  if (byId) return byId
  const plain = (text: string | null) => text?.trim().toLowerCase()
  const named = known.filter(({ campaign_name }) => plain(campaign_name) === plain(given))
  if (named.length === 1) return named[0] as CampaignFacts
  if (named.length > 1) {
    throw new ConfigError(
      `${named.length} campaigns are called ${JSON.stringify(given)}; take the id of one: ${named.slice(0, 10).map(toldAs).join(', ')}`,
      { code: 'unknown_campaign' },
    )
  }
  const near = nearestOf(
    given,
    known.flatMap((campaign) => [
      { name: String(campaign.campaign_id), of: campaign },
      ...(campaign.campaign_name ? [{ name: campaign.campaign_name, of: campaign }] : []),
    ]),
    3,
  )
  const cure =
    near.length > 0
      ? `nearest: ${near.map(toldAs).join(', ')}`
      : 'the warehouse has none: "sync campaigns email_send" reads them'
  throw new ConfigError(`no campaign has the id or the name ${JSON.stringify(given)}; ${cure}`, {
    code: 'unknown_campaign',
  })
}

const toldAs = ({ campaign_id, campaign_name }: CampaignFacts): string =>
  campaign_name === null ? String(campaign_id) : `${campaign_id} (${JSON.stringify(campaign_name)})`
