/** Profile look-ups and writes. */
import { badJson, failure, json, type SandboxAnswer, success } from '../answers.ts'
import { limits } from '../limits.ts'
import type { Row } from '../options.ts'
import { type SandboxSubscriber, upsert } from '../upsert.ts'
import type { SandboxCall, SandboxRoute, World } from './route.ts'
import { makeReport, readBatch, refuseTypes } from './subscribers.ts'

const lookUp =
  (read: (call: SandboxCall) => string) =>
  (call: SandboxCall, { project }: World): SandboxAnswer => {
    const profile = project.users.get(read(call))
    if (!profile) return json({})
    const { email, userId, ...dataFields } = profile
    return json({ user: { email, userId, dataFields: { ...dataFields, email, userId } } })
  }

export const userRoutes: readonly SandboxRoute[] = [
  {
    method: 'GET',
    pattern: '/api/users/getFields',
    limit: limits.userFields,
    handle: (_, { project }) => json({ fields: project.fields }),
  },
  {
    method: 'GET',
    pattern: '/api/users/getByEmail',
    limit: limits.userLookup,
    handle: lookUp(({ query }) => query.get('email') ?? ''),
  },
  {
    method: 'GET',
    pattern: '/api/users/byUserId',
    limit: limits.userLookup,
    handle: lookUp(({ query }) => query.get('userId') ?? ''),
  },
  {
    method: 'GET',
    pattern: '/api/users/byUserId/{name}',
    limit: limits.userLookup,
    handle: lookUp(({ parts: [name = ''] }) => name),
  },
  {
    method: 'GET',
    pattern: '/api/users/{name}',
    limit: limits.userLookup,
    handle: lookUp(({ parts: [name = ''] }) => name),
  },
  { method: 'POST', pattern: '/api/users/update', limit: limits.userUpdate, handle: updateOne },
  { method: 'POST', pattern: '/api/users/bulkUpdate', limit: limits.userBulkUpdate, handle: updateMany },
  { method: 'POST', pattern: '/api/users/forget', limit: limits.userForget, handle: forget },
  { method: 'DELETE', pattern: '/api/users/byUserId/{name}', limit: limits.userDelete, handle: remove },
  { method: 'DELETE', pattern: '/api/users/{name}', limit: limits.userDelete, handle: remove },
]

function updateOne(call: SandboxCall, { project }: World): SandboxAnswer {
  const { body, path } = call
  if (!body) return badJson(path, { obj: 'JSON object expected' })
  const subscriber = body as SandboxSubscriber
  const outcome = upsert(project, subscriber, { existingOnly: false, unlucky: false })
  if (!('failure' in outcome)) {
    call.wrote({ rows: 1, successCount: 1, failCount: 0 })
    return success('', { id: outcome.name })
  }
  switch (outcome.failure) {
    case 'invalidData':
      return failure(400, 'RequestFieldsTypesMismatched', 'Request fields types mismatched', {
        validationErrors: outcome.mismatches as Row,
      })
    case 'forgotten':
      return failure(409, 'ForgottenUserError', 'User is forgotten')
    case 'conflict':
      return failure(409, 'ExternalKeyConflict', 'email and userId belong to different users')
    case 'notFound':
      return failure(400, 'BadParams', `User does not exist. userId: ${subscriber.userId}`)
    default:
      return subscriber.email === undefined
        ? failure(400, 'InvalidUserIdError', `Invalid userId: ${subscriber.userId}`)
        : failure(400, 'InvalidEmailAddressError', `Invalid email: ${subscriber.email}`)
  }
}

function updateMany(call: SandboxCall, world: World): SandboxAnswer {
  const request = readBatch(call, world, 'users')
  if ('status' in request) return request
  // Unlike list calls, bulkUpdate is known to refuse the whole call for one type conflict.
  const strict = { ...world, options: { ...world.options, typeConflicts: 'batch' as const } }
  const refused = refuseTypes(request.rows, strict)
  if (refused) return refused
  const report = makeReport()
  for (const row of request.rows) {
    const outcome = upsert(world.project, row, {
      existingOnly: false,
      unlucky: world.faults.has('row-failures'),
    })
    if ('failure' in outcome) report.failed(row, outcome.failure)
    else report.succeeded(outcome.createdFields)
  }
  return report.answer(call, request.rows.length)
}

function forget({ body, path }: SandboxCall, { project }: World): SandboxAnswer {
  const name = body?.email ?? body?.userId
  if (typeof name !== 'string') return badJson(path, { 'obj.email': 'String value expected' })
  project.users.remove(name)
  project.forgotten.add(body?.email === undefined ? name : name.toLowerCase())
  return success()
}

function remove({ parts: [name = ''] }: SandboxCall, { project }: World): SandboxAnswer {
  project.users.remove(name)
  return success()
}
