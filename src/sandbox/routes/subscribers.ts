/** `lists/subscribe` and `lists/unsubscribe`: 200 with per-row outcomes, 400 for the whole request where it is unsound. */
import { badJson, badParams, failure, invalidList, json, type SandboxAnswer } from '../answers.ts'
import type { Mismatch } from '../fields.ts'
import { limits } from '../limits.ts'
import type { Row, RowFailure } from '../options.ts'
import type { Project } from '../project.ts'
import { systemTime } from '../times.ts'
import { checkFields, identify, type Rules, type SandboxSubscriber, upsert } from '../upsert.ts'
import { knownList } from './lists.ts'
import type { SandboxCall, SandboxRoute, World } from './route.ts'

export const subscriberRoutes: readonly SandboxRoute[] = [
  { method: 'POST', pattern: '/api/lists/subscribe', limit: limits.listWrite, handle: subscribe },
  { method: 'POST', pattern: '/api/lists/unsubscribe', limit: limits.listWrite, handle: unsubscribe },
]

function subscribe(call: SandboxCall, world: World): SandboxAnswer {
  const request = readBatch(call, world, 'subscribers')
  if ('status' in request) return request
  const { list, rows } = request
  const { project } = world
  const rules: Rules = {
    existingOnly: call.body?.updateExistingUsersOnly === true,
    unlucky: world.faults.has('row-failures'),
  }
  const refused = refuseTypes(rows, world)
  if (refused) return refused
  const report = makeReport()
  for (const row of rows) {
    const outcome = upsert(project, row, rules)
    if ('failure' in outcome) report.failed(row, outcome.failure)
    else {
      project.users.members(list).add(outcome.name)
      report.succeeded(outcome.createdFields)
      event(project, 'emailSubscribe', outcome.name, { signupSource: 'ListAPI', emailListId: list })
    }
  }
  return report.answer(call, rows.length, list)
}

function unsubscribe(call: SandboxCall, world: World): SandboxAnswer {
  const request = readBatch(call, world, 'subscribers')
  if ('status' in request) return request
  const { list, rows } = request
  const { project } = world
  const report = makeReport()
  const campaignId = call.body?.campaignId
  for (const row of rows) {
    const found = identify(project, row, { existingOnly: true, unlucky: world.faults.has('row-failures') })
    if ('failure' in found) report.failed(row, found.failure)
    else if (found.isNew) report.failed(row, 'notFound')
    else {
      report.succeeded([])
      if (!project.users.members(list).delete(found.name)) continue
      const cause = typeof campaignId === 'number' ? { campaignId } : {}
      const channelIds = call.body?.channelUnsubscribe === true ? [12_011] : []
      event(project, 'emailUnSubscribe', found.name, {
        unsubSource: 'ListAPI',
        emailListId: list,
        channelIds,
        ...cause,
      })
    }
  }
  return report.answer(call, rows.length, list)
}

/** The rows of a sound request, or the answer that refuses it as a whole. */
export function readBatch(
  call: SandboxCall,
  world: World,
  field: 'subscribers' | 'users',
): { list: number; rows: SandboxSubscriber[] } | SandboxAnswer {
  const { body, path } = call
  const { options, faults } = world
  if (!body) return badJson(path, { obj: 'JSON object expected' })
  const rows = body[field]
  if (!Array.isArray(rows)) return badJson(path, { [`obj.${field}`]: 'Array expected' })
  const faulty = rows.flatMap((row: unknown, index) => faultsOfRow(row, `obj.${field}[${index}]`))
  if (faulty.length > 0) return badJson(path, Object.fromEntries(faulty))
  const maxRows = Math.min(options.maxBatchRows ?? 1000, faults.has('batch-400') ? 500 : Infinity)
  if (rows.length > maxRows) {
    return failure(400, 'BatchTooLarge', `Batch of ${rows.length} exceeds the maximum of ${maxRows}`)
  }
  if (field === 'users') return { list: 0, rows: rows as SandboxSubscriber[] }
  const listId = body.listId
  if (typeof listId !== 'number') return badJson(path, { 'obj.listId': 'Number value expected' })
  const list = knownList(world, listId)
  if (!list) return invalidList(listId)
  if (list.listType === 'Dynamic') return badParams(`List ${listId} is dynamic, its members cannot be set`)
  return { list: listId, rows: rows as SandboxSubscriber[] }
}

