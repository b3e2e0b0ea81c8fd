/** Commands that a command proposes find what it has found, when they are copied as they stand. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startSandbox } from '../../src/sandbox/index.ts'
import { configFor, run, temporaryFolder, writeConfig } from './run.ts'

test('what is proposed names the configuration that was named, as a shell takes it', async () => {
  await using sandbox = await startSandbox({ users: 5, lists: 2, eventsPerDay: 5, days: 2 })
  await using folder = await temporaryFolder()
  const cwd = folder.path
  const project = join(cwd, 'my project')
  await mkdir(join(project, 'sql/exports'), { recursive: true })
  const config = configFor(sandbox, { type: 'duckdb', path: 'warehouse.duckdb' })
  await writeConfig(project, {
    ...config,
    targets: { here: {} },
    sync: { ...config.sync, schedule: { cron: '@daily' } },
  })
  await writeFile(
    join(project, 'sql/exports/novel.sql'),
    `/*\naction: add\nlist_id: ${sandbox.data.lists[0]?.id}\n*/\nselect 'new@example.com' as email, 1 as "whollyNew"`,
  )
  const named = ['--config', join(project, 'config.json'), '--target', 'here']
  const way = ` --config '${join(project, 'config.json')}' --target here`
  const says = async (...args: string[]) => (await run([...args, ...named], { cwd })).stdout
  expect(await says('status')).toContain(`"iterable-elt sync${way}" does it`)
  expect(await says('doctor')).toContain(`"iterable-elt check${way}" asks`)
  const held = await says('export', 'novel')
  const id = /"iterable-elt runs (\w+)/.exec(held)?.[1] ?? ''
  expect(held).toContain(`"iterable-elt runs ${id}${way}" shows the plan`)
  for (const said of [held, await says('runs', id)])
    expect(said).toContain(`approve it with: iterable-elt runs approve ${id}${way} --note "why"`)
  expect(await says('schedule', 'pause', 'sync')).toContain(`"iterable-elt schedule resume sync${way}"`)
  const none = await run(['sync', '--config', 'none.json'], { cwd })
  expect(none.stderr).toContain('run "iterable-elt init --config none.json" to write one')
  // What the environment names is there for the next command, too.
  const usual = await run(['status'], { cwd: project, env: { ITERABLE_ELT_TARGET: 'here' } })
  expect(usual.stdout).toContain('"iterable-elt worker" starts one')
})
