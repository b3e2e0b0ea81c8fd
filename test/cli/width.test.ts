/** Tables and screens on a terminal of 80 columns. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { printable, table } from '../../src/cli/text.ts'
import { open } from '../../src/index.ts'
import { type Sandbox, startSandbox } from '../../src/sandbox/index.ts'
import { createTestWarehouse, type TestWarehouse } from '../support/warehouse.ts'
import { configFor, run, writeConfig } from './run.ts'

describe('a table', () => {
  const head = ['name', 'text', 'calls']
  const rows = [['email_unsubscribe', 'a long text that nobody needs to the last word', '12']]
  test.each([
    [80, /^name {15}text {44}calls\n.*word {2}12$/],
    [55, /^email_unsubscribe {2}a long text that nobody need… {2}12$/m],
    [40, /^name {15}text\nemail_unsubscribe {2}a long text that nob…$/],
    [20, /^email_uns… {2}a long …$/m],
  ])('of %d columns cuts long texts first, then leaves columns out', (width, form) => {
    const drawn = table(head, rows, '', { width, drop: ['calls'] })
    expect(drawn).toMatch(form)
    for (const line of drawn.split('\n')) expect(line.length).toBeLessThanOrEqual(width)
  })
})

test('nothing from outside steers the terminal', () => {
  const hostile =
    'a\u001b[2J\u001b]52;c;eA==\u0007\u001b[8mb\rc\u009b1md\u007f\0\u001b[31mred\u001b[39m\r\n\tend'
  const plain = 'a␛[2J␛]52;c;eA==␇␛[8mb␍c\ufffd1md␡␀'
  expect(printable(hostile, false)).toBe(`${plain}␛[31mred␛[39m\n\tend`)
  expect(printable(hostile, true)).toBe(`${plain}\u001b[31mred\u001b[39m\n\tend`)
})

describe('on 80 columns', () => {
  let sandbox: Sandbox
  let warehouse: TestWarehouse
  beforeAll(async () => {
    sandbox = await startSandbox({ rateLimits: 'off', users: 20, lists: 2, eventsPerDay: 20, days: 3 })
    warehouse = await createTestWarehouse('duckdb')
    const directory = join(warehouse.tempDir, 'sql/exports')
    await mkdir(directory, { recursive: true })
    const [list] = sandbox.data.lists
    const settings = `/*\naction: mirror\nlist_id: ${list?.id}\nschedule: { cron: "30 6 * * 1", timezone: America/Argentina/Buenos_Aires }\n*/\n`
    await writeFile(
      join(directory, 'people_with_a_long_name.sql'),
      `${settings}select email from iterable.users`,
    )
    await writeFile(
      join(directory, 'broken.sql'),
      `${settings.replace('mirror', 'add')}select emial from iterable.users`,
    )
    const config = configFor(sandbox, warehouse.config, { days: 2, marts: {} })
    const schedule = { cron: '0 * * * *' }
    await writeConfig(warehouse.tempDir, { ...config, sync: { ...config.sync, schedule } })
    const cwd = warehouse.tempDir
    for (const args of [
      ['sync'],
      ['export', 'people_with_a_long_name'],
      ['export', 'broken'],
      ['schedule', 'list'],
    ])
      await run(args, { cwd })
    await using elt = await open({ ...config, exports: { directory } })
    await elt.warehouse.use(async ({ db }) => {
      const late = (minute: number) => new Date(Date.now() + minute * 60_000)
      for (let minute = 1; minute < 7; minute += 1) {
        const skipped = {
          run_id: `skip-${minute}`,
          job: 'sync',
          kind: 'sync',
          trigger: 'schedule',
          state: 'skipped',
        }
        await db
          .insertInto('runs')
          .values({
            ...skipped,
            due_at: late(minute),
            finished_at: late(minute),
            error_text: 'skipped: paused',
          } as never)
          .execute()
      }
      const reject = { run_id: 'skip-1', source: 'stream:email_send', code: 'malformed_line' }
      await db
        .insertInto('rejected_rows')
        .values({
          ...reject,
          reason: 'the line is not JSON: '.repeat(9),
          raw: '{"a":'.repeat(99),
          rejected_at: new Date(),
        } as never)
        .execute()
    })
  })
  afterAll(async () => {
    await warehouse[Symbol.asyncDispose]()
    await sandbox.close()
  })

  test.each([
    ['status'],
    ['streams'],
    ['runs'],
    ['exports'],
    ['rejects'],
    ['schedule list'],
    ['schedule next'],
    ['schedule explain 5,35_9-17_*_*_1-5 --timezone America/Argentina/Buenos_Aires'],
    ['views'],
    ['views campaign_performance'],
    ['sync --dry-run'],
    ['sync lists channels'],
  ])('%s fits', async (command) => {
    const args = command
      .split(' ')
      .map((word) => word.replaceAll('_*', ' *').replace('35_9', '35 9').replace('*_1', '* 1'))
    const { stdout } = await run(args, { cwd: warehouse.tempDir, columns: 80 })
    expect(stdout).not.toBe('')
    const long = stdout
      .split('\n')
      .filter((line) => !isProse(line) && stripVTControlCharacters(line).length > 80)
    expect(long).toEqual([])
  })

  test('status lists real runs in place of ticks that were skipped', async () => {
    const { stdout } = await run(['status'], { cwd: warehouse.tempDir, columns: 80 })
    expect(stdout).toMatch(/Latest runs.*\n.*\n[0-9a-f]{8} {2}/)
    expect(stdout).not.toContain('skipped')
    expect((await run(['runs'], { cwd: warehouse.tempDir })).stdout).toContain('skipped')
  })
})

/** Sentences, which a terminal wraps: only what stands in columns must fit. */
const isProse = (line: string): boolean => !/ {2,}/.test(line.trim())
