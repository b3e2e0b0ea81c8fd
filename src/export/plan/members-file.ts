/** The present members of a list, read from Iterable into a file, since a list may have millions. */
import { createWriteStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { ProjectType } from '../../catalog/index.ts'
import { TransientError } from '../../errors.ts'
import { makeFolder } from '../../folders.ts'
import type { IterableClient } from '../../iterable/client.ts'
import { sizeForm } from '../../iterable/forms.ts'
import { memberLines } from '../../iterable/members.ts'
import type { Warehouse } from '../../warehouse/session.ts'
import { literal } from '../../warehouse/sql.ts'

export interface MembersFile extends AsyncDisposable {
  /** A statement of the engine: columns member_key and payload, one row per person. */
  readonly select: string
}

export interface MembersInput {
  readonly warehouse: Warehouse
  readonly client: IterableClient
  readonly listId: number
  readonly projectType: ProjectType
  /** In hybrid projects: which identifier the export sends. */
  readonly byUserId: boolean
  readonly runId: string
  readonly signal: AbortSignal
}

export async function fetchMembers(input: MembersInput): Promise<MembersFile> {
  const { warehouse, client, listId, projectType, byUserId, runId, signal } = input
  const directory = `${warehouse.spoolDirectory}-members-${runId}`
  await makeFolder(directory)
  const file = join(directory, 'members.tsv')
  const query = { listId, preferUserId: byUserId || projectType === 'userId' }
  const { body } = await client.request('list_users', { query, signal })
  let count = 0
  await pipeline(
    memberLines(body, { isEmailProject: projectType === 'email' }),
    async function* (portions: AsyncIterable<readonly string[]>) {
      for await (const lines of portions) {
        count += lines.length
        yield lines.map((line) => memberRow(line.trim(), projectType)).join('')
      }
    },
    createWriteStream(file, { mode: 0o600 }),
  )
  await refuseShortList(input, count)
  return {
    select:
      `select member_key, any_value(payload) as payload from read_csv(${literal(file)}, columns = {'member_key': 'varchar', ` +
      `'payload': 'varchar'}, auto_detect = false, header = false, delim = '\\t', quote = '', escape = '') group by member_key`,
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  }
}

function memberRow(identifier: string, projectType: ProjectType): string {
  const isEmail = projectType !== 'userId' && identifier.includes('@')
  const key = isEmail ? `e:${identifier.toLowerCase()}` : `u:${identifier}`
  return `${key.replaceAll('\t', ' ')}\t${JSON.stringify(isEmail ? { email: identifier } : { userId: identifier })}\n`
}

/** What of a list may be missing: people come and go while it is read. */
const tolerated = 0.9

/**
 * An answer has no end that could be told from a cut: the list's own size says whether it is whole.
 * @throws TransientError with code `list_shrunk`.
 */
async function refuseShortList({ client, listId, signal }: MembersInput, read: number): Promise<void> {
  const size = await client.json('list_size', { form: sizeForm, path: { listId }, signal })
  if (read >= size * tolerated) return
  throw new TransientError(
    'list_shrunk',
    `list ${listId} came back with ${read} members, but Iterable counts ${size}; nothing was planned upon it`,
  )
}
