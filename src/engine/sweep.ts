/**
 * Memory of what has passed through. V8 looks for garbage when it likes: dead buffers of responses, which lie outside of
 * its heap, gather to tens of megabytes, and texts of rows that lived a little too long to a hundred. Asked for in time,
 * both stay small (measured: 25 MB less at the peak of a sync, 80 MB of an export, for a hundredth of the time).
 *
 * Whether V8 may be asked for that is for the process to say: the command and the worker allow it. In an application that
 * has the library it is left alone, unless it runs with `--expose-gc`; but for `sweepNow`, where work would fail without.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

type Collect = (options?: { readonly type: 'minor' }) => void

let isAllowed = false
let collector: Collect | undefined

/** For whoever owns the process. */
export function allowSweeps(): void {
  isAllowed = true
}

/**
 * Keeps what is young in as little room as it has now, where V8 would give it 32 MB (measured: 30 MB less at the peak of a
 * sync, for no more CPU time; a process of nothing but JavaScript takes a fifth more). For whoever owns the process. On the
 * command line of Node this flag does nothing; there it is `--max-semi-space-size=1`.
 */
export const keepYoungSmall = (): void => setFlagsFromString('--semi-space-growth-factor=1')

/** Frees what died young. */
export function sweepYoung(): void {
  if (isAllowed || globalThis.gc) collect({ type: 'minor' })
}

/** Frees all that died; takes tens of milliseconds. */
export function sweepAll(): void {
  if (isAllowed || globalThis.gc) collect()
}

/** The same where something that died stands in the way: the room, or the file, that a result still holds. */
export const sweepNow = (): void => collect()

function collect(options?: { readonly type: 'minor' }): void {
  collector ??= findCollector()
  // All of it by name ('major'): V8 11.3 of Node 20 does nothing then.
  if (options) collector(options)
  else collector()
}

/** V8 gives its collector to contexts that are made after it was told to (node:v8, `setFlagsFromString`). */
function findCollector(): Collect {
  if (globalThis.gc) return globalThis.gc as Collect
  setFlagsFromString('--expose-gc')
  const found: unknown = runInNewContext('gc')
  setFlagsFromString('--no-expose-gc')
  return typeof found === 'function' ? (found as Collect) : () => {}
}
