/** `report` on the terminal: what it says, what it says it cannot tell, and that its lines fit. */
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bar, sparkline } from '../../src/cli/bars.ts'
import { widthOf } from '../../src/cli/text.ts'
import { type Sandbox, startSandbox } from '../../src/sandbox/index.ts'
import { eachWarehouse } from '../support/warehouse.ts'
import { configFor, run, runJson, writeConfig } from './run.ts'

let sandbox: Sandbox
beforeAll(async () => {
  const until = new Date(Date.now() - 600_000)
  sandbox = await startSandbox({
    until,
    now: until,
    days: 4,
    users: 40,
    eventsPerDay: 200,
    rateLimits: false,
  })
  const names = [
    '春の大セール、すべての商品が半額になります、お見逃しなく',
    'تخفيضات رمضان الكبرى',
    'one\u001b[31m red\nline\u202e',
  ]
  for (const [index, campaign] of sandbox.data.campaigns.entries()) {
    campaign.name = index < 30 ? `${names[index % 3]} ${index}` : `Spring ${index}`
  }
})
afterAll(() => sandbox.close())

eachWarehouse('report ranks campaigns and says what it cannot tell', async (warehouse) => {
  const cwd = warehouse.tempDir
  const config = configFor(sandbox, warehouse.config, { days: 5, marts: {} })
  await writeConfig(cwd, { ...config, sync: { ...config.sync, complete_dimensions: true } } as typeof config)
  const early = await run(['report'], { cwd })
  expect(early.stderr).toMatch(/error: nothing has been synced .*errors\.md#no_marts/)
  expect(early.exitCode).toBe(1)
  await runJson(['sync', 'campaigns', 'email_send', 'email_click', 'email_complaint'], { cwd })

  const { document } = await runJson(['report'], { cwd })
  const sends = await warehouse.query('select count(*) as sends from iterable.email_send')
  expect(document.totals).toMatchObject({
    sent: sends[0]?.sends,
    human_opened: null,
    human_open_rate: null,
    bounced: null,
    revenue: null,
    human_click_rate: expect.any(Number),
  })
  expect(document.missing).toContainEqual({ numbers: 'opens of email', streams: ['email_open'] })
  expect(document.missing).toContainEqual({ numbers: 'orders and revenue', streams: ['purchase'] })

  const seen = await run(['report'], { cwd, columns: 80, env: { NO_COLOR: '1' } })
  expect(seen.exitCode).toBe(0)
  expect(seen.stdout).toMatch(/^sent +[\d,]+ /m)
  expect(seen.stdout).toMatch(/^human open rate +– +– *$/m)
  expect(seen.stdout).toMatch(/^sent +[▁▂▃▄▅▆▇█]{28}$/m)
  expect(seen.stdout).toContain('- no opens of email: email_open is not replicated (sync.streams)')
  expect(seen.stdout).not.toContain('\u202e')
  expect(stripVTControlCharacters(seen.stdout)).toBe(seen.stdout)
  for (const line of seen.stdout.split('\n')) expect(widthOf(line), line).toBeLessThanOrEqual(80)
  // Whatever the name is written in, the numbers stand in one column.
  const [, ranking = ''] = /those that sent most first\n.*\n([\s\S]*?)\n\d+ of /.exec(seen.stdout) ?? []
  const campaigns = ranking.split('\n')
  expect(campaigns).toHaveLength(20)
  expect(new Set(campaigns.map((line) => widthOf(line.slice(0, line.search(/[█-▏]/))))).size).toBe(1)
  expect(campaigns.filter((line) => /[春ت]/.test(line)).length).toBeGreaterThan(2)

  const plain = await run(['report'], { cwd })
  expect(plain.stdout).not.toMatch(/[▁-▏]/)
  expect(stripVTControlCharacters(plain.stdout)).toBe(plain.stdout)

  const [first] = document.campaigns
  const one = await run(['report', '--campaign', String(first.campaign_id)], { cwd })
  expect(one.stdout).toMatch(new RegExp(`\\(campaign ${first.campaign_id}[\\s\\S]*Day by day[\\s\\S]*Links`))
  const unknown = await run(['report', '--campaign', 'Sprng 33'], { cwd })
  expect(unknown.stderr).toMatch(/nearest: \d+ \("Spring 3\d"\)/)
  expect(unknown.exitCode).toBe(2)
  const empty = await run(['report', '--from', '01/01/2020', '--to', '2020-01-02'], { cwd })
  expect(empty.stdout).toMatch(/Nothing was sent .* --from 20\d\d-\d\d-\d\d --to 20\d\d-/s)
  expect(empty.exitCode).toBe(0)
  const nowhere = await run(['report', '--html', 'no/such/folder.html'], { cwd })
  expect(nowhere.stderr).toContain('--html: cannot write no/such/folder.html (ENOENT)')
  expect(nowhere.exitCode).toBe(2)
  const inFile = await run(['report', '--html', join(cwd, 'config.json/report.html')], { cwd })
  expect(inFile.stderr).toContain('config.json/report.html (ENOTDIR)')
})

test('bars and sparklines show what is above nothing', () => {
  expect([bar(10, 10, 4), bar(5, 10, 4), bar(1, 1000, 4), bar(0, 10, 4), bar(null, 10, 4)]).toEqual([
    ...['████', '██', '▏', '', ''],
  ])
  expect(sparkline([0, 1, 50, 100], 10)).toBe('▁▂▅█')
  expect(sparkline([1, 1, 2, 2, 0, 0], 3)).toBe('▅█▁')
  expect(sparkline([0, 0], 5)).toBe('▁▁')
})
