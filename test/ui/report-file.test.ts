/** The file of `report --html` in a real browser. */
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import axe from 'axe-core'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Sandbox, startSandbox } from '../../src/sandbox/index.ts'
import { configFor, run, runJson, writeConfig } from '../cli/run.ts'
import { createTestWarehouse, type TestWarehouse } from '../support/warehouse.ts'
import { openBrowser } from './browser.ts'

const screenshots = join(import.meta.dirname, '../../.ci/screenshots')
const hostile = '</script><script>document.title="taken"</script><img src=x onerror="document.title=1">'
let warehouse: TestWarehouse
let sandbox: Sandbox
let browser: Awaited<ReturnType<typeof openBrowser>>
let page: Page
const complaints: string[] = []
const asked: string[] = []
const files = ['all.html', 'one.html']

beforeAll(async () => {
  browser = await openBrowser()
  warehouse = await createTestWarehouse('duckdb')
  const until = new Date(Date.now() - 600_000)
  sandbox = await startSandbox({
    until,
    now: until,
    days: 4,
    users: 40,
    eventsPerDay: 200,
    rateLimits: false,
  })
  for (const [index, campaign] of sandbox.data.campaigns.entries()) campaign.name = `${hostile} ${index}`
  for (const template of sandbox.data.templates) template.name = hostile
  // Every message is clicked: whichever campaign is looked at has this link.
  for (const send of sandbox.truth.events('emailSend').slice(0, 300)) {
    const { email, userId, itblUserId, campaignId, messageId, createdAt } = send
    const click = { email, userId, itblUserId, campaignId, messageId, createdAt }
    sandbox.data.events('emailClick').push({ ...click, url: `javascript:alert('${hostile}')` })
  }
  const cwd = warehouse.tempDir
  const config = configFor(sandbox, warehouse.config, { days: 5, marts: {} })
  await writeConfig(cwd, { ...config, sync: { ...config.sync, complete_dimensions: true } } as typeof config)
  await runJson(['sync', 'campaigns', 'templates', 'email', 'purchase'], { cwd })
  const { document } = await runJson(['report', '--html', join(cwd, 'all.html')], { cwd })
  const campaign = String(document.campaigns[0].campaign_id)
  const one = await run(['report', '--campaign', campaign, '--html', join(cwd, 'one.html')], { cwd })
  expect({ exitCode: one.exitCode, stderr: one.stderr }).toMatchObject({ exitCode: 0 })
  page = await browser.context.newPage()
  page.on('console', (message) => complaints.push(message.text()))
  page.on('pageerror', ({ message }) => complaints.push(message))
  page.on('request', (request) => asked.push(request.url()))
  await mkdir(screenshots, { recursive: true })
})
afterAll(async () => {
  await browser?.[Symbol.asyncDispose]()
  await sandbox?.close()
  await warehouse?.[Symbol.asyncDispose]()
})

const urlOf = (file: string) => pathToFileURL(join(warehouse.tempDir, file)).href

test('charts are drawn, names are text, nothing is asked for and nobody complains', async () => {
  for (const file of files) {
    await page.goto(urlOf(file))
    await page.locator('figure.chart canvas').first().waitFor()
    expect(await page.locator('main').textContent()).toContain(hostile)
    expect(await page.title()).not.toMatch(/^(taken|1)$/)
    expect(await page.locator('main script, main img, main a').count()).toBe(0)
  }
  await page.goto(urlOf('all.html'))
  expect(await page.locator('svg.spark').count()).toBeGreaterThan(2)
  await page.screenshot({ path: join(screenshots, 'report.png'), fullPage: true })
  expect([...new Set(asked)].sort()).toEqual(files.map(urlOf))
  expect(complaints).toEqual([])
})

test('the policy lets no other script run', async () => {
  const text = await readFile(join(warehouse.tempDir, 'all.html'), 'utf8')
  expect(text).toMatch(/Content-Security-Policy" content="default-src 'none'; [^"]*script-src 'sha256-/)
  expect(text).not.toContain('unsafe')
  await page.setContent(text.replace('</main>', '<script>document.title = "ran"</script></main>'))
  expect(await page.title()).not.toBe('ran')
  await expect.poll(() => complaints.join()).toContain('Content Security Policy')
})

test('it is accessible, in light and dark, and fits a phone', async () => {
  for (const file of files) {
    await page.setViewportSize({ width: 1200, height: 900 })
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme })
      await page.goto(urlOf(file))
      expect(await violations(), `${file} (${colorScheme})`).toEqual([])
    }
    await page.setViewportSize({ width: 390, height: 844 })
    await page.goto(urlOf(file))
    expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth'), file).toBe(true)
  }
})

/** What axe finds, by rule and place. The policy keeps axe out of the page, so it comes in by the browser's own door. */
async function violations(): Promise<readonly string[]> {
  await page.evaluate(axe.source)
  return page.evaluate(`axe.run().then(({ violations }) =>
    violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => id + ': ' + html)))`)
}

test('the tables are there without JavaScript', async () => {
  const context = await browser.context.browser()?.newContext({ javaScriptEnabled: false })
  const plain = await context?.newPage()
  await plain?.goto(urlOf('all.html'))
  await plain?.getByText('Figures of “Messages by day”').click()
  expect(await plain?.locator('figure.chart table').first().isVisible()).toBe(true)
  expect(await plain?.getByRole('region', { name: 'Campaigns' }).isVisible()).toBe(true)
  await context?.close()
})
