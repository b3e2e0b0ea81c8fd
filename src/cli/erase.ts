/** `erase`: a person's rows leave the warehouse. */
import { type Command, Option } from 'commander'
import { ConfigError } from '../errors.ts'
import type { Erasure } from '../index.ts'
import { action, type Context, type Runtime, withExamples } from './command.ts'
import type { Terminal } from './terminal.ts'
import { count, table } from './text.ts'

interface EraseOptions {
  readonly email?: string
  readonly userId?: string
  readonly yes?: boolean
}

export function eraseCommand(program: Command, runtime: Runtime): void {
  const command = program
    .command('erase')
    .description(
      'Erase one person from every table of the warehouse, and from its files (the right to be forgotten).',
    )
    .addOption(new Option('--email <address>', 'the person, by e-mail address').conflicts('userId'))
    .option('--user-id <id>', 'the person, by userId')
    .option('--yes', 'erase; without it, the command only shows what would be erased')
  withExamples(command, 'erase --email jane@example.com', 'erase --user-id u-1 --yes')
  command.action(action(runtime, runErase))
}

async function runErase(
  { open, terminal, signal }: Context,
  { email, userId, yes = false }: EraseOptions,
): Promise<undefined> {
  if (!email?.trim() && !userId?.trim()) {
    throw new ConfigError('who is to be erased? Name the person by --email or --user-id')
  }
  await using elt = await open()
  const erasure = await elt.erase({ email, userId, isDryRun: !yes, signal })
  terminal.result(erasure, () => sayErasure(terminal, erasure, yes))
}

function sayErasure(terminal: Terminal, { identifiers, tables, notices }: Erasure, isDone: boolean): void {
  for (const [name, values] of Object.entries(identifiers)) {
    if (values.length > 0) terminal.say(`${name}: ${values.join(', ')}`)
  }
  if (tables.length === 0) terminal.say('the warehouse has no row of the person')
  else {
    terminal.say(
      table(
        ['table', isDone ? 'rows erased' : 'rows'],
        tables.map(({ table: name, rows }) => [name, count(rows)]),
        'lr',
      ),
    )
  }
  for (const notice of notices) terminal.say(notice)
  if (!isDone && tables.length > 0) terminal.say('\nNothing was erased; --yes erases them.')
  terminal.say(
    '\nIterable is another place: forget the person there first (its GDPR forget), or the next sync brings the rows back.',
  )
}
