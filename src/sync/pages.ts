/** Documents in pages: each is kept whole or asked for again, and what they say of themselves tells whether there is more. */
import { createHash } from 'node:crypto'
import { MalformedResponseError } from '../iterable/errors.ts'
import type { LineSink } from './download.ts'

/** More pages than this mean a server that goes in circles (10,000 of 1,000 records each). */
export const mostPages = 10_000

const newline = Buffer.from('\n')

/** What a page brought. */
interface Page {
  /** Its envelope: how many records there are, and where the next page is. */
  readonly envelope: Readonly<Record<string, unknown>>
  readonly received: number
  /** A hash of its records. */
  readonly content: string
}

/**
 * Writes the records of a page once all of them are there, so that a page can be asked for again. Of a project that gives
 * everything as one page some may be written twice: under the same keys.
 */
export async function keepPage(
  records: AsyncGenerator<Buffer, Record<string, unknown>, undefined>,
  lineOf: (record: Buffer) => Buffer,
  sink: LineSink,
): Promise<Page> {
  const hash = createHash('sha1')
  let received = 0
  let held: Buffer[] = []
  let heldBytes = 0
  const write = async () => {
    await sink.write(Buffer.concat(held))
    held = []
    heldBytes = 0
  }
  let step = await records.next()
  for (; !step.done; step = await records.next()) {
    hash.update(step.value)
    const line = lineOf(step.value)
    held.push(line, newline)
    received += 1
    heldBytes += line.length
    if (heldBytes > mostHeldBytes) await write()
  }
  await write()
  return { envelope: step.value, received, content: hash.digest('hex') }
}

const mostHeldBytes = 8 * 2 ** 20

/**
 * All pages, one after the other; from the first one again where there are fewer records than before: what is deleted
 * meanwhile moves those behind it forward, past a page that was read.
 * @throws MalformedResponseError where the pages go in circles.
 */
export async function inPages(endpoint: string, read: (page: number) => Promise<Page>): Promise<void> {
  for (let round = 1; round <= mostRounds; round += 1) {
    const progress = new Pages(endpoint)
    for (let page = 1; progress.hasNext(await read(page)); page += 1);
    if (!progress.hasShrunk) return
  }
}

/** A document that shrinks all the time is taken as it came. */
const mostRounds = 3

/** How far the pages of one document have come, and whether there is another. */
class Pages {
  readonly #endpoint: string
  /** Links to pages, and hashes of what pages brought. */
  readonly #met = new Set<string>()
  #pages = 0
  #received = 0
  #total: number | undefined
  /** A page named fewer records than one before it. */
  hasShrunk = false

  constructor(endpoint: string) {
    this.#endpoint = endpoint
  }

  /**
   * Older projects get everything at once; where a link to the next page or a larger total is named, there is more. A
   * page that brought nothing is the last one, whatever it names.
   */
  hasNext({ envelope, received, content }: Page): boolean {
    this.#pages += 1
    this.#received += received
    const total = Object.entries(envelope).find(([name]) => /^total\w*Count$/.test(name))?.[1]
    if (typeof total === 'number') {
      this.hasShrunk ||= total < (this.#total ?? 0)
      this.#total = total
    }
    if (received === 0) return false
    if (this.#met.has(content)) this.#refuse(`page ${this.#pages} brings what an earlier page brought`)
    this.#met.add(content)
    if (typeof total === 'number' && this.#received >= total) return false
    const link = envelope.nextPageUrl
    const hasLink = typeof link === 'string' && link !== ''
    if (hasLink && this.#met.has(link)) this.#refuse(`the link to page ${this.#pages + 1} came before`)
    if (hasLink) this.#met.add(link)
    if (this.#pages >= mostPages) this.#refuse(`it has more than ${mostPages} pages`)
    return hasLink || (typeof total === 'number' && this.#received < total)
  }

  #refuse(why: string): never {
    throw new MalformedResponseError(this.#endpoint, why)
  }
}
