/** The ways of asking Iterable, one for each variant of `Read`; each writes lines of NDJSON into a sink. */
import type { Stream } from '../catalog/index.ts'
import type { IterableResponse } from '../iterable/client.ts'
import { IterableHttpError, isRetryable, MalformedResponseError, TransferError } from '../iterable/errors.ts'
import { metadataKeysForm, metadataTablesForm, shown } from '../iterable/forms.ts'
import { splitEnvelope } from '../iterable/lines.ts'
import { memberLines } from '../iterable/members.ts'
import { isObject, membersOf } from '../json/members.ts'
import type { LineSink } from './download.ts'
import type { ExportType } from './export-type.ts'
import { inPages, keepPage, mostPages } from './pages.ts'
import type { CountingClient } from './source.ts'
import { requestTime, type Window } from './windows.ts'

const newline = Buffer.from('\n')
const pageSize = 1000

/**
 * One window of the export: the body passes as it comes. In a hurry, an answer that says nothing about the window (the
 * rate limit, a lost connection) is still waited out, one that does is thrown at once.
 */
export async function readExport(
  client: CountingClient,
  type: ExportType,
  { from, to }: Window,
  sink: LineSink,
  { isHurried }: { readonly isHurried: boolean },
): Promise<void> {
  const times = { startDateTime: requestTime(from), endDateTime: requestTime(to) }
  const ask = (retry: boolean) =>
    type.ask((dataTypeName) => client.request('export', { query: { dataTypeName, ...times }, retry }))
  const { body } = await ask(!isHurried).catch((error: unknown) => {
    if (!isHurried || !isRetryable(error) || isUndelivered(error)) throw error
    return ask(true)
  })
  for await (const block of body) await sink.write(block)
}

/** Whether asking again may bring what this read did not: it broke off, or was not an answer. */
export const isBrokenTransfer = (error: unknown): boolean =>
  error instanceof TransferError || error instanceof MalformedResponseError

/** The server gave up on the size of the question, as far as we can tell: a smaller one may be answered. */
export const isUndelivered = (error: unknown): boolean =>
  isBrokenTransfer(error) ||
  (error instanceof IterableHttpError && (error.status >= 500 || (error.status > 200 && error.status < 300)))

/** All pages of all variants of a document; the fields of the variant are written into each record. */
export async function readDocuments(
  client: CountingClient,
  read: Extract<Stream['read'], { kind: 'documents' }>,
  sink: LineSink,
): Promise<void> {
  const { endpoint, property, paged } = read
  for (const { variant, asked } of questionsOf(read)) {
    const ask = (page: number) => {
      const query = { ...asked, ...(paged && { page, pageSize: read.pageSize ?? pageSize }) }
      const use = async ({ body }: IterableResponse) => {
        const records = splitEnvelope(body, property, endpoint)
        return await keepPage(records, (record) => withFields(record, variant, endpoint), sink)
      }
      return client.whole(endpoint, use, { query })
    }
    await (paged ? inPages(endpoint, ask) : ask(1))
  }
}

function questionsOf({ variants, queries }: Extract<Stream['read'], { kind: 'documents' }>) {
  if (variants) return variants.map((variant) => ({ variant, asked: variant }))
  return (queries ?? [{}]).map((asked) => ({ variant: {}, asked }))
}

/**
 * A record with further fields, those that it has itself left out; its text is kept as it is.
 * @throws MalformedResponseError for anything but an object.
 */
