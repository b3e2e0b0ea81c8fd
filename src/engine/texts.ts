/**
 * Texts as DuckDB has them. Its client decodes each value as if it were a file of its own, and takes a byte order mark
 * at the beginning for what stands before a file: it would be lost from values, and from names of fields. It has one
 * decoder for all connections, so it keeps the mark for the whole process (docs/library.md).
 */
import accessors from '@duckdb/node-api/lib/vectors/dataAccessors.js'

Object.assign(accessors, { textDecoder: new TextDecoder('utf-8', { ignoreBOM: true }) })
