/** What one line of NDJSON may be. Beyond it a line is a rejected row before anything but the scanner has seen it. */
import { mostLevels } from './depth.ts'

export interface LineLimits {
  readonly bytes: number
  /** Brackets within brackets: DuckDB's reader of JSON, as most, ends the process where its stack ends. */
  readonly depth: number
  /** Top-level fields. */
  readonly fields: number
  /** Names and values at any depth: parsers take 16 bytes for each, eight times what `[1,1,1…]` takes as text. */
  readonly values: number
  /** Without a newline for so many bytes it cannot be a line, and nothing after it could be found. */
  readonly endlessBytes: number
}

export const lineLimits: LineLimits = {
  bytes: 64 * 2 ** 20,
  depth: mostLevels,
  fields: 10_000,
  values: 2_000_000,
  endlessBytes: 2 ** 30,
}

/** For lines that we write ourselves: what was let in once is let in again, and a level deeper in `_extra`. */
export const noLimits: LineLimits = {
  bytes: Infinity,
  depth: Infinity,
  fields: Infinity,
  values: Infinity,
  endlessBytes: Infinity,
}

/** So much is kept of a line beyond the limits. */
export const keptBytes = 2 ** 16

/** What a line has too much of. */
export interface Excess {
  readonly kind: 'bytes' | 'depth' | 'fields' | 'values'
  readonly count: number
}

/** Why a line beyond the limits is a rejected row. */
export function excessReason({ kind, count }: Excess, limits: LineLimits, lineBytes: number) {
  const [code, what] = {
    bytes: ['line_too_long', `has ${count} bytes, over the ${limits.bytes} that are supported`],
    depth: ['too_deep', `is nested ${count} levels deep, over the ${limits.depth} that are supported`],
    fields: ['too_many_fields', `has ${count} fields, over the ${limits.fields} that are supported`],
    values: [
      'too_many_values',
      `has ${count} names and values, over the ${limits.values} that are supported`,
    ],
  }[kind] as [string, string]
  const kept = lineBytes > keptBytes ? `; the first ${keptBytes} of its ${lineBytes} bytes are kept here` : ''
  return { code, reason: `the line ${what}${kept}` }
}
