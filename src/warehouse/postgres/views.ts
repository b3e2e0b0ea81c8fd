/**
 * Views upon our tables. Postgres refuses to change the type of a column that a view reads, so such views step aside
 * within the transaction and come back as they were: text, owner, rights, comments, options, indexes and triggers.
 */
import { sql, type Transaction } from 'kysely'
import { ConfigError, messageOf } from '../../errors.ts'
import type { StateDatabase } from '../../state/tables.ts'
import type { Session, Tx } from '../session.ts'
import { quoted } from '../sql.ts'
import { isLockTimeout } from './codes.ts'
import { lockKey } from './lock.ts'

/** A view (or materialized view) that reads one of the columns, itself or through other views. */
interface Dependent {
  readonly oid: number
  readonly name: string
  readonly schema: string
  readonly owner: string
  readonly isMaterialized: boolean
  /** Statements that make it again. */
  readonly restore: readonly string[]
}

/** Which views step aside, and why: the message to whoever owns one that cannot. */
interface Away {
  /** Those that read one of these columns; all of the table's views where it is left out. */
  readonly columns?: readonly string[]
  readonly why?: string
  /** The schema of views that the end of each sync makes where they are missing: one that cannot come back stays away. */
  readonly remade?: string
}

/**
 * Makes a view, or changes it. A text with other columns than before needs a new view: those upon it come back as they
 * were, and so do the rights.
 */
export async function replaceView(
  transaction: Session['transaction'],
  view: string,
  select: string,
  andThen: (tx: Tx) => Promise<void>,
): Promise<void> {
  try {
    return await transaction(
      async (tx) => {
        await run(tx.db, `create or replace view ${view} as\n${select}`)
        await andThen(tx)
      },
      { isAltering: true },
    )
  } catch (error) {
    if (!isOfOtherColumns(error)) throw error
  }
  const why = `the view ${view} gets other columns`
  const anew = async (tx: Tx) => {
    const trx = tx.db
    await withoutViews(trx, view, { why }, async () => {
      const rights = await rightsOn(trx, view)
      await run(trx, `drop view ${view}`)
      await run(trx, `create view ${view} as\n${select}`)
      for (const right of rights) await run(trx, right)
    })
    await andThen(tx)
  }
  await transaction(anew, { isAltering: true })
}

/** `create or replace` may only add columns at the end. */
const isOfOtherColumns = (error: unknown): boolean => (error as { code?: unknown } | null)?.code === '42P16'

/** Statements that give a table, made anew under its name, the rights and triggers that the one before it has. */
export async function trimmingsOf(
  trx: Transaction<StateDatabase>,
  table: string,
): Promise<readonly string[]> {
  const all = [grants, columnGrants, triggers].join(' union all ')
  const { rows } = await sql<{ statement: string }>`
    with views as (select *, ${table}::text as name from pg_class where oid = ${table}::text::regclass)
    select found.statement from views, lateral (${sql.raw(all)}) as found (statement)`.execute(trx)
  return rows.map(({ statement }) => statement)
}

async function rightsOn(trx: Transaction<StateDatabase>, view: string): Promise<readonly string[]> {
  const { rows } = await sql<{ right: string }>`
    with views as (select *, ${view}::text as name from pg_class where oid = ${view}::text::regclass)
    select granted.right from views, lateral (${sql.raw(grants)}) as granted ("right")`.execute(trx)
  return rows.map(({ right }) => right)
}

/**
 * Does `work` while the views that read these columns of a table are away.
 * @throws UserError with code `view_in_the_way` when the role may not drop a view, or it does not fit the new types.
 */
export async function withoutViews(
  trx: Transaction<StateDatabase>,
  table: string,
  { columns, why = `columns of ${table} must become wider`, remade }: Away,
  work: () => Promise<void>,
): Promise<void> {
  // Two that put the same views aside at once would not find them again.
  await run(trx, viewsLock)
  const dependents = await findDependents(trx, table, columns)
  for (const view of dependents.toReversed()) {
    await explaining(view, why, 'cannot be dropped and made again', () =>
      run(trx, `drop ${relationOf(view)} ${view.name}`),
    )
  }
  await work()
  for (const view of dependents) {
    if (view.schema === remade) await restoreIfItFits(trx, view)
    else await explaining(view, why, 'cannot be made again upon the new types', () => restore(trx, view))
  }
}

/** Held until the transaction ends. Nobody is kept waiting behind this wait, so it may be longer than that for a table. */
const viewsLock = `do $$ declare patience text := current_setting('lock_timeout'); begin
  perform set_config('lock_timeout', '2min', true);
  perform pg_advisory_xact_lock(${lockKey('views')});
  perform set_config('lock_timeout', patience, true);
end $$`

async function restore(trx: Transaction<StateDatabase>, view: Dependent): Promise<void> {
  for (const statement of view.restore) await run(trx, statement)
}

async function restoreIfItFits(trx: Transaction<StateDatabase>, view: Dependent): Promise<void> {
  await run(trx, 'savepoint restoring')
  try {
    await restore(trx, view)
  } catch (error) {
    if (isLockTimeout(error)) throw error
    await run(trx, 'rollback to savepoint restoring')
  }
}

