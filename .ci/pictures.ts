/**
 * The pictures of the documentation, taken of a real demo: a terminal, and pages in a browser. `npx tsx .ci/pictures.ts`
 * writes docs/images anew; `script` (util-linux) and Chromium have to be there.
 */
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import xterm from '@xterm/headless'
import type { BrowserContext } from 'playwright-core'
import { openBrowser } from '../test/ui/browser.ts'

const root = join(import.meta.dirname, '..')
const images = join(root, 'docs/images')
const columns = 112
/** xterm's first eight colours, for a dark ground. */
const palette = ['#3b4048', '#e06c75', '#98c379', '#e5c07b', '#61afef', '#c678dd', '#56b6c2', '#d7dae0']

const folder = await mkdtemp(join(tmpdir(), 'elt-pictures-'))
const program = `${process.execPath} ${join(root, 'dist/cli/main.js')}`
const demo = spawn(
  'script',
  ['-qfec', `stty cols ${columns} rows 50; exec ${program} demo --ui`, '/dev/null'],
  {
    cwd: folder,
    env: { ...process.env, TERM: 'xterm-256color', LC_ALL: 'C.UTF-8', USER: 'crm' },
  },
)
try {
  const terminal = new xterm.Terminal({ cols: columns, rows: 50, scrollback: 5_000, allowProposedApi: true })
  let printed = ''
  demo.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed += text
    terminal.write(text)
  })
  while (!printed.includes('until Ctrl-C')) await delay(200)
  await using browser = await openBrowser()
  await takeTerminal(browser.context, linesOf(terminal))
  const url = /page is at (http:\/\/[\d.:]+\/)/.exec(printed)?.[1] ?? ''
  await takePage(browser.context, url, 'overview', 740)
  await takePage(browser.context, await planAt(url), 'plan', 760)
  await takePage(
    browser.context,
    new URL('/marts/campaign_performance', url).href,
    'campaigns',
    620,
    'human open rate',
  )
} finally {
  demo.kill('SIGINT')
  await delay(1_000)
  await rm(folder, { recursive: true, force: true })
}

interface Line {
  readonly text: string
  readonly html: string
}

/** What stands in the terminal, with its colours. */
function linesOf({ buffer: { active } }: xterm.Terminal): Line[] {
  return Array.from({ length: active.length }, (_, y) => {
    const line = active.getLine(y)
    const text = line?.translateToString(true) ?? ''
    let html = ''
    for (let x = 0; line && x < columns; x += 1) {
      const cell = line.getCell(x)
      if (!cell || cell.getWidth() === 0) continue
      const chars = (cell.getChars() || ' ').replaceAll('&', '&amp;').replaceAll('<', '&lt;')
      const style = `${cell.isBold() ? 'font-weight:bold;color:#fff;' : ''}${cell.isDim() ? 'opacity:.6;' : ''}${cell.isFgPalette() ? `color:${palette[cell.getFgColor() % 8]};` : ''}`
      html += style ? `<span style="${style}">${chars}</span>` : chars
    }
    return { text, html: html.trimEnd() }
  })
}

/** The sync, a question and a mirror; what lies between is left out. */
async function takeTerminal(context: BrowserContext, lines: readonly Line[]): Promise<void> {
  const at = (start: string, from = 0) =>
    lines.findIndex(({ text }, index) => index >= from && text.startsWith(start))
  const part = (from: number, to: number) => lines.slice(from, to).map(({ html }) => html)
  const summary = lines.findIndex(({ text }) => /^\d+ streams, [\d,]+ rows written/.test(text))
  const question = at('3. Two questions')
  const mirror = at('7. The mirror follows')
  const html = [
    ...[`<b style="color:#fff">$ npm run demo</b>`, ''],
    ...[...part(at('1. Sync'), at('1. Sync') + 1), ...part(summary - 5, summary + 1), ''],
    ...[...part(question, at('5 rows', question)), ''],
    ...part(mirror, at('8. What to try')),
  ]
  const page = await context.newPage()
  await page.setViewportSize({ width: 960, height: 400 })
  await page.setContent(
    `<body style="margin:0;background:#21252b"><pre style="margin:0;padding:18px 22px;color:#abb2bf;font:13px/1.35 'DejaVu Sans Mono',monospace">${html.join('\n').trimEnd()}</pre></body>`,
  )
  await page.screenshot({ path: join(images, 'terminal.png'), fullPage: true })
  await page.close()
}

/** The address of the plan that waits for approval; at first the page may know of none. */
async function planAt(url: string): Promise<string> {
  for (;;) {
    const path = /\/runs\/[\w-]+\/plan/.exec(await (await fetch(url)).text())?.[0]
    if (path) return new URL(path, url).href
    await delay(200)
  }
}

async function takePage(
  context: BrowserContext,
  url: string,
  name: string,
  height: number,
  sortBy?: string,
): Promise<void> {
  const page = await context.newPage()
  await page.setViewportSize({ width: 1200, height })
  await page.goto(url)
  if (sortBy) await page.getByRole('link', { name: sortBy }).click()
  await page.waitForTimeout(1_500)
  await page.screenshot({ path: join(images, `${name}.png`) })
  await page.close()
}
