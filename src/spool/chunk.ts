/** A chunk: one file of NDJSON, cut between lines, and what is known of it. */
import type { FieldUse } from '../json/names.ts'

/** A file of about 8 MB of complete lines (more only where a single line is longer). */
export interface Chunk {
  readonly path: string
  readonly bytes: number
  /** Lines that are not blank. */
  readonly lines: number
  /** Lines that may not be records: not an object, not JSON, or without any field that marks a record. */
  readonly suspects: number
  /** Top-level fields, in the order of their first appearance. */
  readonly fields: ReadonlyMap<string, FieldUse>
  /** Length of its longest line in bytes; decides the reader's buffer. */
  readonly maxLineBytes: number
  /** Numbers that no double holds: they are handed on as text. */
  readonly inexact: number
  /** Lines with several members of one name within a nested object, where they are looked for. */
  readonly twins: number
  /** The escape of U+0000 stands in it somewhere. */
  readonly mayHaveNul: boolean
  /** Its last line is complete. */
  readonly endsWithNewline: boolean
}

/** DuckDB's reader refuses objects over 16 MB unless told; its buffers grow with the number, so it is given only where needed. */
export function objectSizeOption(chunks: readonly Chunk[]): string {
  const longest = Math.max(0, ...chunks.map(({ maxLineBytes }) => maxLineBytes))
  return longest > 15 * 2 ** 20 ? `, maximum_object_size = ${longest + 1024}` : ''
}

/** It has lines so long that a few of them fill the engine's memory. */
export const hasLongLines = ({ maxLineBytes }: Chunk): boolean => maxLineBytes > 2 ** 20
