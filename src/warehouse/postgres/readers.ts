/** Rights of those who read: on all that is there, and on all that is to come. Only what is missing is granted. */
import { sql } from 'kysely'
import { ConfigError } from '../../errors.ts'
import type { Db } from '../../state/tables.ts'
import type { SchemaNames } from '../schema-names.ts'
import { quoted } from '../sql.ts'

/**
 * Lets roles read our schemas. What others own in them is for their owners to grant.
 * @throws ConfigError for a role that the server does not have.
 */
export async function admitReaders(db: Db, names: SchemaNames, roles: readonly string[]): Promise<void> {
  if (roles.length === 0) return
  await refuseUnknown(db, roles)
  // The existing ones of the four; the others come with the first sync.
  const { rows: grants } = await sql<{ statement: string }>`
    with roles as (select rolname as role, oid from pg_roles where rolname = any(${roles})),
    schemas as (select nspname as schema, oid from pg_namespace where nspname = any(${Object.values(names)})),
    relations as (
      select s.schema, c.relname as name, c.oid from pg_class c join schemas s on s.oid = c.relnamespace
      where c.relkind in ('r', 'p', 'v', 'm', 'f') and pg_has_role(c.relowner, 'usage')
    )
    select format('grant usage on schema %I to %I', s.schema, r.role) as statement from roles r, schemas s
    where not has_schema_privilege(r.oid, s.oid, 'usage')
    union all
    select format('grant select on %I.%I to %I', t.schema, t.name, r.role) from roles r, relations t
    where not has_table_privilege(r.oid, t.oid, 'select')
    union all
    select format('alter default privileges in schema %I grant select on tables to %I', s.schema, r.role)
    from roles r, schemas s
    where not exists (
      select from pg_default_acl d, aclexplode(d.defaclacl) a
      where d.defaclnamespace = s.oid and d.defaclobjtype = 'r' and d.defaclrole = current_user::regrole
        and a.grantee = r.oid and a.privilege_type = 'SELECT'
    )`.execute(db)
  for (const { statement } of grants) await sql.raw(statement).execute(db)
}

async function refuseUnknown(db: Db, roles: readonly string[]): Promise<void> {
  const { rows } = await sql<{ role: string }>`
    select role from unnest(${roles}::text[]) as role where role not in (select rolname from pg_roles)`.execute(
    db,
  )
  const [unknown] = rows
  if (!unknown) return
  throw new ConfigError(
    `"warehouse.readers": the server has no role ${quoted(unknown.role)}; make it (create role ${quoted(unknown.role)}), or take it out`,
    { code: 'role' },
  )
}
