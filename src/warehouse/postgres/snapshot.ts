/**
 * A copy of a Postgres warehouse: one transaction reads it all, as of one moment. Each table comes as CSV, which the
 * engine turns into Parquet or into a table of a DuckDB file.
 */
import { createWriteStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { ClientBase } from 'pg'
import { to as copyTo } from 'pg-copy-streams'
import type { Engine } from '../../engine/engine.ts'
import { isCsvLineTooLong } from '../../engine/errors.ts'
import { ConfigError, messageOf } from '../../errors.ts'
import { makeFolder } from '../../folders.ts'
import type { SchemaNames } from '../schema-names.ts'
import {
  type Copied,
  parquetOptions,
  parquetPath,
  type SnapshotTarget,
  type Unload,
  unloadOptions,
} from '../snapshot.ts'
import { literal, quoted } from '../sql.ts'
import type { HeldClient } from './client.ts'
import { isForbidden } from './codes.ts'
import { csvOptions, readCsv } from './csv.ts'

export interface SnapshotContext {
  readonly held: HeldClient
  readonly engine: Engine
  readonly names: SchemaNames
  /** For the CSV on its way. */
  readonly directory: string
  readonly signal: AbortSignal | undefined
}

export async function copyPostgres(
  context: SnapshotContext,
  target: SnapshotTarget,
): Promise<readonly Copied[]> {
  const { held, engine, names } = context
  const { streams, sync, views, marts } = names
  const isFile = target.kind === 'file'
  await held.begin('begin transaction isolation level repeatable read, read only')
  if (isFile) await engine.rows(`attach ${literal(target.path)} as snapshot`)
  try {
    const relations = await relationsIn(held.client, [streams, views, marts, ...(isFile ? [sync] : [])])
    for (const relation of relations) {
      await copyRelation(context, relation, async (rows) => {
        if (isFile) {
          const schema = `snapshot.${quoted(relation.schema)}`
          await engine.rows(`create schema if not exists ${schema}`)
          await engine.rows(`create table ${schema}.${quoted(relation.name)} as ${rows}`)
        } else {
          const path = parquetPath(target.directory, relation)
          await makeFolder(dirname(path))
          await engine.rows(`copy (${rows}) to ${literal(path)} (${parquetOptions})`)
        }
      })
    }
    return relations.map(({ schema, name }) => ({ schema, name }))
  } finally {
    if (isFile) await engine.rows('detach snapshot')
    await held.end('rollback').catch(() => {})
  }
}

/** `Session.unload`. */
export async function unloadPostgres(context: SnapshotContext, tables: readonly Unload[]): Promise<void> {
  const { held, engine } = context
  await held.begin('begin transaction isolation level repeatable read, read only')
  try {
    const relations = await relationsIn(held.client, [...new Set(tables.map(({ schema }) => schema))])
    for (const { schema, name, path, where } of tables) {
      const relation = relations.find((one) => one.schema === schema && one.name === name)
      if (!relation) throw new Error(`there is no table "${schema}"."${name}"`)
      await copyRelation(
        context,
        relation,
        async (rows) => {
          await engine.rows(`copy (${rows}) to ${literal(path)} (${unloadOptions})`)
        },
        where,
      )
    }
  } finally {
    await held.end('rollback').catch(() => {})
  }
}

interface CopiedRelation extends Copied {
  readonly columns: readonly Column[]
}

interface Column {
  readonly name: string
  readonly type: string
  readonly isArray: boolean
  /** Of a numeric with bounds. */
  readonly precision: number | null
  readonly scale: number | null
}

async function copyRelation(
  { held, directory, signal }: SnapshotContext,
  { schema, name, columns }: CopiedRelation,
  take: (rows: string) => Promise<void>,
  where?: string,
): Promise<void> {
  const path = join(directory, 'snapshot.csv')
  const list = columns.map((column) =>
    column.isArray ? `to_jsonb(${quoted(column.name)})` : quoted(column.name),
  )
  const statement = `copy (select ${list.join(', ')} from ${quoted(schema)}.${quoted(name)}${where ? ` where ${where}` : ''}) to stdout (${csvOptions}, encoding 'utf8')`
  try {
    await pipeline(held.client.query(copyTo(statement)), createWriteStream(path, { mode: 0o600 }), {
      ...(signal && { signal }),
    })
    const typed = columns.map((column) => [column.name, typeOf(column)] as const)
    await withLongerLines((bytes) => take(readCsv(path, typed, bytes)))
  } catch (error) {
    if (!isForbidden(error)) throw error
    throw new ConfigError(
      `"${schema}"."${name}" cannot be copied: ${messageOf(error)}; grant select on it to the role of "warehouse.url"`,
      { code: 'warehouse_permission', cause: error },
    )
  } finally {
    await rm(path, { force: true })
  }
}

/** The engine wants to know how long a row may be, and takes memory for it: as much as turns out to be needed. */
async function withLongerLines(work: (lineBytes: number) => Promise<void>): Promise<void> {
  for (let lineBytes = 2_000_000; ; lineBytes *= 8) {
    try {
      return await work(lineBytes)
    } catch (error) {
      if (!isCsvLineTooLong(error) || lineBytes >= mostLineBytes) throw error
    }
  }
}

/** What a value of Postgres may have. */
const mostLineBytes = 2 ** 30

const types = new Map(
  Object.entries({
    bool: 'boolean',
    int2: 'smallint',
    int4: 'integer',
    int8: 'bigint',
    float4: 'float',
    float8: 'double',
    date: 'date',
    timestamp: 'timestamp',
    timestamptz: 'timestamptz',
    json: 'json',
    jsonb: 'json',
    uuid: 'uuid',
  }),
)

const mostDigits = 38

/** The engine's type of a column; what it has no like of stays text. */
function typeOf({ type, isArray, precision, scale }: Column): string {
  if (isArray) return 'json'
  if (type !== 'numeric') return types.get(type) ?? 'varchar'
  // Without bounds (the sum of a bigint) it may be anything.
  return precision !== null && scale !== null && precision <= mostDigits && scale >= 0 && scale <= precision
    ? `decimal(${precision}, ${scale})`
    : 'double'
}

async function relationsIn(
  client: ClientBase,
  schemas: readonly string[],
): Promise<readonly CopiedRelation[]> {
  const { rows } = await client.query<CopiedRelation>(
    `select n.nspname as schema, c.relname as name,
       json_agg(json_build_object(
         'name', a.attname,
         'type', case when t.typtype = 'd' then base.typname else t.typname end,
         'isArray', t.typcategory = 'A',
         'precision', case when t.typname = 'numeric' and a.atttypmod >= 0 then ((a.atttypmod - 4) >> 16) & 65535 end,
         'scale', case when t.typname = 'numeric' and a.atttypmod >= 0 then (a.atttypmod - 4) & 2047 end
       ) order by a.attnum) as columns
     from pg_class c
     join pg_namespace n on n.oid = c.relnamespace
     join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
     join pg_type t on t.oid = a.atttypid
     left join pg_type base on base.oid = t.typbasetype
     where n.nspname = any($1::text[]) and c.relkind in ('r', 'p', 'v', 'm', 'f')
     group by 1, 2 order by 1, 2`,
    [schemas],
  )
  return rows
}
