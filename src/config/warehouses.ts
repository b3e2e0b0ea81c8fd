/** `warehouse` of the configuration: where the tables live. */
import type { DuckDBInstance } from '@duckdb/node-api'
import type { Pool } from 'pg'
import * as z from 'zod'
import { judgeStorage, storageSchema } from './storage.ts'
import { byteSize, postgresUrl, timeLimit } from './values.ts'

const duckdb = z.strictObject({
  type: z.literal('duckdb').describe('A DuckDB database in one file.'),
  path: z
    .string()
    .min(1)
    .refine(
      (path) => path !== ':memory:',
      'expected a file; a database in memory is gone with the process that has it',
    )
    .describe('The database file, made if missing.'),
  memory_limit: byteSize
    .optional()
    .describe(
      'The most memory DuckDB may take, e.g. "1GB". Absent: chosen by what the process may use (docs/deploying.md).',
    ),
  threads: z
    .int()
    .min(1)
    .max(256)
    .optional()
    .describe(
      'Threads of DuckDB. Absent: 1 on small machines, which takes the least memory; more from four cores on.',
    ),
})

const tls = z.strictObject({
  ca: z.string().min(1).optional().describe('File with the certificate of the authority (PEM).'),
  cert: z.string().min(1).optional().describe('File with the client certificate (PEM).'),
  key: z.string().min(1).optional().describe('File with the key of the client certificate (PEM).'),
  reject_unauthorized: z
    .boolean()
    .default(true)
    .describe('Refuse a server whose certificate cannot be verified.'),
})

/** Of a Postgres warehouse, whoever connects to it. */
const ofPostgres = {
  partition: z
    .enum(['none', 'month'])
    .optional()
    .describe(
      '"month": new tables of events are kept in parts, one for each month (docs/postgres.md). Absent: "none". Tables that are there stay as they are.',
    ),
  readers: z
    .array(z.string().min(1))
    .optional()
    .describe(
      'Roles that may read all of our schemas, including tables to come. Absent: nothing is granted.',
    ),
  indexes: z
    .boolean()
    .optional()
    .describe(
      'True: event tables get indexes on email, userId, campaignId and messageId, built after a sync without locking anybody out.',
    ),
}

const postgres = z.strictObject({
  type: z.literal('postgres').describe('A Postgres database.'),
  url: postgresUrl
    .optional()
    .describe('Address of the database. Absent: the PG* environment variables and .pgpass, as with psql.'),
  ssl: z
    .union([z.boolean(), tls])
    .optional()
    .describe('Encryption. Absent: as the address says (`sslmode`).'),
  statement_timeout: timeLimit
    .optional()
    .describe('Longest time of one statement. Absent: as the server says.'),
  lock_timeout: timeLimit.optional().describe('Longest wait for a lock. Absent: as the server says.'),
  ...ofPostgres,
})

const ducklake = z
  .strictObject({
    type: z
      .literal('ducklake')
      .describe('A lake: its catalogue, and our own tables, in Postgres; its rows as Parquet files.'),
    catalog: postgresUrl.describe('Address of the Postgres database that has the catalogue.'),
    data_path: z
      .string()
      .min(1)
      .describe(
        'Where the Parquet files go: a folder, or s3://, gs://, r2://, az:// with a bucket. Every process that reads or writes must reach it under this name.',
      ),
    storage: storageSchema
      .prefault({})
      .describe(
        'How the storage of a cloud is reached (docs/ducklake.md). S3 and Azure without a key: by what the machine has (role, environment, files).',
      ),
    extension_directory: z
      .string()
      .min(1)
      .optional()
      .describe(
        "Folder with DuckDB's extensions. Absent: DuckDB fetches them from extensions.duckdb.org, once.",
      ),
    memory_limit: duckdb.shape.memory_limit,
    threads: duckdb.shape.threads,
  })
  .superRefine(judgeStorage)

/** Databases that the host application has open already; a configuration file cannot hold them. */
const liveDuckdb = z.strictObject({
  type: z.literal('duckdb'),
  instance: z.custom<DuckDBInstance>((given) => isObjectWith(given, 'connect'), 'expected a DuckDBInstance'),
})
const livePostgres = z.strictObject({
  type: z.literal('postgres'),
  pool: z.custom<Pool>(
    (given) => isObjectWith(given, 'connect') && isObjectWith(given, 'query'),
    'expected a pg.Pool',
  ),
  ...ofPostgres,
})
function isObjectWith(given: unknown, method: string): boolean {
  return typeof given === 'object' && given !== null && typeof Reflect.get(given, method) === 'function'
}

/** The `warehouse` of a file. */
export const warehouseSchema = z.discriminatedUnion('type', [duckdb, postgres, ducklake])

/** The `warehouse` of a configuration made in code. */
export const liveWarehouseSchema = z.discriminatedUnion('type', [liveDuckdb, livePostgres])
