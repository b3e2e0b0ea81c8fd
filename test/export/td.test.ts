import { expect, test } from 'vitest'
import { checkDefinition, parseExportFile } from '../../src/export/definition/definition.ts'
import { importTd } from '../../src/export/treasure-data/import.ts'
import { adhocConnection, adhocDefinition, readResult } from '../../src/export/treasure-data/result.ts'
import { exportTest, people } from './support.ts'

const settingsOf = (result: string | object) => adhocDefinition('select 1', readResult(result)).settings

test.each([
  [
    'JSON as documented',
    '{"type":"iterable","api_key":"k","region":"us","action":"remove","list_id":"123","skip_on_invalid_records":true,"channel_unsubscribe":"false"}',
  ],
  ['missing commas', '{"type":"iterable" "action":"remove" "list_id":"123"\n"skip_on_invalid_records":true}'],
  [
    'unquoted keys and comments',
    '{type: Iterable # the type\n action: Remove, list_id: 123, // the list\n skip_invalid_data: "true"}',
  ],
  [
    'single quotes and an equals sign',
    "{'type'='iterable','action'='removed','listId'='123','skip_invalid_data'='True'}",
  ],
  [
    'a misspelled channel_unsubscribe',
    '{"type":"ITERABLE","action":"REMOVE","list_id":123,"channel_unsubcribe":"false","skip_on_invalid_records":"true",}',
  ],
])('result settings are read: %s', (_name, text) => {
  expect(settingsOf(text)).toMatchObject({
    action: 'remove',
    list_id: 123,
    skip_invalid_data: true,
    channel_unsubscribe: false,
  })
})

test('wrong result settings are told without showing the key', () => {
  expect(() => readResult('{"type":"iterable","lst_id":1}')).toThrow(/"lst_id".*did you mean "list_id"/)
  expect(() => readResult('{"type":"mysql"}')).toThrow(/only "iterable"/)
  expect(() => readResult('{"list_id":1,"listId":2}')).toThrow(/twice/)
  expect(() => readResult('{"api_key":"secret-key-1" "action" add}')).toThrow(
    /^(?!.*secret-key).*not a JSON object/s,
  )
  expect(() => settingsOf('{"action":"add"}')).toThrow(/list_id/)
  const result = readResult('{"api_key":"0123456789abcdef","region":"mars","action":"add","list_id":1}')
  expect(() => adhocConnection(result, undefined)).toThrow(/region.*us, eu/)
  expect(() => adhocConnection(readResult('{"action":"add","list_id":1}'), undefined)).toThrow(/--connection/)
})

test('region and base_url belong to the connection', () => {
  const result = readResult(
    '{"api_key":"0123456789abcdef","region":"EU","base_url":"http://127.0.0.1:1/","action":"add","list_id":1}',
  )
  expect(adhocConnection(result, undefined)).toMatchObject({
    region: 'eu',
    base_url: 'http://127.0.0.1:1',
    api_key: '0123456789abcdef',
  })
})

exportTest(
  'an ad-hoc export takes its key from the result or from a connection',
  async ({ elt, sandbox, members, warehouse, listId }) => {
    const result = {
      type: 'iterable',
      api_key: sandbox.keys.server,
      base_url: sandbox.url,
      action: 'Add',
      list_id: String(listId),
    }
    const report = await elt.export({ query: people(3), result })
    expect(report).toMatchObject({ state: 'succeeded', sent: 3 })
    expect(report.export).toMatch(/^adhoc-[0-9a-f]{8}$/)
    const removal = await elt.export({
      query: people(1),
      result: `{"action":"remove","list_id":${listId}}`,
      connection: 'iterable',
    })
    expect(removal).toMatchObject({ state: 'succeeded', sent: 1 })
    expect(members()).toHaveLength(2)
    for (const table of ['runs', 'export_runs', 'batches', 'exports']) {
      const rows = await warehouse.query(`select * from iterable_sync.${table}`)
      expect(JSON.stringify(rows)).not.toContain(sandbox.keys.server)
    }
  },
)

