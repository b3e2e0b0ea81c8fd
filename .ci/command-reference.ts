/** docs/commands.md: every command as its `--help` describes it, with its examples as blocks that a test runs. */
import type { Command, Option } from 'commander'
import { examplesOf, type Runtime } from '../src/cli/command.ts'
import { programOf } from '../src/cli/program.ts'

/** Tests that run examples which need a world of their own. */
const tests = new Map([
  ['init', 'in test/cli/init.test.ts'],
  ['demo', 'in test/cli/demo.test.ts'],
  ['completion', 'in test/cli/completion.test.ts'],
  ['copy', 'in test/warehouse/copy.test.ts'],
  ['mcp', 'in test/mcp/server.test.ts'],
  ['maintain', 'in test/warehouse/lake-maintain.test.ts'],
  ['migrate', 'in test/warehouse/postgres-partition-tables.test.ts'],
])

/** The files that some examples read. */
const files = new Map([
  [
    'sql',
    [
      {
        path: 'report.sql',
        language: 'sql',
        text: 'select name, count(*) as members\nfrom iterable.lists join iterable.list_users on id = "listId"\ngroup by name',
      },
    ],
  ],
  ['ui', [{ path: 'password.txt', language: 'text', text: 'correct horse battery staple' }]],
  [
    'import-td',
    [
      {
        path: 'export.dig',
        language: 'yaml',
        text: `timezone: Europe/Berlin
schedule:
  daily>: 06:00:00
+vip:
  td>: vip.sql
  result_connection: iterable
  result_settings:
    action: add
    list_id: 957002`,
      },
      { path: 'vip.sql', language: 'sql', text: 'select email from iterable.users where email is not null' },
      {
        path: 'result.json',
        language: 'json',
        text: '{ "type": "iterable", "action": "add", "list_id": "957002", "skip_on_invalid_records": true }',
      },
    ],
  ],
])

export function commandReference(): string {
  const program = programOf({ stdout: {}, terminal: {} } as Runtime)
  const commands = shown(program)
  return [
    '# Commands',
    '',
    'Generated from the program by `npm run readme`; `iterable-elt COMMAND --help` says the same.',
    '',
    '| command | what it does |',
    '|---|---|',
    ...commands.map(
      (command) => `| [\`${command.name()}\`](#${command.name()}) | ${cell(command.description())} |`,
    ),
    '',
    '## Options of every command',
    '',
    ...optionTable(program.options),
    '',
    '## Exit codes',
    '',
    '| code | what it says |',
    '|---|---|',
    '| 0 | success; rows that were rejected are told, and fail nothing without `--strict` |',
    '| 1 | the run failed |',
    '| 2 | wrong usage or configuration: nothing was done |',
    '| 3 | a brake holds the plan of an export, which waits for approval |',
    '| 130 | interrupted; the next run goes on where this one stopped |',
    '',
    ...commands.flatMap((command) => [
      ...section(command, command.name(), '##'),
      ...shown(command).flatMap((child) => section(child, `${command.name()} ${child.name()}`, '###')),
    ]),
  ].join('\n')
}

function section(command: Command, name: string, heading: string): string[] {
  const options = command.options.filter(({ hidden }) => !hidden)
  const usage = command.usage().replace('[options] ', '').replace('[options]', '').replace('[command] ', '')
  return [
    `${heading} ${name}`,
    '',
    command.description(),
    '',
    ...(usage === '[command]'
      ? []
      : [`\`${`iterable-elt ${name}${options.length > 0 ? ' [options]' : ''} ${usage}`.trimEnd()}\``, '']),
    ...(command.registeredArguments.length > 0
      ? [
          ...command.registeredArguments.map(
            (argument) => `- \`${argument.name()}\`: ${argument.description}`,
          ),
          '',
        ]
      : []),
    ...(options.length > 0 ? [...optionTable(options), ''] : []),
    ...exampleBlock(command, name),
  ]
}

function exampleBlock(command: Command, name: string): string[] {
  const examples = examplesOf(command)
  if (examples.length === 0) return []
  const how = tests.get(name)
  return [
    ...(files.get(name) ?? []).flatMap(({ path, language, text }) => [
      ...[
        `With this in \`${path}\`:`,
        '',
        `<!-- test: file ${path} -->`,
        `\`\`\`${language}`,
        text,
        '```',
        '',
      ],
    ]),
    ...(how ? [`<!-- test: ${how} -->`] : []),
    '```sh',
    ...examples.map((example) => `iterable-elt ${example}`),
    '```',
    '',
  ]
}

/** But for hidden ones, and `help`. */
const shown = (command: Command): Command[] =>
  command
    .createHelp()
    .visibleCommands(command)
    .filter((child) => child.name() !== 'help')

const optionTable = (options: readonly Option[]): string[] => [
  '| option | meaning |',
  '|---|---|',
  ...options.map(
    ({ flags, description, argChoices, defaultValue }) =>
      `| \`${flags.replaceAll('|', '\\|')}\` | ${cell(description)}${argChoices ? `: ${argChoices.map((choice) => `\`${choice}\``).join(', ')}` : ''}${defaultValue === undefined || typeof defaultValue === 'boolean' ? '' : ` (default: \`${defaultValue}\`)`} |`,
  ),
]

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('<', '&lt;')
