/**
 * Spans of OpenTelemetry for runs, streams, windows, calls and commits, where the host has set up a tracer; elsewhere they
 * cost nothing. They carry names and counts: texts of errors, which may quote rows, stay out of them, and so do addresses.
 */
import { type Attributes, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { codeOf, type FailureCode } from './errors.ts'

/** What is told of a span while it lasts. */
export interface Telling {
  set(attributes: Attributes): void
  /** It has failed, without anything being thrown. */
  fail(code: FailureCode): void
}

/** Does work within a span, which ends with it. What is thrown is told by its code, and thrown on. */
export function inSpan<Result>(
  name: string,
  attributes: Attributes,
  work: (telling: Telling) => Promise<Result>,
  { isCall = false }: { readonly isCall?: boolean } = {},
): Promise<Result> {
  const options = { attributes, kind: isCall ? SpanKind.CLIENT : SpanKind.INTERNAL }
  return trace.getTracer('iterable-elt').startActiveSpan(name, options, async (span) => {
    const telling: Telling = {
      set: (more) => span.setAttributes(more),
      fail: (code) => span.setAttribute('error.type', code).setStatus({ code: SpanStatusCode.ERROR }),
    }
    try {
      return await work(telling)
    } catch (error) {
      telling.fail(codeOf(error))
      throw error
    } finally {
      span.end()
    }
  })
}