const workflow = `
timezone: Asia/Tokyo
schedule:
  daily>: 07:00:00
_export:
  td:
    database: sample_datasets

# every morning
+export_to_iterable:
  td>: export_iterable.sql
  result_connection: your_connections_name
  result_settings:
    type: iterable        # in any case
    region: us
    action: add
    list_id: 123
    skip_invalid_data: true

+second:
  _parallel: true
  +inner:
    td>:
      data: |
        select email from churned where time < TD_SCHEDULED_TIME();
    engine: hive
    result_connection: other
    result_settings: {type: Iterable, action: Remove, list_id: "9", channel_unsubcribe: "false"}

+no_result:
  td>: count.sql
`

test('a workflow becomes export files that are sound, with a word on every setting', async () => {
  const { exports, report } = await importTd({
    text: workflow,
    fileName: 'export.dig',
    readQuery: async (path) =>
      path === 'export_iterable.sql' ? 'SELECT email, td_url FROM users;\n' : undefined,
  })
  const [first, second] = exports.map(({ name, text }) =>
    checkDefinition(name, parseExportFile(text, `${name}.sql`)),
  )
  expect(exports.map(({ name }) => name)).toEqual(['export_to_iterable', 'inner'])
  expect(first).toMatchObject({
    query: 'SELECT email, td_url FROM users',
    settings: {
      action: 'add',
      list_id: 123,
      skip_invalid_data: true,
      connection: 'your_connections_name',
      schedule: { cron: '0 7 * * *', timezone: 'Asia/Tokyo' },
    },
  })
  expect(second).toMatchObject({
    settings: { action: 'remove', list_id: 9, channel_unsubscribe: false, connection: 'other' },
  })
  const told = report.map(({ task, setting }) => `${task} ${setting}`)
  for (const expected of [
    ...[' schedule.daily>', ' timezone', '+export_to_iterable region', '+export_to_iterable database'],
    ...['+second _parallel', '+second+inner engine', '+second+inner query', '+no_result td>'],
  ]) {
    expect(told).toContain(expected)
  }
})

test('what a workflow exports stands for settings of its tasks and for variables, near ones first', async () => {
  const { exports, report, faults } = await importTd({
    fileName: 'w.dig',
    readQuery: async () => `select email from t where country = \${country} and day = \${session_date}`,
    text: [
      '_export:',
      '  list: 957002',
      '  unused: 1',
      `  loop: "\${loop}"`,
      '  where: { country: "\'DE\'" }',
      `  country: \${where.country}`,
      '  td:',
      '    database: d',
      '    result_connection: far',
      `    result_settings: { type: iterable, action: remove, list_id: "\${list}" }`,
      '+first:',
      '  td>: a.sql',
      '+group:',
      '  _export:',
      '    list: 5',
      `    td: { result_connection: "near_\${list}" }`,
      '  +second:',
      '    td>: a.sql',
      `    result_settings: { action: add, list_id: "\${ list }", skip_invalid_data: "\${loop}" }`,
    ].join('\n'),
  })
  const [first, second] = exports.map(({ name, text }) => [name, parseExportFile(text, name)] as const)
  expect(first).toMatchObject([
    'first',
    {
      query: `select email from t where country = 'DE' and day = \${session_date}`,
      settings: { action: 'remove', list_id: '957002', connection: 'far' },
    },
  ])
  expect(second).toMatchObject([
    'second',
    { settings: { action: 'add', list_id: '5', connection: 'near_5', skip_invalid_data: `\${loop}` } },
  ])
  const of = (setting: string) =>
    report.filter((note) => note.setting === setting).map(({ became }) => became)
  expect(of('_export.list')).toEqual(Array(2).fill(`put in where \${list} stands`))
  expect(of('_export.unused')).toEqual([expect.stringMatching(/^ignored/)])
  expect(of('query')).toEqual(Array(2).fill(expect.stringMatching(/^kept: replace it/)))
  // What goes round in a circle is no value of a setting.
  expect(faults).toBe(1)
})