/** With `typeConflicts: batch` one bad field refuses everything. */
export function refuseTypes(
  rows: readonly SandboxSubscriber[],
  { project, options, faults }: World,
): SandboxAnswer | undefined {
  if (options.typeConflicts !== 'batch' && !faults.has('batch-400')) return undefined
  const validationErrors: Record<string, Mismatch> = {}
  for (const row of rows)
    Object.assign(validationErrors, checkFields(project, row.dataFields ?? {}).mismatches)
  if (Object.keys(validationErrors).length === 0) return undefined
  return failure(400, 'RequestFieldsTypesMismatched', 'Request fields types mismatched', { validationErrors })
}

/** Counts outcomes and builds a UserBulkUpdateListResponse. */
export function makeReport() {
  const arrays = Object.fromEntries(
    (['invalid', 'invalidData', 'notFound', 'conflict', 'forgotten'] as const).flatMap((kind) => [
      [`${kind}Emails`, [] as string[]],
      [`${kind}UserIds`, [] as string[]],
    ]),
  )
  const createdFields = new Set<string>()
  let successCount = 0
  let failCount = 0
  return {
    succeeded: (fields: readonly string[]) => {
      successCount += 1
      for (const field of fields) createdFields.add(field)
    },
    failed: ({ email, userId }: SandboxSubscriber, kind: RowFailure) => {
      failCount += 1
      if (kind === 'unattributed') return
      if (email !== undefined) arrays[`${kind}Emails`]!.push(email.toLowerCase())
      else arrays[`${kind}UserIds`]!.push(userId!)
    },
    answer: (call: SandboxCall, rows: number, listId?: number): SandboxAnswer => {
      call.wrote({ rows, successCount, failCount, ...(listId === undefined ? {} : { listId }) })
      const { invalidEmails, invalidUserIds } = arrays
      return json({
        successCount,
        failCount,
        createdFields: [...createdFields],
        filteredOutFields: [],
        invalidEmails,
        invalidUserIds,
        failedUpdates: arrays,
      })
    },
  }
}

/** Wrong JSON types, and rows whose email begins with `poison`: both refuse the whole request. */
function faultsOfRow(row: unknown, place: string): [string, string][] {
  if (row === null || typeof row !== 'object' || Array.isArray(row)) return [[place, 'JSON object expected']]
  const { email, userId, preferUserId, mergeNestedObjects, dataFields } = row as Row
  const wrong: [string, string][] = []
  if (email !== undefined && typeof email !== 'string')
    wrong.push([`${place}.email`, 'String value expected'])
  if (userId !== undefined && typeof userId !== 'string')
    wrong.push([`${place}.userId`, 'String value expected'])
  if (preferUserId !== undefined && typeof preferUserId !== 'boolean')
    wrong.push([`${place}.preferUserId`, 'Boolean value expected'])
  if (mergeNestedObjects !== undefined && typeof mergeNestedObjects !== 'boolean')
    wrong.push([`${place}.mergeNestedObjects`, 'Boolean value expected'])
  const isObject =
    dataFields === undefined ||
    (dataFields !== null && typeof dataFields === 'object' && !Array.isArray(dataFields))
  if (!isObject || (typeof email === 'string' && /^poison/i.test(email)))
    wrong.push([`${place}.dataFields`, 'JSON object expected'])
  return wrong
}

function event(project: Project, dataType: string, name: string, fields: Row): void {
  const { email, userId, itblUserId } = project.users.get(name) ?? {}
  const list = { emailListIds: [fields.emailListId], channelIds: [], messageTypeIds: [], ...fields }
  const createdAt = systemTime(project.now().getTime())
  project.events(dataType).push({ createdAt, email, userId, itblUserId, ...list, eventName: dataType })
}
