/**
 * Tables of events in parts, one for each month. The parts stand in a schema of their own, `<schema>_partitions`, where
 * nobody takes them for tables of streams. A load makes those that it needs, beside whoever reads the table.
 */
import { sql } from 'kysely'
import type { Stream } from '../../catalog/index.ts'
import type { Engine } from '../../engine/engine.ts'
import type { Db } from '../../state/tables.ts'
import { monthOf, monthsIn } from '../months.ts'
import type { SchemaNames } from '../schema-names.ts'
import { createSchemas } from '../schemas.ts'
import type { Tx } from '../session.ts'
import type { Parsed } from '../shape.ts'
import { instant, quoted } from '../sql.ts'
import { isLockTimeout, isNeededByOthers } from './codes.ts'

/** One part of a table. */
interface Part {
  /** Quoted, with its schema. */
  readonly name: string
  /** Null for the part that takes what no other takes. */
  readonly from: Date | null
  readonly to: Date | null
}

export interface PartedTable {
  /** Quoted, with its schema. */
  readonly table: string
  /** What the names of its parts begin with. */
  readonly name: string
  /** Where its parts are. */
  readonly partsSchema: string
  /** The column that the parts go by. */
  readonly column: string
  readonly parts: readonly Part[]
}

type TxPlace = Pick<Tx, 'db' | 'tables' | 'names'>

/** A load that touches more months than this has only those made that it brings rows of. */
const mostUnseen = 2
/** How long the end of a part waits for those who read the table; its rows go one by one where they take longer. */
const dropPatienceMs = 1_000

/** Makes a table of this stream one of parts. */
export const partitionedBy = ({ bookmark }: Stream): string =>
  ` partition by range (${quoted(`${bookmark}`)})`

/** The parts of a table; undefined for a table that has none, or whose parts somebody else keeps. */
async function readParts(db: Db, table: string): Promise<PartedTable | undefined> {
  const { rows } = await sql<Omit<PartedTable, 'parts'> & { part: string | null } & Omit<Part, 'name'>>`
    select format('%I.%I', n.nspname, t.relname) as "table", t.relname as name, parts.schema as "partsSchema", a.attname as "column", part.name as part,
      part.bounds[1]::timestamptz as "from", part.bounds[2]::timestamptz as "to"
    from pg_partitioned_table p
      join pg_class t on t.oid = p.partrelid
      join pg_namespace n on n.oid = t.relnamespace
      cross join lateral (select n.nspname || '_partitions' as schema) parts
      join pg_attribute a on a.attrelid = t.oid and a.attnum = p.partattrs[0]
      left join lateral (
        select format('%I.%I', of_child.nspname, child.relname) as name, of_child.nspname as schema,
          regexp_match(pg_get_expr(child.relpartbound, child.oid), $$FROM \\('(.*)'\\) TO \\('(.*)'\\)$$) as bounds
        from pg_inherits i
          join pg_class child on child.oid = i.inhrelid
          join pg_namespace of_child on of_child.oid = child.relnamespace
        where i.inhparent = t.oid
      ) part on true
    where t.oid = ${table}::text::regclass and p.partstrat = 'r' and p.partnatts = 1
      and coalesce(part.schema = parts.schema, true)`.execute(db)
  const [first] = rows
  if (!first) return undefined
  const parts = rows.flatMap(({ part, from, to }) => (part === null ? [] : [{ name: part, from, to }]))
  const { table: whole, name, partsSchema, column } = first
  return { table: whole, name, partsSchema, column, parts }
}

/** Makes the parts that rows need and that are missing. */
export async function makeRoom(place: TxPlace, table: string, rows: Parsed, engine: Engine): Promise<void> {
  const parted = await readParts(place.db, table)
  if (!parted) return
  const touched = rows.span && monthsIn(rows.span)
  const wanted =
    touched && touched.length <= mostUnseen ? touched : await monthsOf(rows, parted.column, engine)
  for (const month of wanted)
    if (!parted.parts.some((part) => takes(part, month))) await makePart(place, parted, month)
}

/** A condition, for the engine and for Postgres: a time that is missing, infinite or far away is of no month. */
export const hasMonth = (column: string): string =>
  `(${quoted(column)} >= timestamptz '1000-01-01 00:00:00+00' and ${quoted(column)} < timestamptz '9999-12-01 00:00:00+00')`

/** Somebody may have put several months into one part. */
const takes = ({ from, to }: Part, month: Date | undefined): boolean =>
  month === undefined ? from === null : from !== null && to !== null && from <= month && month < to