test.each([
  ['hourly>: 30:00', '30 * * * *'],
  ['weekly>: Sun,09:05:00', '5 9 * * 0'],
  ['monthly>: 1,09:00:00', '0 9 1 * *'],
  ['minutes_interval>: 15', '*/15 * * * *'],
  ['cron>: 42 4 1 * *', '42 4 1 * *'],
])('the schedule %s becomes %s', async (line, cron) => {
  const text = `schedule:\n  ${line}\n+a:\n  td>: a.sql\n  result_connection: c\n  result_settings: {action: add, list_id: 1}\n`
  const { exports } = await importTd({ text, fileName: 'a.dig', readQuery: async () => 'select 1 as email' })
  const { settings } = checkDefinition('a', parseExportFile(exports[0]?.text ?? '', 'a.sql'))
  expect(settings.schedule).toMatchObject({ cron, dialect: 'standard', timezone: 'UTC' })
})

test('an import says where the nominal time is not the session time of digdag', async () => {
  const text =
    'timezone: Asia/Tokyo\nschedule:\n  daily>: 07:00:00\n+a:\n  td>: a.sql\n  result_connection: c\n  result_settings: {action: add, list_id: 1}\n'
  const { report } = await importTd({ text, fileName: 'a.dig', readQuery: async () => 'select 1 as email' })
  const notes = report.filter(({ setting }) => setting === 'schedule.daily>').map(({ became }) => became)
  expect(notes[0]).toBe('schedule: 0 7 * * *')
  expect(notes[1]).toContain(`date_trunc('day', $nominal_time at time zone 'Asia/Tokyo')`)
})

test('result settings alone become a file that waits for its query, without the key', async () => {
  const text = '{type: Iterable, api_key: 0123456789abcdef, region: eu, action: add, list_id: 5}'
  const { exports, report } = await importTd({
    text,
    fileName: 'my result.json',
    readQuery: async () => undefined,
  })
  expect(exports[0]?.name).toBe('my_result')
  expect(exports[0]?.text).toContain('goes here')
  expect(JSON.stringify([exports, report])).not.toContain('0123456789abcdef')
})

test('every setting of every task is told, also when some are refused', async () => {
  const { exports, report, faults } = await importTd({
    fileName: 'w.dig',
    readQuery: async () => 'select email from t',
    text: [
      '+first:',
      '  td>: a.sql',
      '  result_settings: { type: iterable, action: add, list_id: 1, colour: red, campaign_id: 7 }',
      '+second:',
      '  td>: b.sql',
      '  result_settings: { action: remove, list_id: many }',
      '+third:',
      '  td>: c.sql',
      '  result_settings: "no object"',
      '+fourth:',
      '  td>: d.sql',
      '  result_settings: { action: add, list_id: 4 }',
    ].join('\n'),
  })
  expect(exports.map(({ name }) => name)).toEqual(['first', 'second', 'third', 'fourth'])
  const of = (task: string) => report.filter((note) => note.task === task).map(({ became }) => became)
  expect(of('+first')).toEqual(
    expect.arrayContaining([
      expect.stringMatching(/^refused: unknown setting "colour"/),
      expect.stringMatching(/^refused: .*campaign_id is for action: remove/),
      'list_id of the export',
    ]),
  )
  expect(of('+second')).toContainEqual(expect.stringMatching(/^refused: .*list_id/))
  expect(of('+third')).toContainEqual(expect.stringMatching(/^refused: .*JSON object/))
  expect(of('+fourth').filter((became) => became.startsWith('refused'))).toEqual([])
  expect(faults).toBe(report.filter(({ became }) => became.startsWith('refused')).length)
})

test('variables that name each other many times over are taken over in no time', async () => {
  const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i']
  const text = [
    '_export:',
    ...names.map((name, at) => `  ${name}: '${`\${${names[at + 1] ?? 'x'}}`.repeat(20)}'`),
    '+task:',
    '  td>: a.sql',
    '  result_connection: c',
    '  result_settings: { action: add, list_id: 1 }',
  ].join('\n')
  const { exports } = await importTd({
    text,
    fileName: 'w.dig',
    readQuery: async () => `select '\${a}' as email`,
  })
  expect(exports[0]?.text.length).toBeLessThan(2_000_000)
})
