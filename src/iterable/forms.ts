/**
 * The forms of Iterable's answers. Anything in another form does not count as an answer, whatever its status says: the page of a
 * proxy, a captive portal, a maintenance notice. It is told by its content type, by its encoding, or by its content.
 */
import type { Readable, Transform } from 'node:stream'
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib'
import * as z from 'zod'
import { MalformedResponseError } from './errors.ts'

type Headers = Readonly<Record<string, string | string[] | undefined>>

/** Encodings that we ask for. Of deflate there are two forms, and servers send either; the documented one is decoded. */
export const acceptedEncodings = 'gzip, br'

const decoders = new Map<string, () => Transform>([
  ['gzip', createGunzip],
  ['x-gzip', createGunzip],
  ['deflate', createInflate],
  ['br', createBrotliDecompress],
])

/**
 * The bytes of a body without their encoding.
 * @throws MalformedResponseError for an encoding that nobody asked for.
 */
export function decoded(body: Readable, headers: Headers, endpoint: string): Readable {
  const encodings = headerOf(headers, 'content-encoding')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '' && name !== 'identity')
  const steps = encodings.toReversed().map((name) => {
    const decoder = decoders.get(name)
    if (!decoder) throw new MalformedResponseError(endpoint, `it is encoded as ${JSON.stringify(name)}`)
    return decoder()
  })
  // By hand rather than by `pipeline`, which would report one break twice.
  return steps.reduce<Readable>((from, step) => {
    from.on('error', (error) => step.destroy(error))
    step.on('close', () => from.destroy())
    return from.pipe(step)
  }, body)
}

const byteOrderMark = Buffer.from('\ufeff')

/** The bytes of a text without the byte order mark that may stand before it: it is no part of a line, and no JSON. */
export async function* withoutMark(blocks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let beginning: Buffer | undefined = Buffer.alloc(0)
  for await (const block of blocks) {
    if (!beginning) {
      yield block
      continue
    }
    beginning = Buffer.concat([beginning, block])
    if (beginning.length < byteOrderMark.length) continue
    yield beginning.indexOf(byteOrderMark) === 0 ? beginning.subarray(byteOrderMark.length) : beginning
    beginning = undefined
  }
  if (beginning && beginning.length > 0) yield beginning
}

/**
 * What Iterable's successes are sent as: JSON, lines of JSON, lines of text, CSV. Nothing is documented for most
 * endpoints, so an answer without a type passes here, and its content decides.
 */
const types = /^(?:application|text)\/(?:[\w.+-]*json[\w.+-]*|plain|csv|octet-stream)$|^binary\/octet-stream$/

/** @throws MalformedResponseError for an answer of a type that the API does not have, such as HTML. */
export function refuseForeignType(headers: Headers, endpoint: string): void {
  const type = headerOf(headers, 'content-type').split(';')[0]?.trim() ?? ''
  if (type === '' || types.test(type)) return
  throw new MalformedResponseError(endpoint, `its type is ${JSON.stringify(type)}, as of a page of a proxy`)
}

function headerOf(headers: Headers, name: string): string {
  const value = headers[name]
  return (Array.isArray(value) ? value.join(',') : (value ?? '')).toLowerCase()
}

/**
 * What Iterable says in the middle of an answer that it cannot finish: `{"msg":"An error occurred…","code":"GenericError"}`.
 */
export function isErrorObject(line: string): boolean {
  if (!/^\s*\{/.test(line) || line.length > 100_000) return false
  try {
    const { msg, code } = JSON.parse(line) as { msg?: unknown; code?: unknown }
    return typeof msg === 'string' && typeof code === 'string'
  } catch {
    return false
  }
}

/** The beginning of a text, for a message. */
export const shown = (text: string): string => JSON.stringify(text.trim().slice(0, 80))

/** `lists`: the lists of the project. */
export const listsForm = z.looseObject({
  lists: z.array(
    z.looseObject({ id: z.number(), name: z.string().nullish(), listType: z.string().nullish() }),
  ),
})

/** `users/getFields`: names of profile fields and their types. */
export const fieldsForm = z.looseObject({ fields: z.record(z.string(), z.string()) })

/** `POST lists`: the list that was made. */
export const listCreatedForm = z.looseObject({ listId: z.number().int() })

/** `lists/{id}/size`. */
export const sizeForm = z.number().int().nonnegative()

/** `lists/subscribe` and `lists/unsubscribe`: an object, every part of which may be missing. */
export const answerForm = z.looseObject({})

/** `metadata`: the tables. */
export const metadataTablesForm = z.looseObject({ results: z.array(z.looseObject({ name: z.string() })) })

/** `metadata/{table}`: a page of keys. */
export const metadataKeysForm = z.looseObject({
  results: z.array(z.looseObject({ key: z.string() })),
  nextMarker: z.string().nullish(),
})

/** `users/forgotten` and `users/forgottenUserIds`. */
export const forgottenForm = z.looseObject({
  hashedEmails: z.array(z.string()).nullish(),
  hashedUserIds: z.array(z.string()).nullish(),
})

/** `users/getByEmail` and `users/byUserId`: an empty object for nobody. */
export const profileForm = z.looseObject({ user: z.looseObject({}).nullish() })

const message = z.looseObject({})

/** `users/getSentMessages`. */
export const sentMessagesForm = z.looseObject({ messages: z.array(message) })

/** `inApp/getMessages`. */
export const inAppMessagesForm = z.looseObject({ inAppMessages: z.array(message) })

/** `embedded-messaging/messages`: what is shown at each place of an app. */
export const embeddedMessagesForm = z.looseObject({ placements: z.array(message) })

/** `catalogs/{name}/fieldMappings`. */
const mappingsForm = z.looseObject({
  definedMappings: z.record(z.string(), z.string()).nullish(),
  undefinedFields: z.array(z.string()).nullish(),
})
/** The same, flat or wrapped in `params`: the documentation says the one, the official client knows the other. */
export const catalogFieldsForm = z.union([z.looseObject({ params: mappingsForm }), mappingsForm])

/** The value, known to be of the form. @throws MalformedResponseError that names the first thing that is not. */
export function checked<T>(form: z.ZodType<T>, value: unknown, endpoint: string): T {
  const { success, data, error } = form.safeParse(value)
  if (success) return data
  const issue = error.issues[0]
  const where = issue && issue.path.length > 0 ? `${issue.path.map(String).join('.')}: ` : ''
  throw new MalformedResponseError(endpoint, `${where}${issue?.message ?? 'another form'}`)
}
