/** `status`: how things stand, on one screen. */
import type { Command } from 'commander'
import type { Status, StreamStatus } from '../index.ts'
import { action, type Context, type Runtime, withExamples } from './command.ts'
import { sayRuns } from './runs.ts'
import { saySchedules } from './schedule.ts'
import type { Terminal } from './terminal.ts'
import { age, count, counted, definitions, oneLine } from './text.ts'
import { stateText } from './views.ts'

export function statusCommand(program: Command, runtime: Runtime): void {
  const command = program
    .command('status')
    .description('Show how fresh each stream is, schedules, the latest runs, and rejected rows.')
  withExamples(command, 'status')
  command.action(action(runtime, runStatus))
}

async function runStatus({ open, terminal }: Context): Promise<undefined> {
  await using elt = await open()
  const status = await elt.status()
  terminal.result(status, () => sayStatus(terminal, status, new Date()))
}

function sayStatus(terminal: Terminal, status: Status, now: Date): void {
  const { streams, views, lacking, schedules, channels, workers, at_work, runs, rejects, schema } = status
  const { colors } = terminal
  if (streams.every(({ last_sync, rows }) => last_sync === null && rows === null)) {
    terminal.say(terminal.proposing(`schema ${schema}: never synced; "iterable-elt sync" does it`))
  } else {
    const rows = streams.map((stream) => [
      stream.stream,
      count(stream.rows),
      stream.bookmark_column === null ? '' : age(stream.bookmark, now),
      lastSyncText(stream, now),
    ])
    terminal.sayTable(['stream', 'rows', 'bookmark', 'last sync'], rows, 'lrll')
  }
  if (lacking.length > 0) {
    terminal.say(`\n${colors.bold('Streams that the project lacks, or the key may not read')}`)
    const rows = lacking.map(({ stream, asked_at, answer }) => [stream, age(asked_at, now), oneLine(answer)])
    terminal.sayTable(['stream', 'last asked', 'answer'], rows, 'lll')
  }
  const unmade = views.filter(({ state }) => state !== 'made')
  if (unmade.length > 0) {
    terminal.say(`\n${colors.bold('Views for analysts that are not made')}`)
    terminal.say(
      definitions(
        unmade.map((view) => [view.view, stateText(view)]),
        terminal.width,
      ),
    )
  }
  const partial = views.filter(({ state }) => state === 'made')
  if (partial.length > 0) {
    const streams = [...new Set(partial.flatMap(({ absent_streams }) => absent_streams))].sort()
    terminal.say(
      terminal.proposing(
        `\n${counted(partial.length, 'view')} for analysts made without ${shortList(streams)}, which are not replicated ("iterable-elt views NAME" says what each lacks)`,
      ),
    )
  }
  if (schedules.length > 0) {
    terminal.say(`\n${colors.bold('Schedules')}`)
    saySchedules(terminal, schedules)
    terminal.say(terminal.proposing(workersText(workers, now)))
  }
  for (const { channel, error, answered_at, refusing_since } of channels) {
    if (error === null) continue
    const since = refusing_since === answered_at ? '' : `, the first ${age(refusing_since, now)}`
    terminal.say(
      `\n${colors.red('notifications:')} ${channel} refused a message ${age(answered_at, now)}${since}: ${error}`,
    )
  }
  if (at_work.length > 0) {
    terminal.say(`\n${colors.bold('Syncs at work')}`)
    const rows = at_work.map(({ run_id, started_at, process, streams }) => [
      run_id.slice(0, 8),
      age(started_at, now),
      process ?? '',
      shortList(streams),
    ])
    terminal.sayTable(['run', 'since', 'process', 'streams'], rows, 'llll')
  }
  if (runs.length > 0) {
    terminal.say(`\n${colors.bold('Latest runs')}`)
    sayRuns(terminal, runs)
  }
  if (rejects.length > 0) {
    terminal.say(`\n${colors.bold('Rejected by the last run')}`)
    const rows = rejects.map(({ source, code, rows: rejected, run_id }) => [
      source,
      code,
      count(rejected),
      run_id.slice(0, 8),
    ])
    terminal.sayTable(['source', 'reason', 'rows', 'run'], rows, 'llrl')
  }
}

function workersText(workers: Status['workers'], now: Date): string {
  if (workers.length === 0) return 'no worker is running; "iterable-elt worker" starts one'
  const each = workers.map(({ host, pid, running, concurrency, started_at }) => {
    return `process ${pid} on ${host}, ${running} of ${concurrency} at work, started ${age(started_at, now)}`
  })
  return `${counted(workers.length, 'worker')}: ${each.join('; ')}`
}

function lastSyncText({ last_sync }: StreamStatus, now: Date): string {
  return last_sync === null ? 'never' : `${last_sync.state.replaceAll('_', ' ')}, ${age(last_sync.at, now)}`
}

const namesShown = 4

/** `email_open, email_send and 12 more`. */
function shortList(names: readonly string[]): string {
  const more = names.length - namesShown
  return more > 0 ? `${names.slice(0, namesShown).join(', ')} and ${more} more` : names.join(', ')
}
