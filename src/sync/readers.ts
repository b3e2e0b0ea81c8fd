/** The ways of asking Iterable, one for each variant of `Read`; each writes lines of NDJSON into a sink. */
import type { Stream } from '../catalog/index.ts'
import { IterableHttpError, isRetryable, MalformedResponseError, TransferError } from '../iterable/errors.ts'
import { splitEnvelope } from '../iterable/lines.ts'
import { membersOf } from '../warehouse/load/rewrite.ts'
import type { LineSink } from './download.ts'
import type { CountingClient } from './source.ts'
import { requestTime, type Window } from './windows.ts'

const newline = Buffer.from('\n')
const pageSize = 1000
const batchRecords = 50

/**
 * One window of the export: the body passes as it comes. In a hurry, an answer that says nothing about the window (the
 * rate limit, a lost connection) is still waited out, one that does is thrown at once.
 */
export async function readExport(
  client: CountingClient,
  dataType: string,
  { from, to }: Window,
  sink: LineSink,
  { isHurried }: { readonly isHurried: boolean },
): Promise<void> {
  const query = { dataTypeName: dataType, startDateTime: requestTime(from), endDateTime: requestTime(to) }
  const ask = (retry: boolean) => client.request('export', { query, retry })
  const { body } = await ask(!isHurried).catch((error: unknown) => {
    if (!isHurried || !isRetryable(error) || isUndelivered(error)) throw error
    return ask(true)
  })
  for await (const block of body) await sink.write(block)
}

/** Whether asking again may bring what this read did not: it broke off, or was no answer. */
export const isBrokenTransfer = (error: unknown): boolean =>
  error instanceof TransferError || error instanceof MalformedResponseError

/** The server gave up on the size of the question, as far as we can tell: a smaller one may be answered. */
export const isUndelivered = (error: unknown): boolean =>
  isBrokenTransfer(error) || (error instanceof IterableHttpError && error.status >= 500)

/** All pages of all variants of a document; the fields of the variant are written into each record. */
export async function readDocuments(
  client: CountingClient,
  read: Extract<Stream['read'], { kind: 'documents' }>,
  sink: LineSink,
): Promise<void> {
  for (const variant of read.variants ?? [{}]) {
    let received = 0
    for (let page = 1; ; page += 1) {
      const query = { ...variant, ...(read.paged && { page, pageSize }) }
      const { body } = await client.request(read.endpoint, { query })
      const lines = splitEnvelope(body, read.property, read.endpoint)
      let step = await lines.next()
      const before = received
      // A write for each record would cost more than the record.
      let batch: Buffer[] = []
      for (; !step.done; step = await lines.next()) {
        batch.push(withFields(step.value, variant), newline)
        received += 1
        if (batch.length < 2 * batchRecords) continue
        await sink.write(Buffer.concat(batch))
        batch = []
      }
      await sink.write(Buffer.concat(batch))
      if (!read.paged || received === before || !hasNext(step.value, received)) break
    }
  }
}

/** Older projects get everything at once; where a link to the next page or a larger total is named, there is more. */
function hasNext(envelope: Record<string, unknown>, received: number): boolean {
  if (typeof envelope.nextPageUrl === 'string' && envelope.nextPageUrl !== '') return true
  const total = Object.entries(envelope).find(([name]) => /^total\w*Count$/.test(name))?.[1]
  return typeof total === 'number' && received < total
}

