/**
 * What DuckDB says of a lake, in words that tell the user what to change. DuckLake has no codes, nor have the storages behind
 * DuckDB: all of their words that decide anything stand here, as DuckDB 1.5.5 and its extensions say them.
 */
import { ConfigError, messageOf, TransientError, UserError } from '../../errors.ts'
import type { Lake } from './lake.ts'

/** True where nothing of a transaction happened, and doing it again may help. */
export const mayBeRepeated = (error: unknown): boolean =>
  isDisturbed(error) || brokenConnection.test(messageOf(error))

/** The connection to the catalogue broke. What is told is often only that the transaction could not be taken back. */
const brokenConnection =
  /server closed the connection|terminating connection|connection to server .* failed|no connection to the server|connection has been closed|Failed to execute query "(?:BEGIN|COMMIT|ROLLBACK)/i

/** It was never there: DuckDB's way to the server is not quite ours. */
const refusedConnection =
  /authentication failed|no pg_hba\.conf|does not support SSL|SSL error|certificate|(?:database|role) .* does not exist/i

/**
 * True where another writer was quicker, or where DuckLake took the tables of one state of the lake for those of another:
 * seen now and then while the connection of a process that was killed still wrote.
 */
export const isDisturbed = (error: unknown): boolean =>
  !(error instanceof UserError) && disturbances.some((pattern) => pattern.test(messageOf(error)))

const disturbances = [
  /Transaction conflict|maximum retry count/i,
  /Referenced table "warehouse\.[^"]*" not found/i,
  // It knows the table: what is missing is found under the very name.
  /Table with name (\S+) does not exist!\s+Did you mean "(?:[^"]* )?[^" .]+\.\1\b/,
]

/** The error for the user, or the error itself where there is nothing to add. */
export function explainedLake(
  error: unknown,
  lake: Pick<Lake, 'dataPath' | 'catalogueSchema' | 'storageCure'>,
): unknown {
  if (error instanceof UserError) return error
  const { dataPath, catalogueSchema } = lake
  const message = messageOf(error)
  const firstLine = message.split('\n')[0]?.trim()
  if (brokenConnection.test(message) && !refusedConnection.test(message)) {
    return new TransientError(
      'connection_lost',
      `the connection to the catalogue of the lake broke (${firstLine}); nothing of this step was published, run again`,
      { cause: error },
    )
  }
  if (/DATA_PATH parameter .* does not match/.test(message)) {
    return new ConfigError(
      `the lake of this catalogue keeps its files elsewhere than in "warehouse.data_path" (${dataPath}); correct it, or choose another "schema"`,
      { code: 'other_data_path', cause: error },
    )
  }
  const [, kind, name] =
    /could not find schema that corresponds to the (\w+) entry "([^"]*)"/.exec(message) ?? []
  if (kind !== undefined) {
    const cure =
      kind === 'view'
        ? `take it out, and the next sync makes it anew: delete from ${catalogueSchema}.ducklake_view where schema_id not in (select schema_id from ${catalogueSchema}.ducklake_schema)`
        : 'bring catalogue and files back from a backup (docs/backup.md), or sync into another "schema"'
    return new ConfigError(
      `the catalogue of the lake has the ${kind} "${name}" in a schema that does not exist, and nobody can read it; ${cure}`,
      { code: 'lake_damaged', cause: error },
    )
  }
  return ofStorage(error, lake) ?? error
}

/** What the storage of a cloud says, or the way to it. */
function ofStorage(
  error: unknown,
  { dataPath, storageCure }: Pick<Lake, 'dataPath' | 'storageCure'>,
): UserError | undefined {
  const message = messageOf(error)
  const [first = '', ...rest] = message.split('\n')
  // S3 has its reason in a line of its own, Azure at the end of the first.
  const line = /^(?!Authentication Failure)[A-Z][A-Za-z]+: .+$/m.exec(rest.join('\n'))?.[0] ?? first
  const reason = line
    .replace(/^.* failed with (?:code )?'?(\w+)'?,? Reason Phrase: '?(.*?)\.?(?:', Message:.*)?$/, '$1: $2')
    .trim()
  const cure = storageCure ?? 'check "warehouse.storage"'
  if (/Secret Validation Failure|Failed to get token from/.test(message)) {
    return new ConfigError(`there is no key for the storage of ${dataPath}; ${cure}`, {
      code: 'storage_refused',
      cause: error,
    })
  }
  if (missingFile.test(message) || (message.includes(dataPath) && /Cannot open file/.test(message))) {
    return new ConfigError(
      `a file of the lake is not in ${dataPath} any more (${reason}); where upkeep has just removed it run again, else bring it back from a backup (docs/backup.md), or sync into another "schema"`,
      { code: 'lake_file_missing', cause: error },
    )
  }
  if (missingBucket.test(message)) {
    return new ConfigError(
      `there is no such place as ${dataPath} (${reason}); make the bucket or container, or correct "warehouse.data_path"`,
      { code: 'storage_refused', cause: error },
    )
  }
  if (refusedKey.test(message)) {
    return new ConfigError(`the storage of ${dataPath} refuses us (${reason}); ${cure}`, {
      code: 'storage_refused',
      cause: error,
    })
  }
  if (unreachable.test(message)) {
    return new TransientError(
      'storage_unreachable',
      `the storage of ${dataPath} does not answer (${reason}); check "warehouse.storage" and the network`,
      { cause: error },
    )
  }
  return undefined
}

const missingFile = /NoSuchKey|BlobNotFound/
const missingBucket = /NoSuchBucket|ContainerNotFound|HTTP (code )?404\b/
const refusedKey =
  /HTTP (code )?40[13]\b|\((HTTP )?40[13] |Authentication Failure|InvalidAccessKeyId|SignatureDoesNotMatch|AuthorizationFailure|AuthenticationFailed|AuthorizationPermissionMismatch/
const unreachable = /^HTTP Error|error for HTTP [A-Z]+ to|Fail to get a new connection for/
