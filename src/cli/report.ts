/** `report`: how campaigns did, on the terminal and as one file for a browser. */
import { rename, rm, writeFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { writingTo } from '../folders.ts'
import type { PerformanceReport } from '../index.ts'
import { action, type Context, type Runtime, withExamples } from './command.ts'

interface ReportOptions {
  readonly campaign?: string
  readonly from?: string
  readonly to?: string
  readonly html?: string
}

export function reportCommand(program: Command, runtime: Runtime): void {
  const command = program
    .command('report')
    .description('Show how campaigns did in a range of days, against as many days before; or one in depth.')
    .option(
      '--campaign <id>',
      'one campaign in depth, by its id or name; its whole life unless days are named',
    )
    .option('--from <day>', 'first day (YYYY-MM-DD or MM/DD/YYYY; default: 28 days that end with --to)')
    .option('--to <day>', 'last day, included (default: today, in marts.timezone)')
    .option('--html <file>', 'also write one file with charts, for a browser')
  withExamples(
    command,
    'report',
    'report --from 2026-01-01 --to 2026-01-31 --html january.html',
    'report --campaign 2150080',
  )
  command.action(action<ReportOptions>(runtime, runReport))
}

async function runReport(
  { open, terminal }: Context,
  { campaign, from, to, html }: ReportOptions,
): Promise<undefined> {
  await using elt = await open()
  const report = await elt.report({ campaign, from, to })
  if (html !== undefined) await writeHtml(html, report)
  const { sayReport } = await import('./report-text.ts')
  terminal.result(report, () => sayReport(terminal, report))
  if (html !== undefined) terminal.note(`written: ${html}`)
}

/** Whole or not at all, in place of an earlier one. @throws ConfigError when the file cannot be written. */
async function writeHtml(path: string, report: PerformanceReport): Promise<void> {
  const { reportFile } = await import('../ui/report-file.ts')
  const madeAt = new Date().toISOString().slice(0, 16).replace('T', ' ')
  const text = await reportFile(report, `Made by iterable-elt on ${madeAt} UTC.`)
  const beside = `${path}.${process.pid}.part`
  await writingTo(`--html: cannot write ${path}`, async () => {
    try {
      await writeFile(beside, text)
      await rename(beside, path)
    } catch (error) {
      // Where nothing could be written, nothing can be removed either.
      await rm(beside, { force: true }).catch(() => {})
      throw error
    }
  })
}
