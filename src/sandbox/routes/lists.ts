/** Reading, making and deleting lists; their members as text. */
import {
  badParams,
  failure,
  invalidList,
  json,
  lines,
  type SandboxAnswer,
  success,
  text,
} from '../answers.ts'
import { randomFor } from '../data/random.ts'
import { limits } from '../limits.ts'
import type { ListRow } from '../options.ts'
import type { SandboxCall, SandboxRoute, World } from './route.ts'

/** When a list was made here, by the sandbox's clock: it is unknown to other calls for a while. */
const madeAt = new WeakMap<ListRow, number>()

export const listRoutes: readonly SandboxRoute[] = [
  {
    method: 'GET',
    pattern: '/api/lists',
    limit: limits.lists,
    handle: (_, { project }) => json({ lists: project.lists }),
  },
  { method: 'POST', pattern: '/api/lists', limit: limits.listWrite, handle: createList },
  {
    method: 'GET',
    pattern: '/api/lists/getUsers',
    limit: limits.getUsers,
    handle: (call, world) => readMembers(call, world, Number(call.query.get('maxResults') ?? Infinity)),
  },
  {
    method: 'GET',
    pattern: '/api/lists/previewUsers',
    limit: limits.previewUsers,
    handle: (call, world) => {
      const size = Number(call.query.get('size') ?? 1000)
      if (!(size >= 1 && size <= 5000))
        return badParams(`Invalid size: ${call.query.get('size')}, the maximum is 5000`)
      return readMembers(call, world, size)
    },
  },
  {
    method: 'GET',
    pattern: '/api/lists/{id}/size',
    limit: limits.listSize,
    handle: ({ parts: [id] }, world) => {
      const list = knownList(world, Number(id))
      return list ? text(String(world.project.users.members(list.id).size)) : invalidList(Number(id))
    },
  },
  { method: 'DELETE', pattern: '/api/lists/{id}', limit: limits.listWrite, handle: deleteList },
]

/** A list that exists, and has existed for long enough. */
export function knownList({ project, options, clock }: World, listId: unknown): ListRow | undefined {
  const list = project.lists.find(({ id }) => id === listId)
  if (!list) return undefined
  const since = madeAt.get(list)
  const delayMs = (options.newListDelayMs ?? 0) / (options.timeScale ?? 1)
  return since !== undefined && clock() - since < delayMs ? undefined : list
}

function createList({ body, path }: SandboxCall, { project, clock }: World): SandboxAnswer {
  const name = body?.name
  if (typeof name !== 'string' || name === '') {
    return failure(400, 'BadJsonBody', `[${path}] Invalid JSON body`, { 'obj.name': 'Required' })
  }
  const description = typeof body?.description === 'string' ? body.description : ''
  const list: ListRow = {
    id: project.nextListId(),
    name,
    description,
    createdAt: project.now().getTime(),
    listType: 'Standard' as const,
  }
  project.lists.push(list)
  madeAt.set(list, clock())
  return json({ listId: list.id })
}

function deleteList({ parts: [id] }: SandboxCall, { project }: World): SandboxAnswer {
  const index = project.lists.findIndex((list) => list.id === Number(id))
  if (index < 0) return invalidList(Number(id))
  project.users.dropList(Number(id))
  project.lists.splice(index, 1)
  return success()
}

/** One identifier per line, in an order that changes from call to call. */
function readMembers({ query }: SandboxCall, world: World, size: number): SandboxAnswer {
  const listId = Number(query.get('listId') ?? Number.NaN)
  if (!Number.isInteger(listId)) return badParams('listId is required')
  const list = knownList(world, listId)
  if (!list) return invalidList(listId)
  const names = world.project.users.members(listId).identifiers(query.get('preferUserId') === 'true')
  const random = randomFor(world.project.seed, 'order', world.log.counts().total ?? 0)
  for (let last = names.length - 1; last > 0; last--) {
    const other = random.below(last + 1)
    ;[names[last], names[other]] = [names[other]!, names[last]!]
  }
  return lines(inPieces(names.slice(0, size)), 'text/plain; charset=utf-8')
}

function* inPieces(names: readonly string[]): Generator<Buffer> {
  for (let at = 0; at < names.length; at += 10_000) {
    yield Buffer.from(`${names.slice(at, at + 10_000).join('\n')}\n`)
  }
}
