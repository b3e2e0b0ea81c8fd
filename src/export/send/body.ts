/** The body of a request: a function of the frozen plan and nothing else, so that it is the same whenever it is made. */
import type { PlannedRow, PlannedRows } from '../../state/batches.ts'
import type { ExportOp } from '../../state/tables/exports.ts'
import type { ExportSettings } from '../definition/settings.ts'
import type { PayloadJson } from '../rows/payload.ts'
import { canonical, exactJson } from '../rows/values.ts'

/** What each request of a run says besides its rows; frozen with the plan. */
export interface RequestEnvelope {
  readonly listId: number
  readonly updateExistingUsersOnly: boolean
  readonly channelUnsubscribe: boolean
  readonly campaignId?: number | undefined
}

export function envelopeOf(settings: ExportSettings): RequestEnvelope {
  const { list_id, update_existing_users_only, channel_unsubscribe, campaign_id } = settings
  return {
    listId: list_id,
    updateExistingUsersOnly: update_existing_users_only,
    channelUnsubscribe: channel_unsubscribe,
    ...(campaign_id !== undefined && { campaignId: campaign_id }),
  }
}

export const sendingEndpoint = (op: ExportOp): 'subscribe' | 'unsubscribe' =>
  op === 'remove' ? 'unsubscribe' : 'subscribe'

/** The body for some rows of one operation. */
export function bodyOf(
  op: ExportOp,
  rows: Pick<PlannedRows, 'payloads' | 'all'>,
  envelope: RequestEnvelope,
): Buffer {
  const { listId, updateExistingUsersOnly, channelUnsubscribe, campaignId } = envelope
  const head =
    op === 'remove'
      ? { listId, ...(campaignId !== undefined && { campaignId }), channelUnsubscribe }
      : { listId, ...(updateExistingUsersOnly && { updateExistingUsersOnly }) }
  const subscribers =
    op === 'add' ? rows.payloads(',') : rows.all.map((row) => subscriberText(op, row)).join(',')
  return Buffer.from(`${JSON.stringify(head).slice(0, -1)},"subscribers":[${subscribers}]}`)
}

function subscriberText(op: ExportOp, { payload, before }: PlannedRow): string {
  const subscriber = exactJson(payload) as PayloadJson
  if (op === 'remove') {
    const { email, userId } = subscriber
    return JSON.stringify(email === undefined ? { userId } : { email })
  }
  return before === null ? payload : changesOf(subscriber, exactJson(before) as PayloadJson)
}

/**
 * Only the fields that changed: less traffic, and no journey starts for a field that stayed. A changed field goes whole,
 * so nothing depends on how Iterable merges.
 */
function changesOf({ dataFields = {}, ...person }: PayloadJson, before: PayloadJson): string {
  const known = before.dataFields ?? {}
  const changed = Object.entries(dataFields).filter(
    ([name, value]) => !Object.hasOwn(known, name) || canonical(value) !== canonical(known[name]),
  )
  return canonical(changed.length > 0 ? { ...person, dataFields: Object.fromEntries(changed) } : person)
}
