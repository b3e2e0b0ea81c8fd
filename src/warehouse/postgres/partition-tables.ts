/**
 * Tables of events that have grown as one become tables of parts. Each is one transaction: its rows are copied month by
 * month while it is read as before, and at the end the copy takes its name, its views, rights and indexes. Whatever ends
 * the transaction before leaves the table as it was.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { sql } from 'kysely'
import type { Stream } from '../../catalog/index.ts'
import { InterruptedError, messageOf, UserError } from '../../errors.ts'
import { monthOf } from '../months.ts'
import type { PartitionedTable, PartitioningRequest } from '../partitioning.ts'
import { createSchemas, partsSchemaOf } from '../schemas.ts'
import type { Tx, Warehouse } from '../session.ts'
import { change, literal, quoted } from '../sql.ts'
import { tableOf } from '../tables.ts'
import { isLockTimeout, isNeededByOthers } from './codes.ts'
import { hasMonth, makePart, type PartedTable, partitionedBy } from './partitions.ts'
import { keyOf } from './tx.ts'
import { trimmingsOf, withoutViews } from './views.ts'

/** How long the change of the tables waits for readers to end, and lets new ones pass in between. */
const swapWaitMs = 1_000
const swapPauseMs = 1_500
const swapPatienceMs = 900_000

/** `Upkeep.partition`. */
export async function partitionTables(
  { use, names }: Pick<Warehouse, 'use' | 'names'>,
  request: PartitioningRequest,
): Promise<readonly PartitionedTable[]> {
  const { streams, signal, onTable } = request
  const done: PartitionedTable[] = []
  for (const stream of streams) {
    if (signal?.aborted) throw new InterruptedError()
    const table = `${names.streams}.${stream.name}`
    const one = await use((session) => session.transaction((tx) => partitionTable(tx, stream, request)), {
      signal,
    }).catch((error: unknown) => refused(table, reasonOf(error)))
    if (!one) continue
    onTable?.(one)
    done.push(one)
  }
  return done
}

const refused = (table: string, reason: string): PartitionedTable => ({
  table,
  state: 'refused',
  reason,
  rows: null,
  months: 0,
})

/** What people can change about the one table; anything else ends the whole. */
function reasonOf(error: unknown): string {
  const isOfTable = error instanceof UserError && error.code === 'view_in_the_way'
  if (isOfTable || isLockTimeout(error)) return messageOf(error)
  if (!isNeededByOthers(error)) throw error
  const { detail } = error as { readonly detail?: string }
  return `${messageOf(error)}: ${detail ?? 'drop what needs it, convert, and make it again'}`
}

/** The table while it is on its way. */
interface Conversion {
  readonly tx: Tx
  readonly stream: Stream
  /** The table as it was: quoted, and under its plain name. */
  readonly table: string
  readonly name: string
  /** What takes its place. */
  readonly parted: PartedTable
}

/** Undefined for a stream without a table. */
async function partitionTable(
  tx: Tx,
  stream: Stream,
  request: PartitioningRequest,
): Promise<PartitionedTable | undefined> {
  const name = `${tx.names.streams}.${stream.name}`
  const table = tableOf(tx, stream.name)
  const before = await lookAt(tx, table)
  if (!before) return undefined
  const { kind, parts, obstacles } = before
  if (kind === 'p')
    return { table: name, state: 'partitioned_already', reason: null, rows: null, months: parts }
  if (kind !== 'r' || obstacles.length > 0) {
    const what = obstacles.join(', ') || 'another kind'
    return refused(name, `it has ${what}, which is lost with parts; drop it, convert, and make it again`)
  }
  if (!request.isDryRun) {
    // A month, or an index, takes what it takes.
    await sql.raw('set local statement_timeout = 0').execute(tx.db)
    await tx.reserve(table)
    await sql.raw(`lock table ${table} in share row exclusive mode`).execute(tx.db)
  }
  const column = `${stream.bookmark}`
  const months = await countMonths(tx, table, column)
  if (!request.isDryRun) {
    const partsSchema = partsSchemaOf(tx.names.streams)
    const copy = `${quoted(partsSchema)}.${quoted(stream.name)}`
    const parted = { table: copy, name: stream.name, partsSchema, column, parts: [] }
    const conversion = { tx, stream, table, name, parted }
    const indexes = await indexesOf(conversion)
    await copyRows(conversion, months, request)
    for (const index of indexes) await sql.raw(index).execute(tx.db)
    if (!indexes.some((index) => / USING brin /.test(index)))
      await sql.raw(keyOf(copy, stream)).execute(tx.db)
    await tx.analyze(copy)
    await swapPatiently(conversion, request.signal)
  }
  const rows = months.reduce((total, one) => total + one.rows, 0)
  return { table: name, state: 'converted', reason: null, rows, months: months.length }
}

interface Found {
  readonly kind: string
  readonly parts: number
  /** What a copy of the table would not have. */
  readonly obstacles: readonly string[]
}

async function lookAt({ db }: Tx, table: string): Promise<Found | undefined> {
  const { rows } = await sql<Found>`
    select t.relkind as kind, (select count(*) from pg_inherits where inhparent = t.oid) as parts, array(
      select format('the constraint %I', conname) from pg_constraint
      where t.oid in (conrelid, confrelid) and contype in ('p', 'u', 'f', 'x')
      union all
      select format('the unique index %s', indexrelid::regclass) from pg_index
      where indrelid = t.oid and indisunique and not exists (select from pg_constraint where conindid = indexrelid)
      union all
      select format('the publication %I', pubname) from pg_publication_rel
        join pg_publication p on p.oid = prpubid where prrelid = t.oid
      union all
      select format('the rule %I', rulename) from pg_rewrite where ev_class = t.oid
      union all
      select format('the identity of the column %I', attname) from pg_attribute
      where attrelid = t.oid and attidentity <> ''
      union all
      select format('the tablespace %I', spcname) from pg_tablespace s where s.oid = t.reltablespace
      union all
      select 'inheritance' from pg_inherits where inhrelid = t.oid and t.relkind = 'r' or inhparent = t.oid and t.relkind = 'r'
      union all
      select 'row security' where t.relrowsecurity
    ) as obstacles
    from pg_class t where t.oid = to_regclass(${table})`.execute(db)
  return rows[0]
}

