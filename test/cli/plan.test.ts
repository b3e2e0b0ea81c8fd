/** What people see of a plan before they say yes, and what is known afterwards. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import { sayPlanView } from '../../src/cli/plan.ts'
import { Terminal } from '../../src/cli/terminal.ts'
import type { ExportPlan } from '../../src/index.ts'
import { exportTest, type Fixture } from '../export/support.ts'
import { undoMigrations } from '../support/migrations.ts'
import { run } from './run.ts'

const query = 'select email, name as first_name, shoe as shoe_size from iterable.people'

/** A list of two people, of whom one will leave, one change and one come; the shoe size is new to the project. */
async function prepare({ run: execute, save, elt, warehouse, sandbox }: Fixture) {
  await execute('create table iterable.people (email text, name text, shoe bigint)')
  await execute("insert into iterable.people values ('a@x.org', 'Ann', null), ('b@x.org', 'Bob', null)")
  await save('vip', { action: 'mirror', brakes: { new_fields: 'hold' } }, query)
  await elt.export('vip')
  await execute("delete from iterable.people where name = 'Ann'")
  await execute('update iterable.people set name = \'Robert, "Bob"\'')
  await execute("insert into iterable.people values ('c@x.org', 'Cy', 43)")
  const cwd = warehouse.tempDir
  const connection = {
    type: 'iterable',
    api_key: sandbox.keys.server,
    base_url: sandbox.url,
    project_type: sandbox.projectType,
    rate_limits: 'off',
  }
  await writeFile(
    join(cwd, 'config.json'),
    JSON.stringify({
      warehouse: warehouse.config,
      connections: { iterable: connection },
      exports: { directory: join(cwd, 'exports') },
    }),
  )
  return (...args: string[]) => run(args, { cwd, env: { USER: 'ann' } })
}

const changes = [
  { action: 'add', identifier: 'c@x.org', field: 'firstName', before: null, after: 'Cy', mark: 'mapped' },
  { action: 'add', identifier: 'c@x.org', field: 'shoe_size', before: null, after: 43, mark: 'new' },
  {
    action: 'update',
    identifier: 'b@x.org',
    field: 'firstName',
    before: 'Bob',
    after: 'Robert, "Bob"',
    mark: 'mapped',
  },
  { action: 'remove', identifier: 'a@x.org', field: null, before: null, after: null, mark: null },
]
const fieldCounts = [
  { field: 'firstName', people: 2, mark: 'mapped', column: 'first_name' },
  { field: 'shoe_size', people: 1, mark: 'new', column: null },
]

exportTest('a dry run tells who comes, changes and goes, field by field', async (f) => {
  const cli = await prepare(f)
  const file = join(f.warehouse.tempDir, 'plan.csv')
  const { stdout, exitCode } = await cli('export', 'vip', '--dry-run', '--csv', file)
  expect(exitCode).toBe(3)
  const lines = stdout.split('\n').map((line) => line.split(/ {2,}/))
  expect(lines).toContainEqual(['add', 'c@x.org', 'firstName', '–', 'Cy'])
  expect(lines).toContainEqual(['add', 'c@x.org', 'shoe_size (new)', '–', '43'])
  expect(lines).toContainEqual(['update', 'b@x.org', 'firstName', 'Bob', 'Robert, "Bob"'])
  expect(lines).toContainEqual(['remove', 'a@x.org', '–', '–'])
  expect(lines).toContainEqual(['first_name → firstName', '2'])
  expect(lines).toContainEqual(['shoe_size', '1', 'new: Iterable would create it'])
  expect(await readFile(file, 'utf8')).toBe(
    [
      'action,identifier,field,before,after,mark',
      'add,c@x.org,firstName,,Cy,mapped',
      'add,c@x.org,shoe_size,,43,new',
      'update,b@x.org,firstName,Bob,"Robert, ""Bob""",mapped',
      'remove,a@x.org,,,,',
      '',
    ].join('\r\n'),
  )
  const json = JSON.parse((await cli('export', 'vip', '--dry-run', '--json')).stdout)
  expect(json).toMatchObject({ changes, field_counts: fieldCounts, fields: { created: ['shoe_size'] } })
  expect(f.writes()).toHaveLength(1)
})