/** The months that rows are of; undefined stands for times that belong to none. */
async function monthsOf(
  { chunks, select }: Parsed,
  column: string,
  engine: Engine,
): Promise<readonly (Date | undefined)[]> {
  const months = new Map<unknown, Date | undefined>()
  const time = `${quoted(column)} at time zone 'UTC'`
  for (const chunk of chunks) {
    const found = await engine.rows(
      `select distinct case when ${hasMonth(column)} then epoch_ms(date_trunc('month', ${time}))::double end from (${select([chunk])})`,
    )
    for (const [at] of found) months.set(at, typeof at === 'number' ? new Date(at) : undefined)
  }
  return [...months.values()]
}

/**
 * Makes the part of a month, or the one of all that belongs to no month. It is made first and attached then, since a table
 * that gains a part at its making keeps all readers out. Returns its name, quoted.
 */
export async function makePart(
  place: TxPlace,
  { table, name, partsSchema, column, parts }: PartedTable,
  month: Date | undefined,
): Promise<string> {
  const run = (statement: string) => sql.raw(statement).execute(place.db)
  if (parts.length === 0) await createSchemas(place, [partsSchema])
  const suffix = month === undefined ? 'other' : month.toISOString().slice(0, 7).replace('-', '_')
  const part = `${quoted(partsSchema)}.${quoted(`${name}_${suffix}`)}`
  const copied = ['defaults', 'constraints', 'generated', 'storage'].map((what) => `including ${what}`)
  await run(`create table ${part} (like ${table} ${copied.join(' ')})`)
  if (month === undefined) {
    await run(`alter table ${table} attach partition ${part} default`)
    return part
  }
  const next = monthOf(month, 1)
  const other = parts.find(({ from }) => from === null)
  if (other) {
    const time = sql.id(column)
    const gone = sql`delete from ${sql.raw(other.name)} where ${time} >= ${month} and ${time} < ${next} returning *`
    await sql`with gone as (${gone}) insert into ${sql.raw(part)} select * from gone`.execute(place.db)
  }
  await run(
    `alter table ${table} attach partition ${part} for values from (${instant(month)}) to (${instant(next)})`,
  )
  return part
}

/** `Upkeep.dropParts`. None go where somebody reads the table for long, or needs one of them. */
export async function dropPartsBefore(db: Db, table: string, before: Date): Promise<number> {
  const parted = await readParts(db, table)
  const over = (parted?.parts ?? []).filter(({ to }) => to !== null && to <= before).map(({ name }) => name)
  if (over.length === 0) return 0
  let rows = 0
  for (const name of over) {
    const counted = await sql.raw<{ rows: number }>(`select count(*) as rows from ${name}`).execute(db)
    rows += counted.rows[0]?.rows ?? 0
  }
  return (await areDropped(db, table, over)) ? rows : 0
}

/** Drops parts of a table, unless somebody reads it for long or needs one of them: false then. */
async function areDropped(db: Db, table: string, parts: readonly string[]): Promise<boolean> {
  const run = (statement: string) => sql.raw(statement).execute(db)
  await run('savepoint parts')
  try {
    await run(`set local lock_timeout = ${dropPatienceMs}`)
    await run(`lock table ${table} in access exclusive mode`)
    await run(`drop table ${parts.join(', ')}`)
    await run('release savepoint parts')
    return true
  } catch (error) {
    await run('rollback to savepoint parts')
    if (isLockTimeout(error) || isNeededByOthers(error)) return false
    throw error
  }
}

/**
 * Counts anew the tables whose parts have grown by half since, by what the server knows of the parts: it counts these by
 * itself, and never the whole.
 */
export async function countParts(db: Db, { streams }: SchemaNames, tables: readonly string[]): Promise<void> {
  const { rows } = await sql<{ name: string }>`
    select format('%I.%I', n.nspname, t.relname) as name
    from pg_class t
      join pg_namespace n on n.oid = t.relnamespace
      join pg_inherits i on i.inhparent = t.oid
      join pg_class part on part.oid = i.inhrelid
    where n.nspname = ${streams} and t.relname = any(${tables}) and t.relkind = 'p'
      -- Before 14 the server did not remember what it had counted of a table of parts.
      and current_setting('server_version_num')::int >= 140000
    group by 1, t.reltuples
    having sum(greatest(part.reltuples, 0)) > 1.5 * greatest(t.reltuples, 0)
    order by 1`.execute(db)
  for (const { name } of rows) await sql.raw(`analyze ${name}`).execute(db)
}
