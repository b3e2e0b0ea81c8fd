/** The client as one stream uses it: its requests are counted, and its waits are told. */
import type { IterableClient, Wait } from '../iterable/client.ts'

export type CountingClient = Pick<IterableClient, 'request' | 'whole' | 'json' | 'file' | 'calls'>

/** A view of `client` whose `calls` counts what went through it, retries included. */
export function countingClient(
  client: IterableClient,
  { signal, onWait }: { readonly signal: AbortSignal; readonly onWait: (wait: Wait) => void },
): CountingClient {
  let calls = 0
  const heard = (wait: Wait) => {
    // Where an attempt has failed, another one comes after the wait.
    if (wait.attempt > 0) calls += 1
    onWait(wait)
  }
  return {
    get calls() {
      return calls
    },
    request(endpoint, options) {
      calls += 1
      return client.request(endpoint, { signal, onWait: heard, ...options })
    },
    whole(endpoint, use, options) {
      calls += 1
      return client.whole(endpoint, use, { signal, onWait: heard, ...options })
    },
    json(endpoint, options) {
      calls += 1
      return client.json(endpoint, { signal, onWait: heard, ...options })
    },
    // Files lie elsewhere: no limit of the API counts them.
    file: (address, options) => client.file(address, { signal, ...options }),
  }
}
