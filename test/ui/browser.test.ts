import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import axe from 'axe-core'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Elt, open } from '../../src/index.ts'
import { type Sandbox, startSandbox } from '../../src/sandbox/index.ts'
import { configFor } from '../cli/run.ts'
import { createTestWarehouse, type TestWarehouse } from '../support/warehouse.ts'
import { openBrowser } from './browser.ts'
import { pagesOf, servePage } from './support.ts'

const days = 4
/** One warehouse, one page and one browser for all of them; CI keeps what the browser saw. */
const screenshots = join(import.meta.dirname, '../../.ci/screenshots')
let warehouse: TestWarehouse
let sandbox: Sandbox
let elt: Elt
let ui: Awaited<ReturnType<typeof servePage>>
let browser: Awaited<ReturnType<typeof openBrowser>>
let page: Page
/** The one that nobody is on. */
const listId = 957_006
/** What a browser would tell its console: errors of scripts, and what the policy forbids. */
const complaints: string[] = []
const asked: string[] = []

beforeAll(async () => {
  browser = await openBrowser()
  warehouse = await createTestWarehouse('duckdb')
  const until = new Date(Date.now() - 600_000)
  sandbox = await startSandbox({ until, now: until, days, users: 60, eventsPerDay: 60, rateLimits: false })
  const exports = { directory: join(warehouse.tempDir, 'exports') }
  await mkdir(exports.directory, { recursive: true })
  const { connections, ...config } = configFor(sandbox, warehouse.config, { days, marts: {} })
  const iterable = { ...connections?.iterable, timeouts: { body: '3s' } }
  elt = await open({ ...config, connections: { iterable }, exports } as never)
  ui = await servePage(elt)
  page = await browser.context.newPage()
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text())
  })
  page.on('pageerror', ({ message }) => complaints.push(message))
  page.on('response', async (response) => {
    if (response.status() >= 500) complaints.push(`${response.url()}: ${await response.text()}`)
  })
  page.on('request', (request) => asked.push(request.url()))
  await mkdir(screenshots, { recursive: true })
})
afterAll(async () => {
  await browser?.[Symbol.asyncDispose]()
  await ui?.[Symbol.asyncDispose]()
  await elt?.[Symbol.asyncDispose]()
  await sandbox?.close()
  await warehouse?.[Symbol.asyncDispose]()
})

const mirror = (people: number) =>
  writeFile(
    join(warehouse.tempDir, 'exports/vip.sql'),
    `/*\naction: mirror\nlist_id: ${listId}\n*/\nselect email from iterable.users where email is not null order by email limit ${people}\n`,
  )
const goTo = (path: string) => page.goto(new URL(path, ui.url).href)

test('the overview follows a sync by itself', async () => {
  const following = page.waitForResponse(new URL('/live', ui.url).href)
  await goTo('/')
  expect(await page.textContent('main')).toContain('Nothing has been synced')
  await following
  // What happens from when somebody else is told so is told to the page, too.
  await page.evaluate(`new Promise((resolve) => {
    const other = new EventSource('/live')
    other.addEventListener('ready', () => resolve(other.close()))
  })`)
  // One of them hangs, again and again, until the page was seen to tell of the others.
  sandbox.faults.next({
    fault: 'stall',
    path: '/api/export',
    query: { dataTypeName: 'emailSubscribe' },
    times: Number.POSITIVE_INFINITY,
  })
  const syncing = elt.sync({
    streams: [
      'users',
      'email_open',
      'email_send',
      'email_click',
      'email_bounce',
      'lists',
      'list_users',
      'campaigns',
      'email_complaint',
      'email_unsubscribe',
      'email_send_skip',
      'email_subscribe',
    ],
  })
  await page.locator('main progress').waitFor()
  await page.getByText(/[1-9]\d* of \d+ steps/).waitFor()
  expect(await page.textContent('main')).toContain('At work now')
  sandbox.faults.clear()
  expect((await syncing).state).toBe('succeeded')
  await page.getByText('Nothing runs at the moment').waitFor()
  await page.getByText('Streams fresh').waitFor()
  await page.getByRole('link', { name: 'email_open' }).click()
  await page.locator('figure.chart canvas').waitFor()
})

test('a held mirror is approved in the browser, and the list follows', async () => {
  await mirror(10)
  await elt.export('vip')
  expect(sandbox.data.members(listId).all()).toHaveLength(10)
  await mirror(3)
  const { run_id } = await elt.export('vip')
  await goTo('/')
  await page.getByRole('link', { name: 'look at the plan' }).click()
  await page.getByText('7 people of 10 would be removed').waitFor()
  const stays = sandbox.data.members(listId).all().sort()[0] as string
  expect(await page.textContent('main')).not.toContain(stays)
  await page.screenshot({ path: join(screenshots, 'plan.png') })
  const form = page.locator('form[action$="/approve"]')
  await form.getByLabel('Your name').fill('head of crm')
  await form.getByLabel('Note').fill('they asked for it')
  await form.getByRole('button', { name: 'Approve and send' }).click()
  await page.waitForURL(`**/runs/${run_id}`)
  await expect.poll(() => sandbox.data.members(listId).all().length).toBe(3)
  await page.getByText('approved by head of crm').waitFor()
})