exportTest('the file of a plan has everybody, and says when it cannot be written', async (f) => {
  const cli = await prepare(f)
  await f.run(
    "insert into iterable.people select n || '@y.org', 'N', n from generate_series(1, 2500) as g(n)",
  )
  const file = join(f.warehouse.tempDir, 'plan.csv')
  await cli('export', 'vip', '--dry-run', '--csv', file)
  const lines = (await readFile(file, 'utf8')).trim().split('\r\n')
  expect(new Set(lines.slice(1).map((line) => line.split(',')[1])).size).toBe(2503)
  const wrong = await cli('export', 'vip', '--dry-run', '--csv', '/proc/nowhere/plan.csv')
  expect(wrong).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining('cannot write /proc/nowhere/plan.csv'),
  })
  const sending = await cli('export', 'vip', '--csv', file)
  expect(sending).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('give --dry-run') })
})

exportTest('a held run shows its plan, and afterwards who approved it and why', async (f) => {
  const cli = await prepare(f)
  const { run_id } = JSON.parse((await cli('export', 'vip', '--json')).stdout) as { run_id: string }
  const held = (await cli('runs', run_id)).stdout
  expect(held).toMatch(/plan +add 1, update 1, remove 1, unchanged 0/)
  expect(held).toContain('brake     new_fields (hold): Iterable would create the field shoe_size')
  expect(held).toMatch(/update +b@x\.org +firstName +Bob +Robert/)
  expect(held).toMatch(/shoe_size +1 +new/)
  expect(JSON.parse((await cli('runs', run_id, '--json')).stdout)).toMatchObject({
    state: 'held',
    export: {
      planned: { add: 1, update: 1, remove: 1, unchanged: 0 },
      approval: null,
      brakes: [{ brake: 'new_fields' }],
      plan: { changes, field_counts: fieldCounts },
    },
  })
  const approved = await cli('runs', 'approve', run_id, '--note', 'spring cleaning', '--as', 'Zoë')
  expect(approved.exitCode).toBe(0)
  expect(f.members()).toEqual(['b@x.org', 'c@x.org'])
  expect(f.sandbox.data.users.get('b@x.org')).toMatchObject({ firstName: 'Robert, "Bob"' })
  expect((await cli('runs', run_id)).stdout).toMatch(/approved +by Zoë, 20\S+ \S+Z: spring cleaning/)
  expect(JSON.parse((await cli('runs', run_id, '--json')).stdout)).toMatchObject({
    export: {
      sent: 2,
      removed: 1,
      brakes: [{ brake: 'new_fields' }],
      plan: null,
      approval: { by: 'Zoë', note: 'spring cleaning', at: expect.stringMatching(/^20.*Z$/) },
    },
  })
  expect(await f.warehouse.query('select run_id, approved_by, note from iterable_sync.approvals')).toEqual([
    { run_id, approved_by: 'Zoë', note: 'spring cleaning' },
  ])
})

exportTest('approvals that an older version recorded are kept', async (f) => {
  const cli = await prepare(f)
  const { run_id } = JSON.parse((await cli('export', 'vip', '--json')).stdout) as { run_id: string }
  await cli('runs', 'approve', run_id, '--note', 'spring')
  await undoMigrations(f.run, '0008')
  // Reports change nothing, and read what is there.
  expect(await f.elt.run(run_id)).toMatchObject({ export: { removed: 1, approval: null } })
  const { exports } = JSON.parse((await cli('exports', '--json')).stdout)
  expect(exports).toMatchObject([{ last_run: { sent: 2, removed: 1 } }])
  expect(await f.elt.run(run_id)).toMatchObject({ export: { approval: { by: 'ann', note: 'spring' } } })
})

exportTest('without --as it is $USER who approves', async (f) => {
  const cli = await prepare(f)
  const { run_id } = JSON.parse((await cli('export', 'vip', '--json')).stdout) as { run_id: string }
  await cli('runs', 'approve', run_id)
  expect(JSON.parse((await cli('runs', run_id, '--json')).stdout).export.approval).toMatchObject({
    by: 'ann',
    note: null,
  })
})

exportTest('values are whole up to the width of the terminal', async (f) => {
  await f.save(
    'vip',
    { action: 'add' },
    `select 'a@x.org' as email, '${'long '.repeat(40)}' as city, 'b' as tier`,
  )
  const plan = await f.elt.planExport('vip')
  expect(widthOf(plan, 80)).toBe(80)
  expect(widthOf(plan, 130)).toBe(130)
  expect(widthOf(plan, 400)).toBeLessThan(260)
})

/** Of the longest line of a plan on a terminal. */
function widthOf(plan: ExportPlan, columns: number): number {
  let text = ''
  const stdout = { columns, write: (piece: string) => (text += piece) } as unknown as NodeJS.WriteStream
  sayPlanView(new Terminal({ stdout, stderr: stdout, env: {} }, { isJson: false }), plan)
  return Math.max(...text.split('\n').map((line) => line.length))
}
