/** Everything that the API tells of one person. */
import type { IterableClient } from './client.ts'
import { IterableHttpError, MalformedResponseError } from './errors.ts'
import { embeddedMessagesForm, inAppMessagesForm, profileForm, sentMessagesForm, shown } from './forms.ts'

type Answered = Readonly<Record<string, unknown>>

/** What Iterable knows of a person, as it says it. */
export interface ApiPerson {
  /** The profile; null where Iterable knows nobody of that name. */
  readonly profile: Answered | null
  /** Every event, custom ones and purchases included; `_type` says what it is. */
  readonly events: readonly Answered[]
  /** What they were sent, the newest first. */
  readonly sent_messages: readonly Answered[]
  /** What waits in their inbox: a hundred at most, Iterable gives no more. */
  readonly in_app_messages: readonly Answered[]
  /** What an app would show them, by the place where it does. */
  readonly embedded_messages: readonly Answered[]
  /** What could not be read, and what Iterable said. */
  readonly unread: readonly { readonly what: string; readonly error: string }[]
}

type Reader = Pick<IterableClient, 'json' | 'request'>

interface Asking {
  readonly client: Reader
  readonly person: { readonly email?: string | undefined; readonly userId?: string | undefined }
  readonly signal?: AbortSignal | undefined
}

/** Asks for the profile, the events and the messages of a person. */
export async function askForPerson(
  client: Reader,
  { email, userId }: Asking['person'],
  { signal }: Pick<Asking, 'signal'> = {},
): Promise<ApiPerson> {
  const person = email === undefined ? { userId: userId?.trim() } : { email: email.trim() }
  const asking = { client, person, signal }
  const endpoint = email === undefined ? 'user_by_id' : 'user'
  const found = await unlessUnknown(client.json(endpoint, { query: person, form: profileForm, signal }))
  const events = await readEvents(asking)
  // Channels that the project does not have, or the key may not read, are no reason to say nothing of the others.
  const unread: { what: string; error: string }[] = []
  const unlessRefused = async (what: string, read: Promise<readonly Answered[]>) => {
    try {
      return await read
    } catch (error) {
      if (!(error instanceof IterableHttpError) || error.status >= 500) throw error
      // Iterable answers so for people whom it does not know.
      if (found?.user) unread.push({ what, error: error.message })
      return []
    }
  }
  return {
    profile: found?.user ?? null,
    events,
    sent_messages: await unlessRefused('sent_messages', readSentMessages(asking)),
    in_app_messages: await unlessRefused('in_app_messages', readInbox(asking)),
    embedded_messages: await unlessRefused('embedded_messages', readEmbedded(asking)),
    unread,
  }
}

async function readEvents({ client, person, signal }: Asking): Promise<readonly Answered[]> {
  const query = { ...person, includeCustomEvents: true }
  const response = await unlessUnknown(client.request('user_events', { query, signal }))
  const events: Answered[] = []
  let rest = ''
  const decoder = new TextDecoder()
  for await (const block of response?.body ?? []) {
    const lines = (rest + decoder.decode(block, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) if (line.trim() !== '') events.push(eventOf(line))
  }
  if (rest.trim() !== '') events.push(eventOf(rest))
  return events
}

/** An answer has a thousand at most (Swagger): those before it are asked for by the time of its last one. */
const mostMessages = 1_000
const mostAnswers = 1_000

async function readSentMessages({ client, person, signal }: Asking): Promise<readonly Answered[]> {
  const messages = new Map<string, Answered>()
  let endDateTime: string | undefined
  for (let answers = 0; answers < mostAnswers; answers += 1) {
    const query = { ...person, limit: mostMessages, endDateTime }
    const answer = await client.json('sent_messages', { query, form: sentMessagesForm, signal })
    const before = messages.size
    // The newest of an answer were sent within the second of the oldest of the one before, and came with it.
    for (const message of answer.messages) messages.set(JSON.stringify(message), message)
    const oldest = Math.min(...answer.messages.map(({ createdAt }) => timeOf(createdAt)))
    if (answer.messages.length < mostMessages || messages.size === before || !Number.isFinite(oldest)) break
    endDateTime = `${new Date(oldest + 999).toISOString().slice(0, 19).replace('T', ' ')} +00:00`
  }
  return [...messages.values()]
}

async function readInbox({ client, person, signal }: Asking): Promise<readonly Answered[]> {
  const query = { ...person, count: 100 }
  return (await client.json('in_app_messages', { query, form: inAppMessagesForm, signal })).inAppMessages
}

async function readEmbedded({ client, person, signal }: Asking): Promise<readonly Answered[]> {
  const answer = await client.json('embedded_messages', { query: person, form: embeddedMessagesForm, signal })
  return answer.placements
}

/** Epoch milliseconds, or a text; NaN where it is neither. */
const timeOf = (value: unknown): number =>
  typeof value === 'number' || typeof value === 'string' ? new Date(value).getTime() : Number.NaN

function eventOf(line: string): Answered {
  try {
    return JSON.parse(line) as Answered
  } catch (error) {
    throw new MalformedResponseError('user_events', `a line of it is ${shown(line)}`, { cause: error })
  }
}

/** Iterable answers 400 or 404 for people whom it does not know. */
async function unlessUnknown<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked
  } catch (error) {
    if (error instanceof IterableHttpError && (error.status === 400 || error.status === 404)) return undefined
    throw error
  }
}
