/** Gets one batch through: repeats what may have been lost, halves what is too large or holds a poison row. */
import type { IterableClient, Wait } from '../../iterable/client.ts'
import type { Clock } from '../../iterable/clock.ts'
import { IterableHttpError, MalformedResponseError } from '../../iterable/errors.ts'
import { answerForm } from '../../iterable/forms.ts'
import { isRateLimit, refuseLongWait } from '../../iterable/retry.ts'
import type { PlannedRows } from '../../state/batches.ts'
import type { ExportOp } from '../../state/tables/exports.ts'
import { errorIn, type ListAnswer, type Refused, readAnswer, readLone } from './answer.ts'
import { nextAttempt } from './attempt.ts'
import { bodyOf, type RequestEnvelope, sendingEndpoint } from './body.ts'

export interface Courier {
  readonly client: IterableClient
  readonly clock: Clock
  readonly random: () => number
  readonly envelope: RequestEnvelope
  /** How often a request whose outcome is unknown is sent again. */
  readonly maxRetries: number
  /** The longest wait that an answer may ask for. */
  readonly maxWaitMs: number
  /** Ends waits and requests. */
  readonly signal: AbortSignal
  readonly onWait: (wait: Pick<Wait, 'reason' | 'until'>) => void
  readonly learned: Learned
}

/** What one run learns about Iterable while it sends. */
export interface Learned {
  /** Requests with more rows were refused. */
  maxRows: number
  /** Rows that were taken. */
  taken: number
  /** Rows that a 400 refused alone. */
  poisoned: number
}

/** A batch that did not get through. `isUntouched`: Iterable refused to look at it, nothing of it happened. */
export class DeliveryError extends Error {
  readonly isUntouched: boolean

  constructor(cause: unknown, isUntouched: boolean) {
    super(cause instanceof Error ? cause.message : String(cause), { cause })
    this.isUntouched = isUntouched
  }
}

const firstDelayMs = 1_000
const longestDelayMs = 60_000

export interface Delivered {
  /** Those that Iterable refused, by member key. */
  readonly refused: ReadonlyMap<string, Refused>
  /** An earlier request with some of the rows may have been carried out: it had no answer, or one that contradicts itself. */
  readonly isRepeated: boolean
  /** Requests that were sent again, and how long was waited before. */
  readonly retries: number
  readonly waitedMs: number
}

/** Rows of one operation, and the request that they make together. */
export interface Parcel {
  readonly op: ExportOp
  readonly rows: PlannedRows
  readonly body: Buffer
}

/**
 * Sends rows of one operation until the outcome of each is known.
 * @throws DeliveryError
 */
export async function deliver(parcel: Parcel, courier: Courier): Promise<Delivered> {
  const trace = { isUntouched: true, isRepeated: false, retries: 0, waitedMs: 0 }
  try {
    const refused = await deliverRows(parcel, courier, trace)
    const { isRepeated, retries, waitedMs } = trace
    return { refused, isRepeated, retries, waitedMs }
  } catch (error) {
    throw new DeliveryError(error, trace.isUntouched)
  }
}

interface Trace {
  isUntouched: boolean
  isRepeated: boolean
  retries: number
  waitedMs: number
}

async function deliverRows(
  { op, rows, body }: Parcel,
  courier: Courier,
  trace: Trace,
): Promise<ReadonlyMap<string, Refused>> {
  const { client, envelope, learned, signal } = courier
  const halves = async () => {
    const middle = Math.ceil(rows.count / 2)
    const half = (some: PlannedRows) =>
      deliverRows({ op, rows: some, body: bodyOf(op, some, envelope) }, courier, trace)
    const first = await half(rows.slice(0, middle))
    return new Map([...first, ...(await half(rows.slice(middle)))])
  }
  if (rows.count > learned.maxRows) return halves()
  const tries = { failures: 0, limited: 0 }
  for (;;) {
    try {
      const answer: ListAnswer = await client.json(sendingEndpoint(op), {
        form: answerForm,
        body,
        retry: false,
        signal,
      })
      trace.isUntouched = false
      const error = errorIn(answer)
      if (error !== undefined) throw new MalformedResponseError(sendingEndpoint(op), `it is ${error}`)
      const refused = readAnswer(answer, rows)?.refused ?? readAlone(answer, rows, trace)
      if (!refused) {
        // Whatever it says: all of it may have been carried out.
        trace.isRepeated = true
        return halves()
      }
      learned.taken += rows.count - refused.size
      return refused
    } catch (error) {
      const next = nextAttempt(
        { rows: rows.count, ...tries, ...learned, maxRetries: courier.maxRetries },
        error,
      )
      if (next.mayHaveHappened) trace.isUntouched = false
      switch (next.kind) {
        case 'repeat':
          if (next.mayHaveHappened) trace.isRepeated = true
          tries[next.counts] += 1
          trace.retries += 1
          trace.waitedMs += await pause(courier, error, tries[next.counts])
          break
        case 'halve':
          learned.maxRows = Math.min(learned.maxRows, next.maxRows)
          return halves()
        case 'refuse':
          learned.poisoned += 1
          return new Map([[rows.keys[0] ?? '', poison(error as IterableHttpError)]])
        case 'giveUp':
          throw error
      }
    }
  }
}

/** Of a request with one row. */
function readAlone(
  answer: ListAnswer,
  { count, keys: [key = ''] }: PlannedRows,
  trace: Trace,
): ReadonlyMap<string, Refused> | undefined {
  if (count > 1) return undefined
  const { refused, isDoubtful } = readLone(answer)
  if (isDoubtful) trace.isRepeated = true
  return new Map(refused && [[key, refused]])
}

function poison(error: IterableHttpError): Refused {
  const { iterableCode, iterableMsg, status, code } = error
  const said = [iterableCode, iterableMsg].filter(Boolean).join(': ')
  return {
    code:
      code === 'field_type_mismatch' ? 'invalid_data' : code === 'batch_too_large' ? 'too_large' : 'refused',
    reason: `Iterable answered ${status} to the row alone${said && ` (${said})`}`,
    permanent: true,
  }
}

/** A wait that the server asks for is honoured; ours doubles, drawn from a range. Resolves to its milliseconds. */
async function pause(
  { clock, random, signal, onWait, maxWaitMs }: Courier,
  error: unknown,
  tries: number,
): Promise<number> {
  refuseLongWait(error, maxWaitMs)
  const askedMs = error instanceof IterableHttpError ? error.retryAfterMs : undefined
  const mostMs = Math.min(longestDelayMs, firstDelayMs * 2 ** (tries - 1))
  const waitMs = Math.ceil(askedMs ?? mostMs * (0.5 + random() / 2))
  const reason = isRateLimit(error)
    ? 'rate_limit'
    : error instanceof IterableHttpError
      ? 'server_error'
      : 'connection'
  onWait({ reason, until: new Date(clock.now().getTime() + waitMs) })
  await clock.sleep(waitMs, signal)
  return waitMs
}