/** A record with further fields, those that it has itself left out; its text is kept as it is. */
function withFields(record: Buffer, fields: Readonly<Record<string, string>>): Buffer {
  if (Object.keys(fields).length === 0) return record
  const text = record.toString()
  const own = new Set([...membersOf(text)].map(({ key }) => key))
  const added = Object.entries(fields).filter(([name]) => !own.has(name))
  const members = added.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`)
  if (members.length === 0) return record
  const rest = text.slice(text.indexOf('{') + 1)
  return Buffer.from(`{${members.join(',')}${own.size > 0 ? ',' : ''}${rest}`)
}

export interface List {
  readonly id: string
  readonly name: string
}

/** All lists of the project; ids as text, so that every digit stays. */
export async function readLists(client: CountingClient): Promise<List[]> {
  const { body } = await client.request('lists')
  const lists: List[] = []
  for await (const line of splitEnvelope(body, 'lists', 'lists')) {
    const members = new Map([...membersOf(line.toString())].map(({ key, value }) => [key, value]))
    const id = members.get('id')
    if (id && /^\d+$/.test(id)) lists.push({ id, name: String(JSON.parse(members.get('name') ?? '""')) })
  }
  return lists
}

/**
 * The members of a list. A line is an e-mail address, else a userId; in e-mail-based projects it is always an address
 * (of whatever form: Iterable does not promise valid ones).
 */
export async function readMembers(
  client: CountingClient,
  listId: string,
  sink: LineSink,
  { isEmailProject, updatedAt }: { readonly isEmailProject: boolean; readonly updatedAt: Date },
): Promise<void> {
  const { body } = await client.request('list_users', { query: { listId } })
  const stamp = `"listId":${listId},"updatedAt":"${updatedAt.toISOString()}"`
  const toRecords = (lines: readonly string[]): Buffer =>
    Buffer.from(
      lines
        .map((line) => line.replace(/\r$/, ''))
        .filter((line) => line.trim() !== '')
        .map((line) => {
          if (isErrorObject(line)) throw new MalformedResponseError('list_users', `it ends with ${line}`)
          const column = isEmailProject || line.includes('@') ? 'email' : 'userId'
          return `{"${column}":${JSON.stringify(line)},${stamp}}\n`
        })
        .join(''),
    )
  // Cut at newlines before decoding, so that no character is torn.
  let rest: Buffer = Buffer.alloc(0)
  for await (const block of body) {
    const text = Buffer.concat([rest, block])
    const end = text.lastIndexOf(10) + 1
    rest = text.subarray(end)
    if (end > 0) await sink.write(toRecords(text.subarray(0, end).toString().split('\n')))
  }
  if (rest.length > 0) await sink.write(toRecords([rest.toString()]))
}

/** What Iterable says in the middle of an answer that it cannot finish. */
function isErrorObject(line: string): boolean {
  if (!line.startsWith('{')) return false
  try {
    const { msg, code } = JSON.parse(line) as { msg?: unknown; code?: unknown }
    return typeof msg === 'string' && typeof code === 'string'
  } catch {
    return false
  }
}

/** Every value of every metadata table. */
export async function readMetadata(client: CountingClient, sink: LineSink): Promise<void> {
  const { results } = await client.json<{ results?: { name: string }[] }>('metadata')
  for (const { name: table } of results ?? []) {
    for await (const key of metadataKeys(client, table)) {
      const value = await readMetadataValue(client, table, key)
      if (value) await sink.write(value)
    }
  }
}

async function* metadataKeys(client: CountingClient, table: string): AsyncGenerator<string> {
  let nextMarker: string | undefined
  do {
    const page = await client.json<{ results?: { key: string }[]; nextMarker?: string | null }>(
      'metadata_table',
      {
        path: { table },
        query: { nextMarker },
      },
    )
    for (const { key } of page.results ?? []) yield key
    nextMarker = page.nextMarker || undefined
  } while (nextMarker)
}

/** One value as a line; undefined where it has been deleted since its key was listed. */
async function readMetadataValue(
  client: CountingClient,
  table: string,
  key: string,
): Promise<Buffer | undefined> {
  try {
    const { body } = await client.request('metadata_value', { path: { table, key } })
    const blocks: Buffer[] = []
    for await (const block of body) blocks.push(block)
    // A newline in JSON stands between tokens only: a pretty document is one line as well.
    const text = Buffer.from(
      Buffer.concat(blocks)
        .toString()
        .replaceAll(/[\r\n]+/g, ' '),
    )
    return Buffer.concat([withFields(text, { table, key }), newline])
  } catch (error) {
    if (error instanceof IterableHttpError && error.status === 404) return undefined
    throw error
  }
}
