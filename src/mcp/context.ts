/** What the tools work with. */
import type { Elt } from '../index.ts'

/** What the server is opened with. */
export interface McpOptions {
  readonly elt: Elt
  /** What no answer may show, whatever the reports say. */
  readonly secrets: readonly string[]
  /** Makes pseudonyms; nobody else knows it, and it ends with the process. */
  readonly key: string
  /** Aborted when the server stops. */
  readonly closing: AbortSignal
  readonly version: string
}
