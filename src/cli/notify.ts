/** `notify test`: whether notifications arrive. */
import type { Command } from 'commander'
import { ConfigError, exitCodes } from '../errors.ts'
import { action, type Context, type Runtime, withExamples } from './command.ts'

export function notifyCommand(program: Command, runtime: Runtime): void {
  const command = program.command('notify').description('Notifications: by e-mail and webhook.')
  withExamples(command, 'notify test')
  const testing = command
    .command('test')
    .description('Send a test message to each configured channel, and tell what it answers.')
  withExamples(testing, 'notify test')
  testing.action(action<object>(runtime, runTest))
}

async function runTest({ open, terminal }: Context): Promise<number> {
  await using elt = await open()
  const channels = await elt.testNotifications()
  if (channels.length === 0) {
    throw new ConfigError(
      'the configuration has no channel to test; add "email" or "webhook" under "notifications"',
    )
  }
  terminal.result({ channels }, () => {
    const { colors } = terminal
    const width = Math.max(...channels.map(({ channel }) => channel.length))
    for (const { channel, to, error } of channels) {
      const label = error === null ? colors.green('taken  ') : colors.red('refused')
      terminal.say(`${label}  ${channel.padEnd(width)}  ${to}${error === null ? '' : `: ${error}`}`)
    }
  })
  return channels.every(({ ok }) => ok) ? exitCodes.success : exitCodes.failed
}
