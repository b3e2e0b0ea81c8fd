/** A real browser for the tests of the operations page. */
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BrowserContext, chromium } from 'playwright-core'

/** @throws Error where there is none: pages that no browser has seen are not tested. */
function browserPath(): string {
  const places = [
    process.env.CHROME_PATH,
    '/usr/bin/chromium',
    '/usr/bin/chromium-browser',
    '/usr/bin/google-chrome',
  ]
  const found = places.find((path) => path !== undefined && existsSync(path))
  if (found) return found
  throw new Error(
    'the operations page is tested in a real browser, and there is none: install Chromium (Debian: apt-get install -y chromium), or name one in CHROME_PATH',
  )
}

/** Opens a browser that asks nobody for anything, with a profile of its own. */
export async function openBrowser(): Promise<AsyncDisposable & { readonly context: BrowserContext }> {
  const profile = await mkdtemp(join(tmpdir(), 'elt-browser-'))
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: browserPath(),
    headless: true,
    viewport: { width: 1200, height: 900 },
    args: [
      ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
      ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
    ],
  })
  // A machine under load takes its time.
  context.setDefaultTimeout(120_000)
  return {
    context,
    async [Symbol.asyncDispose]() {
      await context.close()
      await rm(profile, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}
