/** Each command that reads, on every kind of warehouse, as the first thing that its process asks of it. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect } from 'vitest'
import { type Sandbox, startSandbox } from '../../src/sandbox/index.ts'
import { everyWarehouse } from '../support/warehouse.ts'
import { configFor, run, runJson, writeConfig } from './run.ts'

let sandbox: Sandbox
beforeAll(async () => {
  const until = new Date(Date.now() - 600_000)
  sandbox = await startSandbox({ until, now: until, days: 2, users: 8, eventsPerDay: 20, rateLimits: false })
})
afterAll(() => sandbox.close())

everyWarehouse('every command that reads can be the first', async (warehouse) => {
  const cwd = warehouse.tempDir
  await writeConfig(cwd, configFor(sandbox, warehouse.config, { days: 2, marts: {} }))
  await mkdir(join(cwd, 'sql/exports'), { recursive: true })
  await writeFile(
    join(cwd, 'sql/exports/all.sql'),
    '/*\naction: add\nlist_id: 957001\n*/\nselect email from iterable.users where email is not null',
  )
  expect(
    await run(['sync', 'email_send', 'email_open', 'campaigns', 'users', 'lists'], { cwd }),
  ).toMatchObject({
    exitCode: 0,
  })
  const [person] = sandbox.truth.users()
  const commands: readonly (readonly string[])[] = [
    ...[
      ['status'],
      ['streams'],
      ['runs'],
      ['rejects'],
      ['exports'],
      ['schedule', 'list'],
      ['views'],
      ['lists'],
    ],
    ...[['sql', 'select count(*) as sent from iterable_views.email_send'], ['report'], ['check']],
    ...[
      ['views', '--sql', 'campaign_performance'],
      ['person', '--email', String(person?.email)],
    ],
    ...[
      ['sync', '--dry-run'],
      ['export', 'all', '--dry-run'],
      ['snapshot', join(cwd, 'snapshot.duckdb')],
    ],
    ...(warehouse.kind === 'ducklake' ? [['maintain', '--dry-run']] : []),
  ]
  for (const command of commands) {
    const { exitCode, stderr } = await run(command, { cwd })
    expect({ exitCode, stderr }, command.join(' ')).toEqual({
      exitCode: 0,
      stderr: expect.not.stringMatching(/error/i),
    })
  }
  const { document } = await runJson(['sql', 'select count(*) as n from iterable_marts.message_facts'], {
    cwd,
  })
  expect(document).toEqual([{ n: sandbox.truth.events('emailSend').length }])
})
