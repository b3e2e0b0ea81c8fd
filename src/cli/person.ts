/** `person`: everything that Iterable and the warehouse know of one person. */
import { type Command, Option } from 'commander'
import { ConfigError } from '../errors.ts'
import type { PersonAnswer } from '../index.ts'
import { action, type Context, type Runtime, withExamples } from './command.ts'
import type { Terminal } from './terminal.ts'
import { count, table } from './text.ts'
import { wholeNumber } from './values.ts'

interface PersonOptions {
  readonly email?: string
  readonly userId?: string
  readonly rows: number
  readonly api: boolean
}

export function personCommand(program: Command, runtime: Runtime): void {
  const command = program
    .command('person')
    .description('Read all that Iterable and the warehouse know of one person (a data-subject request).')
    .addOption(new Option('--email <address>', 'the person, by e-mail address').conflicts('userId'))
    .option('--user-id <id>', 'the person, by userId')
    .option('--rows <n>', 'rows of each table at most, the newest first', wholeNumber(1), 1_000)
    .option('--no-api', 'ask only the warehouse')
  withExamples(command, 'person --email jane@example.com --json > jane.json', 'person --user-id u-1 --no-api')
  command.action(action(runtime, runPerson))
}

async function runPerson(
  { open, terminal, signal }: Context,
  { email, userId, rows, api }: PersonOptions,
): Promise<undefined> {
  if (!email?.trim() && !userId?.trim()) {
    throw new ConfigError('name the person with --email or --user-id')
  }
  await using elt = await open()
  const answer = await elt.person({ email, userId, most: rows, asksApi: api, signal })
  terminal.result(answer, () => sayPerson(terminal, answer))
}

function sayPerson(terminal: Terminal, { warehouse, iterable }: PersonAnswer): void {
  const { colors } = terminal
  const { identifiers, forgotten, tables } = warehouse
  for (const [name, values] of Object.entries(identifiers)) {
    if (values.length > 0) terminal.say(`${name}: ${values.join(', ')}`)
  }
  if (forgotten) terminal.say(colors.bold('The person asked Iterable to be forgotten.'))
  terminal.say(`\n${colors.bold('In the warehouse')}`)
  if (tables.length === 0) terminal.say('nothing')
  else {
    terminal.say(
      table(
        ['table', 'rows'],
        tables.map(({ table: name, rows }) => [name, count(rows)]),
        'lr',
      ),
    )
  }
  if (iterable === null) return
  terminal.say(`\n${colors.bold('In Iterable')}`)
  terminal.say(
    iterable.profile === null ? 'no profile' : `a profile of ${Object.keys(iterable.profile).length} members`,
  )
  const types = new Map<string, number>()
  for (const { _type } of iterable.events) types.set(String(_type), (types.get(String(_type)) ?? 0) + 1)
  if (types.size > 0) {
    terminal.say(
      table(
        ['event', 'rows'],
        [...types].map(([type, rows]) => [type, count(rows)]),
        'lr',
      ),
    )
  }
  const messages = [
    ['sent messages', iterable.sent_messages],
    ['messages in the inbox', iterable.in_app_messages],
    ['places with embedded messages', iterable.embedded_messages],
  ] as const
  for (const [what, rows] of messages) if (rows.length > 0) terminal.say(`${count(rows.length)} ${what}`)
  for (const { what, error } of iterable.unread) terminal.warn(`${what} could not be read: ${error}`)
  terminal.say('\n--json prints every row.')
}
