/** `views` and what `status` says of views. */
import { afterAll, beforeAll, expect } from 'vitest'
import { type Sandbox, startSandbox } from '../../src/sandbox/index.ts'
import { eachWarehouse } from '../support/warehouse.ts'
import { configFor, run, runJson, writeConfig } from './run.ts'

let sandbox: Sandbox
beforeAll(async () => {
  const until = new Date(Date.now() - 600_000)
  sandbox = await startSandbox({ until, now: until, days: 2, users: 10, eventsPerDay: 30, rateLimits: false })
})
afterAll(() => sandbox.close())

eachWarehouse('views lists the views, tells their columns and prints their SQL', async (warehouse) => {
  const cwd = warehouse.tempDir
  await writeConfig(cwd, configFor(sandbox, warehouse.config, { days: 2, marts: {} }))
  const before = await run(['views'], { cwd })
  expect(before.stdout).toMatch(/campaign_performance +one campaign .* +made by the next sync/)
  expect(before.exitCode).toBe(0)

  const sync = await runJson(['sync', 'email_send', 'email_open', 'campaigns'], { cwd })
  expect(sync.document).toMatchObject({ state: 'succeeded' })
  const { document } = await runJson(['views'], { cwd })
  const performance = document.views.find(({ view }: { view: string }) => view === 'campaign_performance')
  expect(performance).toMatchObject({
    state: 'made',
    missing_streams: [],
    absent_streams: expect.arrayContaining(['purchase', 'email_bounce']),
    grain: 'one campaign that is listed, has sent or has skipped',
  })
  expect(performance.columns).toContainEqual({ name: 'open_rate', about: 'opened ÷ delivered' })

  const one = await run(['views', 'bot_rules'], { cwd })
  expect(one.stdout).toMatch(
    /bot_rules \(made\)\n[\s\S]*One row: one rule[\s\S]*is_enabled +false for a rule/,
  )
  const partly = await run(['views', 'campaign_performance'], { cwd })
  expect(partly.stdout).toMatch(/^campaign_performance \(made, without .*purchase.* \(not replicated\)\)\n/)
  const { stdout } = await run(['views', '--sql', 'campaign_performance'], { cwd })
  const rows = await warehouse.query(`select count(*) as campaigns from (${stdout}) as printed`)
  expect(rows).toEqual(
    await warehouse.query('select count(*) as campaigns from iterable_marts.campaign_performance'),
  )
  const unknown = await run(['views', 'campain_performance'], { cwd })
  expect(unknown.exitCode).toBe(2)
  expect(unknown.stderr).toContain('did you mean "campaign_performance"?')

  const nameless = await run(['views', '--materialize'], { cwd })
  expect(nameless).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('wants the names of views') })
  const refused = await run(['views', '--materialize', 'message_facts'], { cwd })
  expect({ exitCode: refused.exitCode, stderr: refused.stderr }).toEqual({
    exitCode: 2,
    stderr: expect.stringContaining('marts.materialize does not name message_facts'),
  })
  await writeConfig(cwd, {
    ...configFor(sandbox, warehouse.config, { days: 2, marts: {} }),
    marts: { materialize: ['message_facts'] },
  })
  const messages = 'select count(*) as messages from iterable_marts.message_facts'
  const counted = await warehouse.query(messages)
  const kept = await run(['views', '--materialize', 'message_facts'], { cwd })
  expect({ exitCode: kept.exitCode, stderr: kept.stderr }).toEqual({ exitCode: 0, stderr: '' })
  expect((await run(['views'], { cwd })).stdout).toMatch(
    /message_facts +one message .* +made, kept as a table/,
  )
  expect(await warehouse.query(messages)).toEqual(counted)

  const status = await run(['status'], { cwd })
  expect(status.stdout).toMatch(
    /Views for analysts that are not made[\s\S]*user_engagement +needs users, not replicated/,
  )
  expect(status.stdout).toMatch(
    /\d+ views for analysts made without .*email_bounce.* and \d+ more, which are not replicated/,
  )
})
