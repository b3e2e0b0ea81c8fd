/** The present members of a list, read from Iterable into a file, since a list may have millions. */
import { createWriteStream } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ProjectType } from '../catalog/index.ts'
import type { IterableClient } from '../iterable/client.ts'
import type { Warehouse } from '../warehouse/session.ts'
import { literal } from '../warehouse/sql.ts'

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

export async function readMembers(input: MembersInput): Promise<MembersFile> {
  const { warehouse, client, listId, projectType, byUserId, runId, signal } = input
  const directory = `${warehouse.spoolDirectory}-members-${runId}`
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const file = join(directory, 'members.tsv')
  const query = { listId, preferUserId: byUserId || projectType === 'userId' }
  const { body } = await client.request('list_users', { query, signal })
  const lines = createInterface({ input: Readable.from(body), crlfDelay: Number.POSITIVE_INFINITY })
  await pipeline(
    lines,
    async function* (names: AsyncIterable<string>) {
      for await (const name of names) {
        const identifier = name.trim()
        if (identifier === '') continue
        const isEmail = projectType !== 'userId' && identifier.includes('@')
        const key = isEmail ? `e:${identifier.toLowerCase()}` : `u:${identifier}`
        yield `${key.replaceAll('\t', ' ')}\t${JSON.stringify(isEmail ? { email: identifier } : { userId: identifier })}\n`
      }
    },
    createWriteStream(file, { mode: 0o600 }),
  )
  return {
    select:
      `select member_key, any_value(payload) as payload from read_csv(${literal(file)}, columns = {'member_key': 'varchar', ` +
      `'payload': 'varchar'}, auto_detect = false, header = false, delim = '\\t', quote = '', escape = '') group by member_key`,
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  }
}