const relationOf = ({ isMaterialized }: Pick<Dependent, 'isMaterialized'>): string =>
  isMaterialized ? 'materialized view' : 'view'

const run = (trx: Transaction<StateDatabase>, statement: string) => sql.raw(statement).execute(trx)

async function explaining(
  { name, owner }: Dependent,
  why: string,
  what: string,
  work: () => Promise<unknown>,
): Promise<void> {
  try {
    await work()
  } catch (error) {
    // Somebody reads the view: it is waited for.
    if (isLockTimeout(error)) throw error
    throw new ConfigError(
      `${why}, but the view ${name} (owner "${owner}") reads them and ${what}: ${messageOf(error)}; drop or change that view, or make our role a member of its owner, then run again`,
      { code: 'view_in_the_way', cause: error },
    )
  }
}

interface ViewRow {
  readonly oid: number
  readonly name: string
  readonly schema: string
  readonly kind: 'v' | 'm'
  readonly definition: string
  readonly owner: string
  readonly is_own: boolean
  readonly options: readonly string[] | null
  readonly populated: boolean
  readonly others: readonly string[]
}

/** In the order in which they can be made: a view comes after those that it reads. */
async function findDependents(
  trx: Transaction<StateDatabase>,
  table: string,
  columns: readonly string[] | undefined,
): Promise<Dependent[]> {
  const isRead = columns ? sql`refobjsubid = 0 or attname in (${sql.join(columns)})` : sql`true`
  const { rows } = await sql<ViewRow>`
       with recursive readers (oid, depth) as (
         select rule.ev_class, 1
         from pg_depend as link join pg_rewrite as rule on rule.oid = link.objid
           left join pg_attribute as attribute on attrelid = refobjid and attnum = refobjsubid
         where link.classid = 'pg_rewrite'::regclass and link.refclassid = 'pg_class'::regclass
           and refobjid = ${table}::text::regclass and rule.ev_class <> refobjid
           and (${isRead})
         union
         select rule.ev_class, depth + 1
         from readers join pg_depend as link on link.refobjid = readers.oid
           join pg_rewrite as rule on rule.oid = link.objid
         where link.classid = 'pg_rewrite'::regclass and link.refclassid = 'pg_class'::regclass
           and rule.ev_class <> refobjid
       ),
       views as (
         select view.*, nspname as schema, quote_ident(nspname) || '.' || quote_ident(relname) as name, depth
         from (select oid, max(depth) as depth from readers group by oid) as found
           join pg_class as view using (oid) join pg_namespace as namespace on namespace.oid = relnamespace
         where relkind in ('v', 'm')
       )
       select oid::bigint as oid, name, schema, relkind as kind, pg_get_viewdef(oid) as definition,
         pg_get_userbyid(relowner) as owner, pg_get_userbyid(relowner) = current_user as is_own,
         reloptions as options, relispopulated as populated,
         array(
           ${sql.raw([indexes, triggers, comments, grants, columnGrants].join(' union all '))}
         ) as others
       from views order by depth, oid`.execute(trx)
  return rows.map((row) => ({
    oid: row.oid,
    name: row.name,
    schema: row.schema,
    owner: row.owner,
    isMaterialized: row.kind === 'm',
    restore: [
      createStatement(row),
      // Before the rights: what we are granted would go unnoticed while the view is ours.
      ...(row.is_own ? [] : [`alter table ${row.name} owner to ${quoted(row.owner)}`]),
      ...row.others,
    ],
  }))
}

function createStatement({ name, kind, definition, options, populated }: ViewRow): string {
  const withOptions = options && options.length > 0 ? ` with (${options.join(', ')})` : ''
  const text = definition.replace(/;\s*$/, '')
  return kind === 'v'
    ? `create view ${name}${withOptions} as ${text}`
    : `create materialized view ${name}${withOptions} as ${text} with ${populated ? '' : 'no '}data`
}

const indexes = `select pg_get_indexdef(indexrelid) from pg_index where indrelid = views.oid`

const triggers = `select pg_get_triggerdef(t.oid) from pg_trigger as t where tgrelid = views.oid and not tgisinternal`

const comments = `
  select format('comment on %s %s is %L', case relkind when 'm' then 'materialized view' else 'view' end, name, description)
  from pg_description where classoid = 'pg_class'::regclass and objoid = views.oid and objsubid = 0
  union all
  select format('comment on column %s.%I is %L', name, attname, description)
  from pg_description join pg_attribute on attrelid = objoid and attnum = objsubid
  where classoid = 'pg_class'::regclass and objoid = views.oid`

const grantee = `case when item.grantee = 0 then 'public' else quote_ident(pg_get_userbyid(item.grantee)) end
    || case when item.is_grantable then ' with grant option' else '' end`

const grants = `
  select format('grant %s on %s to ', privilege_type, name) || ${grantee}
  from aclexplode(relacl) as item where item.grantee <> relowner`

const columnGrants = `
  select format('grant %s (%I) on %s to ', privilege_type, attname, name) || ${grantee}
  from pg_attribute, aclexplode(attacl) as item where attrelid = views.oid and item.grantee <> relowner`