test('a person is found, and the page says why they are on the list', async () => {
  const email = sandbox.data.members(listId).all()[0] as string
  await goTo('/')
  await page.getByRole('link', { name: 'Person' }).click()
  await page.getByLabel('E-mail or userId').fill(email.toUpperCase())
  await page.getByRole('button', { name: 'Find' }).click()
  await page.getByText('Iterable has acknowledged them').waitFor()
  await page.getByRole('heading', { name: 'Profile' }).waitFor()
})

test('campaigns have their last days beside them', async () => {
  await goTo('/marts/campaign_performance')
  await page.locator('svg.spark').first().waitFor()
  await page.getByRole('link', { name: 'human open rate' }).click()
  await page.getByText('human open rate ↓').waitFor()
  await page.locator('svg.spark').first().waitFor()
})

test('a query is asked, and its rows are drawn', async () => {
  await goTo('/query')
  await page
    .getByLabel('One SELECT')
    .fill(
      'select cast("createdAt" as date) as day, count(*) as opens from iterable.email_open group by 1 order by 1',
    )
  const drawn = async () => JSON.parse((await page.locator('figure.chart').getAttribute('data-chart')) ?? '')
  await page.getByRole('button', { name: 'Run', exact: true }).click()
  await page.locator('figure.chart canvas').waitFor()
  expect(await drawn()).toMatchObject({ kind: 'bars' })
  await page.getByLabel('Chart').selectOption('line')
  await page.getByRole('button', { name: 'Run', exact: true }).click()
  await expect.poll(drawn).toMatchObject({ kind: 'line' })
  await page.locator('figure.chart canvas').waitFor()
})

test('a form of another site is refused by the browser and by us', async () => {
  await mirror(1)
  const { run_id, state } = await elt.export('vip')
  expect(state).toBe('held')
  const target = new URL(`/runs/${run_id}/approve`, ui.url).href
  const other = await browser.context.newPage()
  // Another origin, in a browser that has a session here.
  await other.goto(`${sandbox.url}/`)
  await other.setContent(`<form method="post" action="${target}"><button>Win a prize</button></form>`)
  await other.getByRole('button').click()
  await other.getByText('nothing was done').waitFor()
  await other.close()
  expect((await elt.run(run_id)).state).toBe('held')
})

test('every page is accessible, in light and dark, and fits a phone', async () => {
  const [run] = await elt.runs({ limit: 1 })
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme })
    for (const path of pagesOf(run?.run_id ?? '')) {
      await goTo(path)
      // In the dark only the colours are others.
      const rules = colorScheme === 'dark' ? ['color-contrast'] : undefined
      if (colorScheme === 'light') await keepPicture(path)
      expect(await violations(rules), `${path} (${colorScheme})`).toEqual([])
    }
  }
  await page.emulateMedia({ colorScheme: 'light' })
  await page.setViewportSize({ width: 390, height: 844 })
  for (const path of pagesOf(run?.run_id ?? '')) {
    await goTo(path)
    expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth'), path).toBe(true)
  }
  await page.setViewportSize({ width: 1200, height: 900 })
})

/** For whoever wants to see what the tests saw. */
const keepPicture = (path: string) =>
  page.screenshot({
    path: join(screenshots, `${path.replace(/[^a-z0-9]+/gi, '-').replace(/^-|-$/g, '') || 'overview'}.png`),
  })

/** What axe finds, by rule and place. */
async function violations(rules?: readonly string[]): Promise<readonly string[]> {
  await page.evaluate(axe.source)
  return page.evaluate(`axe.run(${JSON.stringify(rules ? { runOnly: rules } : {})}).then(({ violations }) =>
    violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => id + ': ' + html)))`)
}

test('everything can be read without JavaScript', async () => {
  const context = await browser.context.browser()?.newContext({ javaScriptEnabled: false })
  const plain = await context?.newPage()
  await plain?.goto(new URL('/streams/email_open', ui.url).href)
  await plain?.getByText('Figures of').click()
  expect(await plain?.locator('figure.chart table').isVisible()).toBe(true)
  await context?.close()
})

test('a page that is slow to read shows itself, with and without JavaScript', async () => {
  await using slow = await servePage(elt, { patience: { besideMs: 0 } })
  const context = await browser.context.browser()?.newContext({ javaScriptEnabled: false })
  const plain = await context?.newPage()
  for (const [visitor, path] of [
    [await browser.context.newPage(), '/marts/list_growth_daily'],
    [plain, '/marts/campaign_performance'],
  ] as const) {
    await visitor?.goto(new URL(path, slow.url).href)
    await visitor?.getByRole('region').first().waitFor()
    await visitor?.close()
  }
  await context?.close()
})

test('nothing was loaded from anywhere else, and nobody complained', () => {
  expect(asked.filter((url) => !url.startsWith(ui.url))).toEqual([])
  expect(complaints).toEqual([])
})
