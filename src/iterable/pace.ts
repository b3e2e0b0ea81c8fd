import type { Wait } from './call.ts'
import type { EndpointName } from './endpoints.ts'

/** Gives out the right to send. One per process keeps its own book; one over a database may be shared by many. */
export interface Pacer {
  /** Resolves when a request to the endpoint may be sent; takes no slot when the signal is aborted first. */
  reserve(
    endpoint: EndpointName,
    options?: { signal?: AbortSignal | undefined; onWait?: ((wait: Wait) => void) | undefined },
  ): Promise<void>
  /** Milliseconds between two requests at the steady pace; 0 when the endpoint is not paced. */
  slotMs(endpoint: EndpointName): number
}
