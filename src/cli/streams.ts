/** `streams`: the catalogue. */
import type { Command } from 'commander'
import { action, type Context, type Runtime, withExamples } from './command.ts'
import { count, time } from './text.ts'

export function streamsCommand(program: Command, runtime: Runtime): void {
  const command = program
    .command('streams')
    .description('List the streams: table, replication, keys, bookmark, rows, last sync.')
  withExamples(command, 'streams')
  command.action(action(runtime, runStreams))
}

async function runStreams({ open, terminal }: Context): Promise<undefined> {
  await using elt = await open()
  const streams = await elt.streams()
  terminal.result({ streams }, () => {
    const rows = streams.map((stream) => [
      `${stream.table}${stream.selected ? '' : ' (not selected)'}`,
      stream.replication,
      stream.primary_key.join(', ') || '–',
      stream.bookmark_column ?? '–',
      time(stream.bookmark),
      count(stream.rows),
      stream.last_sync ? `${time(stream.last_sync.at)} ${stream.last_sync.state}` : 'never synced',
    ])
    const head = ['table', 'replication', 'primary key', 'bookmark column', 'bookmark', 'rows', 'last sync']
    terminal.sayTable(head, rows, 'lllllrl', ['primary key', 'replication', 'bookmark'])
  })
}
