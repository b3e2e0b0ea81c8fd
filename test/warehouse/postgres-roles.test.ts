/** The statements of docs/postgres-roles.md, run as they stand there. */
import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import pg from 'pg'
import { expect, test } from 'vitest'
import { type Elt, open } from '../../src/index.ts'
import { createTestWarehouse } from '../support/warehouse.ts'

/** The blocks of SQL, with roles of this test's own: roles belong to the whole server. */
async function blocksOfTheDocument(suffix: string): Promise<readonly string[]> {
  const text = await readFile(new URL('../../docs/postgres-roles.md', import.meta.url), 'utf8')
  return [...text.matchAll(/```sql\n([\s\S]*?)```/g)].map(([, block = '']) =>
    block.replaceAll(/iterable_(elt|query|analyst)\b/g, `$1_${suffix}`),
  )
}

async function outcomeOf(elt: Elt, query: string): Promise<unknown> {
  try {
    const rows: unknown[] = []
    for await (const row of elt.query(query)) rows.push(row)
    return rows
  } catch (error) {
    return String(error)
  }
}

test('the roles of the documentation: the worker works, analysts ask, queries see what is granted', async () => {
  await using warehouse = await createTestWarehouse('postgres')
  const suffix = randomUUID().slice(0, 8)
  const [roles, revocations, grants] = await blocksOfTheDocument(suffix)
  const url = new URL((warehouse.config as { url: string }).url)
  const admin = new pg.Client({ connectionString: url.href })
  await admin.connect()
  try {
    await admin.query(roles as string)
    await admin.query(revocations as string)
    url.username = `elt_${suffix}`
    url.password = 'change me'
    await using elt = await open({
      // Nobody is asked: what is looked at are the rights in the database.
      connections: { iterable: { type: 'iterable', api_key: 'x', base_url: 'http://127.0.0.1:9' } },
      warehouse: { type: 'postgres', url: url.href },
      exports: { role: `query_${suffix}`, directory: warehouse.tempDir },
    })
    await elt.exports()
    await admin.query(`set role elt_${suffix}`)
    await admin.query(grants as string)
    await admin.query("create table iterable.people as select 'a@x.org' as email")

    await admin.query(`reset role; set role analyst_${suffix}`)
    await admin.query(`insert into iterable_sync.exports (name, query, settings)
      values ('vip', 'select email from iterable.people', '{"action":"add","list_id":1}')`)
    await admin.query(
      "insert into iterable_sync.schedules (name, cron, start_at) values ('export:vip', '@daily', now())",
    )
    await admin.query("insert into iterable_sync.run_requests (job) values ('export:vip')")
    await expect(admin.query('delete from iterable_sync.members')).rejects.toThrow('permission denied')
    await expect(admin.query("update iterable_sync.exports set defined_in = 'file'")).rejects.toThrow(
      'permission denied',
    )
    await admin.query('reset role')

    expect(await elt.exports()).toMatchObject([{ name: 'vip', error: null }])
    expect(await elt.schedules()).toMatchObject([{ name: 'export:vip' }])
    expect(await outcomeOf(elt, 'select email from iterable.people')).toEqual([{ email: 'a@x.org' }])
    const other = { pid: (await admin.query('select pg_backend_pid() as pid')).rows[0].pid }
    const attacks = [
      "select set_config('role', 'none', true)",
      `select set_config('role', 'elt_${suffix}', true), query_to_xml('select * from iterable_sync.exports', true, false, '')`,
      'select * from iterable_sync.exports',
      'select pg_advisory_lock(1)::text',
      "select pg_logical_emit_message(false, 'a', 'b')::text",
      `select pg_terminate_backend(${other.pid})`,
      "select pg_read_file('PG_VERSION')",
    ]
    for (const [index, attack] of attacks.entries()) {
      expect.soft(await outcomeOf(elt, attack), attack).toMatch(/permission denied|refused before it ran/)
      // In a function of the database nobody sees what it calls: the rights of the role are what stops it.
      const wrapped = `iterable.attack_${index}`
      await admin.query(
        `create function ${wrapped}() returns text language plpgsql as $f$
         declare first text; begin execute $q$${attack}$q$ into first; return first; end $f$`,
      )
      expect.soft(await outcomeOf(elt, `select ${wrapped}()`), attack).toContain('permission denied')
    }
  } finally {
    await admin.query('reset role').catch(() => {})
    for (const role of ['elt', 'query', 'analyst'].map((name) => `${name}_${suffix}`)) {
      await admin.query(`drop owned by ${role} cascade`).catch(() => {})
      await admin.query(`drop role ${role}`).catch(() => {})
    }
    await admin.end()
  }
})
