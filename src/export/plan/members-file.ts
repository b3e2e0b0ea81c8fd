/** The present members of a list, read from Iterable into a file, since a list may have millions. */
import { createWriteStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Writable } from 'node:stream'
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
  /** People of one reading. */
  readonly people: number
}

export interface MembersInput {
  readonly warehouse: Warehouse
  readonly client: IterableClient
  readonly listId: number
  readonly projectType: ProjectType
  /** In hybrid projects: which of a person's two identifiers is told. One reading tells one; with both, each person comes twice. */
  readonly by: readonly ('email' | 'userId')[]
  readonly runId: string
  readonly signal: AbortSignal
}

export async function fetchMembers(input: MembersInput): Promise<MembersFile> {
  const { warehouse, projectType, by, runId } = input
  const directory = `${warehouse.spoolDirectory}-members-${runId}`
  await makeFolder(directory)
  const file = join(directory, 'members.tsv')
  let people = 0
  for (const [index, identifier] of by.entries()) {
    // A process that was killed may have left a file.
    const out = createWriteStream(file, { mode: 0o600, flags: index === 0 ? 'w' : 'a' })
    people = await readMembers(input, projectType === 'userId' || identifier === 'userId', out)
  }
  return {
    people,
    select:
      `select member_key, any_value(payload) as payload from read_csv(${literal(file)}, columns = {'member_key': 'varchar', ` +
      `'payload': 'varchar'}, auto_detect = false, header = false, delim = '\\t', quote = '', escape = '') group by member_key`,
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  }
}

/** Writes what one reading tells. Returns how many people it has told. */
async function readMembers(input: MembersInput, preferUserId: boolean, out: Writable): Promise<number> {
  const { client, listId, projectType, signal } = input
  const { body } = await client.request('list_users', { query: { listId, preferUserId }, signal })
  let count = 0
  await pipeline(
    memberLines(body, { isEmailProject: projectType === 'email' }),
    async function* (portions: AsyncIterable<readonly string[]>) {
      for await (const lines of portions) {
        count += lines.length
        yield lines.map((line) => memberRow(line.trim(), projectType)).join('')
      }
    },
    out,
  )
  await refuseShortList(input, count)
  return count
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
