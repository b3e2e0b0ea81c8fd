import { inSpan } from '../telemetry.ts'
import type { IterableResponse, Send } from './call.ts'
import { endpoints } from './endpoints.ts'
import { IterableHttpError } from './errors.ts'

/** A span for each request that goes out, until the head of its answer has come. Ids in paths and queries are not told. */
export function withSpan(send: Send<IterableResponse>): Send<IterableResponse> {
  return (call) => {
    const { path } = endpoints[call.endpoint]
    const attributes = {
      'http.request.method': call.method,
      'server.address': call.url.hostname,
      'url.template': path,
      'iterable_elt.endpoint': call.endpoint,
    }
    return inSpan(
      `${call.method} ${path}`,
      attributes,
      async (span) => {
        try {
          const answer = await send(call)
          span.set({ 'http.response.status_code': answer.status })
          return answer
        } catch (error) {
          if (error instanceof IterableHttpError) span.set({ 'http.response.status_code': error.status })
          throw error
        }
      },
      { isCall: true },
    )
  }
}
