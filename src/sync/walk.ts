/** What the walks through several endpoints share: reading indices, writing records, unwrapping pages. */
import type { Read } from '../catalog/index.ts'
import type { EndpointName, IterableResponse } from '../iterable/client.ts'
import { IterableHttpError, isUnknownList } from '../iterable/errors.ts'
import { splitEnvelope } from '../iterable/lines.ts'
import { memberOf, membersOf } from '../json/members.ts'
import type { LineSink } from './download.ts'
import { inPages, keepPage } from './pages.ts'
import { documentLine, readDocuments, withFields } from './readers.ts'
import type { CountingClient } from './source.ts'

/** What a walk is given. */
export interface WalkReach {
  readonly client: CountingClient
  readonly sink: LineSink
  /** When the sync began. */
  readonly now: Date
  /** What was changed before this is there already; undefined asks for everything. */
  readonly since: Date | undefined
}

export type WalkReader = (reach: WalkReach) => Promise<void>

/** A record of an index, of which only a few fields are looked at. */
export type IndexRecord = Readonly<Record<string, unknown>>

/** All records of a document, parsed: an index that tells what is to be asked for. */
export async function readIndex(
  client: CountingClient,
  read: Extract<Read, { kind: 'documents' }>,
): Promise<readonly IndexRecord[]> {
  const records: IndexRecord[] = []
  await readDocuments(client, read, {
    // Whole lines come with each write.
    async write(block) {
      for (const line of block.toString().split('\n')) if (line !== '') records.push(indexRecord(line))
    },
  })
  return records
}

/** A record, parsed; a whole number that no double holds is a text, so that every digit of an id stays. */
export function indexRecord(line: string | Buffer): IndexRecord {
  const record = JSON.parse(line.toString()) as Record<string, unknown>
  const isInexact = (value: unknown) => Number.isInteger(value) && !Number.isSafeInteger(value)
  if (!Object.values(record).some(isInexact)) return record
  for (const { key, value } of membersOf(line)) if (isInexact(record[key])) record[key] = value
  return record
}

/** The records of an answer that has all of them, as they are written. */
export async function elementsOf(
  { body }: IterableResponse,
  property: string,
  endpoint: EndpointName,
): Promise<readonly Buffer[]> {
  const records: Buffer[] = []
  for await (const record of splitEnvelope(body, property, endpoint))
    records.push(withFields(record, {}, endpoint))
  return records
}

/** One record of what two say: of members that both have, those of the second. The texts of values stay as they are. */
export function joined(first: Buffer, second: Buffer): Buffer {
  const members = new Map([...membersOf(first), ...membersOf(second)].map(({ key, value }) => [key, value]))
  return Buffer.from(`{${[...members].map(([key, value]) => `${JSON.stringify(key)}:${value}`).join(',')}}\n`)
}

/** Writes records as lines. */
export async function writeRecords(sink: LineSink, records: readonly object[]): Promise<void> {
  if (records.length === 0) return
  await sink.write(Buffer.from(records.map((record) => `${JSON.stringify(record)}\n`).join('')))
}

/** What is asked for, or undefined where Iterable has none (404), or has no such list. */
export async function unlessMissing<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked
  } catch (error) {
    if (isUnknownList(error) || (error instanceof IterableHttpError && error.status === 404)) return undefined
    throw error
  }
}

/** All pages of an endpoint whose answers come flat or wrapped in `params`, as lines into a sink. */
export async function readWrapped(
  client: CountingClient,
  {
    endpoint,
    property,
    pageSize,
    path,
  }: {
    readonly endpoint: EndpointName
    readonly property: string
    readonly pageSize: number
    readonly path?: Readonly<Record<string, string>>
  },
  { lineOf, sink }: { readonly lineOf: (record: Buffer) => Buffer; readonly sink: LineSink },
): Promise<void> {
  await inPages(endpoint, (page) => {
    const use = async ({ body }: IterableResponse) => {
      const text = unwrapped((await documentLine(body, endpoint)).toString())
      return keepPage(splitEnvelope(once(Buffer.from(text)), property, endpoint), lineOf, sink)
    }
    return client.whole(endpoint, use, { query: { page, pageSize }, path })
  })
}

/** The inside of `{"msg":…,"code":…,"params":{…}}`, or the text itself. */
function unwrapped(text: string): string {
  const params = memberOf(text, 'params')
  return params?.startsWith('{') ? params : text
}

async function* once(block: Buffer): AsyncGenerator<Buffer> {
  yield block
}

/** The date of an instant in UTC, such as `2026-02-01`. */
export const utcDay = (at: Date): string => at.toISOString().slice(0, 10)
