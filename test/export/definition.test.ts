import { readdir } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { checkDefinition, parseExportFile } from '../../src/export/definition/definition.ts'
import { exportTest, people } from './support.ts'

const faultsOf = (text: string) => () => checkDefinition('vip', parseExportFile(text, 'exports/vip.sql'))

test('the example of the documentation is read with its defaults', () => {
  const { settings, query } = checkDefinition(
    'vip',
    parseExportFile(
      `/*
action: Add                   # in any case
list_id: "769207"
skip_invalid_data: "true"
schedule: { cron: "*/15 6 * * *", timezone: Europe/Berlin, delay: 10m }
notify: { email: ["crm@example.com"], on: [failure] }
*/
select 1 as email`,
      'vip.sql',
    ),
    { webhooks: {}, allowed_recipients: ['example.com'] },
  )
  expect(query).toBe('select 1 as email')
  expect(settings).toMatchObject({
    action: 'add',
    list_id: 769_207,
    skip_invalid_data: true,
    nulls: 'omit',
    on_duplicate: 'identical_ok',
    identifier: 'auto',
    columns: 'all',
    send: 'all',
    baseline: 'send',
    channel_unsubscribe: false,
    schedule: { cron: '*/15 6 * * *', timezone: 'Europe/Berlin', delay: 600_000, dialect: 'treasuredata' },
    notify: { email: ['crm@example.com'], on: ['failure'] },
  })
})

test('every fault is told with its line and column, unknown settings with the nearest known one', () => {
  const text =
    '/*\naction: ad\nlist_id: -1\nskip_invalid_dta: true\nschedule: { corn: "* * * * *", cron: "" }\n*/\nselect 1'
  expect(faultsOf(text)).toThrow(/4 faults/)
  expect(faultsOf(text)).toThrow(/exports\/vip\.sql:2:1: action: .*"add".*"ad"/)
  expect(faultsOf(text)).toThrow(/exports\/vip\.sql:3:1: list_id: .*at least 1/)
  expect(faultsOf(text)).toThrow(
    /exports\/vip\.sql:4:1: unknown setting "skip_invalid_dta"; did you mean "skip_invalid_data"\?/,
  )
  expect(faultsOf(text)).toThrow(
    /exports\/vip\.sql:5:13: unknown setting "schedule\.corn"; did you mean "cron"\?/,
  )
})

test('a file without settings, with broken YAML or without a query says so', () => {
  expect(faultsOf('select 1')).toThrow(/vip\.sql:1:1: begin the file with its settings/)
  expect(faultsOf('/*\naction: [add\n*/ select 1')).toThrow(/vip\.sql:\d+:\d+: /)
  expect(faultsOf('/* action: add\nlist_id: 1 */')).toThrow(/no query/)
  expect(faultsOf('/*\naction: add\nlist_id: 1\ncampaign_id: 3\n*/ select 1')).toThrow(
    /:4:1: campaign_id is for action: remove/,
  )
})

test('two names of one setting must not say two things', () => {
  const both = (one: string, other: string) =>
    `/*\naction: add\nlist_id: 1\nskip_invalid_data: ${one}\nskip_on_invalid_records: ${other}\n*/ select 1`
  expect(faultsOf(both('false', '"true"'))).toThrow(/:5:1: skip_on_invalid_records .* says otherwise/)
  expect(faultsOf(both('true', 'false'))).toThrow(/:5:1: skip_on_invalid_records .* says otherwise/)
  expect(faultsOf(both('"True"', 'true'))).not.toThrow()
})

test('brakes are written as a word, a number or both', () => {
  const text =
    '/*\naction: mirror\nlist_id: 1\nbrakes: { removals: 30, row_drop: off, additions: { factor: 3, verdict: fail }, empty_result: warn }\n*/ select 1'
  expect(checkDefinition('vip', parseExportFile(text, 'f')).settings.brakes).toMatchObject({
    removals: { percent: 30, verdict: 'hold' },
    row_drop: { verdict: 'off' },
    additions: { factor: 3, verdict: 'fail' },
    empty_result: 'warn',
  })
})

exportTest(
  'files and rows are one catalogue, and a broken one stops nobody',
  async ({ elt, save, run, warehouse }) => {
    await save('good', { action: 'add' }, people(1))
    await save('broken', 'action: nonsense', 'select 1')
    await run(`insert into iterable_sync.exports (name, query, settings) values
    ('analyst', 'select ''p1@example.com'' as email', '{"action":"ADD","list_id":5001}'),
    ('wrong', 'select 1', '{"actoin":"add"}')`)
    const exports = await elt.exports()
    expect(exports.map(({ name, defined_in, error }) => [name, defined_in, error === null])).toEqual([
      ['analyst', 'sql', true],
      ['broken', 'file', false],
      ['good', 'file', true],
      ['wrong', 'sql', false],
    ])
    expect(exports[1]?.error).toContain('exports/broken.sql:2:1')
    expect(exports[3]?.error).toContain('did you mean "action"')
    expect(await elt.export('analyst')).toMatchObject({ state: 'succeeded', sent: 1 })
    expect(await elt.export('good')).toMatchObject({ state: 'succeeded' })
    await expect(elt.export('broken')).rejects.toMatchObject({ code: 'broken_export', exitCode: 2 })
    await expect(elt.export('goood')).rejects.toThrow(/did you mean "good"/)
    const rows = await warehouse.query(
      'select name, defined_in, error_text from iterable_sync.exports order by name',
    )
    expect(rows[3]).toMatchObject({ name: 'wrong', error_text: expect.stringContaining('actoin') })
    expect((await elt.exports())[2]?.last_run).toMatchObject({ state: 'succeeded', sent: 1 })
  },
)

exportTest(
  'a file that vanishes takes its row along, one of an analyst is never overwritten',
  async ({ elt, save, run, warehouse }) => {
    const { rm } = await import('node:fs/promises')
    await save('gone', { action: 'add' }, people(1))
    await elt.exports()
    await rm(`${elt.config.exports.directory}/gone.sql`)
    expect(await elt.exports()).toEqual([])
    await run(
      `insert into iterable_sync.exports (name, query, settings) values ('twice', 'select 1', '{"action":"add","list_id":1}')`,
    )
    await save('twice', { action: 'add' }, people(1))
    expect((await elt.exports())[0]?.error).toContain('defined twice')
    expect(await warehouse.query("select query from iterable_sync.exports where name = 'twice'")).toEqual([
      { query: 'select 1' },
    ])
  },
)

exportTest('two mirrors of one list are refused', async ({ elt, save }) => {
  await save('one', { action: 'mirror' }, people(1))
  await save('two', { action: 'mirror' }, people(1))
  await save('three', { action: 'add' }, people(1))
  await expect(elt.export('one')).rejects.toMatchObject({
    code: 'two_mirrors',
    message: expect.stringContaining('"two"'),
  })
  expect(await elt.export('three')).toMatchObject({ state: 'succeeded' })
})

test('the examples in sql/exports are sound', async () => {
  const { readFile } = await import('node:fs/promises')
  const files = (await readdir('sql/exports')).filter((name) => name.endsWith('.sql'))
  expect(files.length).toBeGreaterThan(2)
  for (const file of files) {
    const definition = checkDefinition(
      file.replace('.sql', ''),
      parseExportFile(await readFile(`sql/exports/${file}`, 'utf8'), file),
    )
    expect(definition.settings.list_id).toBeGreaterThan(0)
  }
})
