/** Quoting for statements that are made from the catalogue; values of state queries are bound instead. */

/** An identifier, quoted. */
export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`

/** A text literal. */
export const literal = (value: string): string => `'${value.replaceAll("'", "''")}'`

/** An instant as a literal that both warehouses read. */
export const instant = (at: Date): string => `timestamptz '${at.toISOString()}'`

/** A list of literals, for DuckDB's table functions that take several files. */
export const literals = (values: readonly string[]): string => `[${values.map(literal).join(', ')}]`