export function withFields(
  record: Buffer,
  fields: Readonly<Record<string, string>>,
  endpoint: string,
): Buffer {
  if (!isObject(record)) {
    throw new MalformedResponseError(endpoint, `a record of it is ${shown(record.toString('utf8', 0, 400))}`)
  }
  if (Object.keys(fields).length === 0) return record
  const own = new Set([...membersOf(record)].map(({ key }) => key))
  const added = Object.entries(fields).filter(([name]) => !own.has(name))
  const members = added.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`)
  if (members.length === 0) return record
  const text = record.toString()
  const rest = text.slice(text.indexOf('{') + 1)
  return Buffer.from(`{${members.join(',')}${own.size > 0 ? ',' : ''}${rest}`)
}

export interface List {
  readonly id: string
  readonly name: string
}

/** All lists of the project; ids as text, so that every digit stays. */
export async function readLists(client: CountingClient): Promise<List[]> {
  return client.whole('lists', ({ body }) => listsOf(body))
}

async function listsOf(body: AsyncIterable<Buffer>): Promise<List[]> {
  const lists: List[] = []
  for await (const line of splitEnvelope(body, 'lists', 'lists')) {
    const members = new Map([...membersOf(line)].map(({ key, value }) => [key, value]))
    const id = members.get('id')
    if (!id || !/^\d+$/.test(id)) {
      throw new MalformedResponseError('lists', `a list of it is ${shown(line.toString('utf8', 0, 400))}`)
    }
    const name: unknown = JSON.parse(members.get('name') ?? '""')
    lists.push({ id, name: typeof name === 'string' ? name : '' })
  }
  return lists
}

/** The members of a list. A line is an e-mail address, else a userId; in e-mail-based projects it is always an address. */
export async function readMembers(
  client: CountingClient,
  listId: string,
  sink: LineSink,
  { isEmailProject, updatedAt }: { readonly isEmailProject: boolean; readonly updatedAt: Date },
): Promise<void> {
  const { body } = await client.request('list_users', { query: { listId } })
  const stamp = `"listId":${listId},"updatedAt":"${updatedAt.toISOString()}"`
  for await (const lines of memberLines(body, { isEmailProject })) {
    const records = lines.map((line) => {
      const column = isEmailProject || line.includes('@') ? 'email' : 'userId'
      return `{"${column}":${JSON.stringify(line)},${stamp}}\n`
    })
    await sink.write(Buffer.from(records.join('')))
  }
}

/** Every value of every metadata table. */
export async function readMetadata(client: CountingClient, sink: LineSink): Promise<void> {
  const { results } = await client.json('metadata', { form: metadataTablesForm })
  for (const { name: table } of results) {
    for await (const key of metadataKeys(client, table)) {
      const value = await readMetadataValue(client, table, key)
      if (value) await sink.write(value)
    }
  }
}

/** The keys of a table, page by page. @throws MalformedResponseError where the pages go in circles. */
async function* metadataKeys(client: CountingClient, table: string): AsyncGenerator<string> {
  const markers = new Set<string>()
  let nextMarker: string | undefined
  do {
    const page = await client.json('metadata_table', {
      form: metadataKeysForm,
      path: { table },
      query: { nextMarker },
    })
    for (const { key } of page.results) yield key
    // A page that brings nothing is the last one.
    nextMarker = page.results.length > 0 ? page.nextMarker || undefined : undefined
    if (nextMarker !== undefined && markers.has(nextMarker)) {
      throw new MalformedResponseError('metadata_table', 'the marker of its next page came before')
    }
    if (nextMarker !== undefined) markers.add(nextMarker)
  } while (nextMarker !== undefined && markers.size < mostPages)
}

/** One value as a line; undefined where it has been deleted since its key was listed. */
async function readMetadataValue(
  client: CountingClient,
  table: string,
  key: string,
): Promise<Buffer | undefined> {
  try {
    return await client.whole(
      'metadata_value',
      async ({ body }) => {
        const text = await documentLine(body, 'metadata_value')
        return Buffer.concat([withFields(text, { table, key }, 'metadata_value'), newline])
      },
      { path: { table, key } },
    )
  } catch (error) {
    if (error instanceof IterableHttpError && error.status === 404) return undefined
    throw error
  }
}

/** A JSON document of its own as one line: a newline in JSON stands between tokens only. */
export async function documentLine(body: AsyncIterable<Buffer>, endpoint: string): Promise<Buffer> {
  const blocks: Buffer[] = []
  let bytes = 0
  for await (const block of body) {
    blocks.push(block)
    bytes += block.length
    if (bytes > largestValueBytes) throw new MalformedResponseError(endpoint, 'it is over 64 MB')
  }
  const text = Buffer.concat(blocks)
  try {
    JSON.parse(text.toString())
  } catch (error) {
    throw new MalformedResponseError(
      endpoint,
      `JSON was expected, it begins with ${shown(text.toString('utf8', 0, 400))}`,
      {
        cause: error,
      },
    )
  }
  return Buffer.from(text.toString().replaceAll(/[\r\n]+/g, ' '))
}

const largestValueBytes = 64 * 2 ** 20
