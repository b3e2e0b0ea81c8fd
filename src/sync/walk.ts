/** What the walks through several endpoints share: reading indices, writing records, unwrapping pages. */
import { createHash } from 'node:crypto'
import type { Read } from '../catalog/index.ts'
import type { EndpointName } from '../iterable/endpoints.ts'
import { IterableHttpError } from '../iterable/errors.ts'
import { splitEnvelope } from '../iterable/lines.ts'
import { memberOf } from '../json/members.ts'
import type { LineSink } from './download.ts'
import { documentLine, Pages, readDocuments } from './readers.ts'
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
      for (const line of block.toString().split('\n')) if (line !== '') records.push(JSON.parse(line))
    },
  })
  return records
}

/** Writes records as lines. */
export async function writeRecords(sink: LineSink, records: readonly object[]): Promise<void> {
  if (records.length === 0) return
  await sink.write(Buffer.from(records.map((record) => `${JSON.stringify(record)}\n`).join('')))
}

/** What is asked for, or undefined where Iterable has none (404). */
export async function unlessMissing<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked
  } catch (error) {
    if (error instanceof IterableHttpError && error.status === 404) return undefined
    throw error
  }
}

/** All pages of an endpoint whose answers come flat or wrapped in `params`; each record is a line as it came. */
export async function* pagesOf(
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
): AsyncGenerator<Buffer> {
  const progress = new Pages(endpoint)
  for (let page = 1; ; page += 1) {
    const { body } = await client.request(endpoint, { query: { page, pageSize }, path })
    const text = unwrapped((await documentLine(body, endpoint)).toString())
    const lines = splitEnvelope(once(Buffer.from(text)), property, endpoint)
    let step = await lines.next()
    for (; !step.done; step = await lines.next()) {
      progress.received += 1
      yield step.value
    }
    if (!progress.hasNext(step.value, createHash('sha1').update(text).digest('hex'))) return
  }
}

/** The inside of `{"msg":…,"code":…,"params":{…}}`, or the text itself. */
function unwrapped(text: string): string {
  const params = memberOf(text, 'params')
  return params?.startsWith('{') ? params : text
}

async function* once(block: Buffer): AsyncGenerator<Buffer> {
  yield block
}

/** The instant of a field: epoch milliseconds or a text; undefined where it is neither. */
export function timeOf(value: unknown): Date | undefined {
  if (typeof value !== 'number' && typeof value !== 'string') return undefined
  const at = new Date(value)
  return Number.isNaN(at.getTime()) ? undefined : at
}

/** The date of an instant in UTC, such as `2026-02-01`. */
export const utcDay = (at: Date): string => at.toISOString().slice(0, 10)
