/**
 * The name of a DuckDB file matters: a program that opens it gets a catalogue of that name, and where a schema has the
 * same name, DuckDB calls `iterable.users` ambiguous, inside of our views too.
 */
import { existsSync } from 'node:fs'
import { basename } from 'node:path'
import { ConfigError } from '../../errors.ts'
import { schemaNames } from '../schema-names.ts'

/** The catalogue of a file: its name up to the first dot. */
const catalogueOf = (path: string): string => basename(path).replace(/\..*$/s, '')

/** The schema that has the name of the file, if one has; DuckDB does not tell upper from lower case. */
export function namesake(path: string, schema: string): string | undefined {
  const catalogue = catalogueOf(path).toLowerCase()
  return Object.values(schemaNames(schema)).find((name) => name.toLowerCase() === catalogue)
}

/**
 * @param what the setting that names the file.
 * @throws ConfigError for a file that would be made under such a name; one that exists already is used as it is.
 */
export function refuseNamesake(path: string, schema: string, what = '"warehouse.path"'): void {
  const name = namesake(path, schema)
  if (name === undefined || existsSync(path)) return
  throw new ConfigError(
    `${what}: ${basename(path)} would be a catalogue called like the schema ${name}, and every program that opens the file would find ${name}.users ambiguous; name the file otherwise, e.g. warehouse.duckdb`,
  )
}