interface MonthOfRows {
  /** Null for rows whose time is of no month. */
  readonly month: Date | null
  readonly rows: number
}

async function countMonths({ db }: Tx, table: string, column: string): Promise<readonly MonthOfRows[]> {
  const time = sql.id(column)
  const { rows } = await sql<MonthOfRows>`
    select case when ${sql.raw(hasMonth(column))} then date_trunc('month', ${time}, 'UTC') end as month, count(*) as rows
    from ${sql.raw(table)} group by 1 order by 1`.execute(db)
  return rows
}

/** The indexes of the table, as statements that make them on what takes its place. */
async function indexesOf({ tx, table, parted }: Conversion): Promise<readonly string[]> {
  // Windows of time are read by it: what came since it was last brought up to date would be read for each of them.
  await sql`
    select brin_summarize_new_values(indexrelid) from pg_index join pg_class i on i.oid = indexrelid
    join pg_am a on a.oid = i.relam where indrelid = ${table}::text::regclass and amname = 'brin'`.execute(
    tx.db,
  )
  const { rows } = await sql<{ statement: string }>`
    select replace(
      pg_get_indexdef(indexrelid),
      format(' ON %I.%I USING ', n.nspname, t.relname),
      format(' ON %s USING ', ${parted.table}::text)
    ) as statement
    from pg_index join pg_class t on t.oid = indrelid join pg_namespace n on n.oid = t.relnamespace
    where indrelid = ${table}::text::regclass and indisvalid order by 1`.execute(tx.db)
  return rows.map(({ statement }) => statement)
}

async function copyRows(
  { tx, stream, table, name, parted }: Conversion,
  months: readonly MonthOfRows[],
  { onMonth, signal }: PartitioningRequest,
): Promise<void> {
  await createSchemas(tx, [parted.partsSchema])
  const copied = ['defaults', 'constraints', 'generated', 'storage', 'comments', 'statistics']
  const likeness = copied.map((what) => `including ${what}`).join(' ')
  await sql
    .raw(`create table ${parted.table} (like ${table} ${likeness})${partitionedBy(stream)}`)
    .execute(tx.db)
  const { rows: columns } = await sql<{ name: string }>`
    select attname as name from pg_attribute
    where attrelid = ${table}::text::regclass and attnum > 0 and not attisdropped and attgenerated = ''
    order by attnum`.execute(tx.db)
  const list = sql.join(columns.map((column) => sql.id(column.name)))
  const time = sql.id(parted.column)
  for (const { month, rows } of months) {
    if (signal?.aborted) throw new InterruptedError()
    onMonth?.({ table: name, month: month?.toISOString().slice(0, 7) ?? null, rows })
    const part = await makePart(tx, parted, month ?? undefined)
    const isOfIt = month
      ? sql`${time} >= ${month} and ${time} < ${monthOf(month, 1)}`
      : sql.raw(`${hasMonth(parted.column)} is not true`)
    const copying = sql`insert into ${sql.raw(part)} (${list}) select ${list} from ${sql.raw(table)} where ${isOfIt}`
    const written = await change(tx.db, copying)
    if (written !== rows)
      throw new Error(`${written} rows of ${rows} were copied from ${table}: this is a fault of iterable-elt`)
  }
}

/** The copy takes the place of the table, as soon as nobody reads it; whoever comes meanwhile has his turn in between. */
async function swapPatiently(conversion: Conversion, signal: AbortSignal | undefined): Promise<void> {
  const run = (statement: string) => sql.raw(statement).execute(conversion.tx.db)
  for (let waitedMs = 0; ; waitedMs += swapWaitMs + swapPauseMs) {
    await run('savepoint swap')
    try {
      await run(`set local lock_timeout = ${swapWaitMs}`)
      await swap(conversion)
      return
    } catch (error) {
      if (!isLockTimeout(error) || waitedMs >= swapPatienceMs) throw error
      await run('rollback to savepoint swap')
    }
    await delay(swapPauseMs, undefined, signal && { signal })
  }
}

async function swap({ tx, table, name, parted }: Conversion): Promise<void> {
  const run = (statement: string) => sql.raw(statement).execute(tx.db)
  const why = `${name} becomes a table of parts`
  await run(`lock table ${table} in access exclusive mode`)
  await withoutViews(tx.db, table, { why }, async () => {
    const trimmings = await trimmingsOf(tx.db, table)
    const { rows } = await sql<{ owner: string | null; comment: string | null }>`
      select nullif(pg_get_userbyid(relowner), current_user) as owner, obj_description(oid, 'pg_class') as comment
      from pg_class where oid = ${table}::text::regclass`.execute(tx.db)
    const { owner = null, comment = null } = rows[0] ?? {}
    await run(`drop table ${table}`)
    await run(`alter table ${parted.table} set schema ${quoted(tx.names.streams)}`)
    if (comment !== null) await run(`comment on table ${table} is ${literal(comment)}`)
    for (const statement of trimmings) await run(statement)
    if (owner !== null) await run(`alter table ${table} owner to ${quoted(owner)}`)
  })
}
