import { Envelope, EnvelopeFault } from '../json/envelope.ts'
import { MalformedResponseError } from './errors.ts'

/**
 * Splits a page such as `{"campaigns":[{…},{…}],"nextPageUrl":"…"}` while it streams: yields each element of the
 * array under `property` as one line of JSON (raw, so that every digit stays; without a newline at its end or in
 * it), and returns the rest of the page, parsed, with that array empty. One element is held at a time.
 *
 * A page is whole only when the generator has returned: what it yielded before it throws must not be published.
 * Throws MalformedResponseError when the page is not JSON, ends early or has no such array.
 */
export async function* splitEnvelope(
  chunks: AsyncIterable<Uint8Array>,
  property: string,
  endpoint: string,
): AsyncGenerator<Buffer, Record<string, unknown>, undefined> {
  const envelope = new Envelope(property)
  try {
    for await (const chunk of chunks) {
      yield* envelope.scan(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength))
    }
    return envelope.finish()
  } catch (error) {
    if (!(error instanceof EnvelopeFault)) throw error
    throw new MalformedResponseError(endpoint, error.message, { cause: error.cause })
  }
}
