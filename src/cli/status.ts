/** `status`: how things stand, on one screen. */
import type { Command } from 'commander'
import type { Status, StreamStatus } from '../index.ts'
import { action, type Context, type Runtime, withExamples } from './command.ts'
import { sayRuns } from './runs.ts'
import { saySchedules } from './schedule.ts'
import type { Terminal } from './terminal.ts'
import { age, count, counted, table } from './text.ts'
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
  const { streams, views, schedules, workers, runs, rejects, schema } = status
  const { colors } = terminal
  if (streams.every(({ last_sync, rows }) => last_sync === null && rows === null)) {
    terminal.say(`schema ${schema}: never synced; "iterable-elt sync" does it`)
  } else {
    const rows = streams.map((stream) => [
      stream.stream,
      count(stream.rows),
      stream.bookmark_column === null ? '' : age(stream.bookmark, now),
      lastSyncText(stream, now),
    ])
    terminal.say(table(['stream', 'rows', 'bookmark', 'last sync'], rows, 'lrll'))
  }
  const unmade = views.filter(({ state }) => state !== 'made')
  if (unmade.length > 0) {
    terminal.say(`\n${colors.bold('Views for analysts that are not made')}`)
    terminal.say(
      table(
        ['view', 'why'],
        unmade.map((view) => [view.view, stateText(view)]),
      ),
    )
  }
  if (schedules.length > 0) {
    terminal.say(`\n${colors.bold('Schedules')}`)
    saySchedules(terminal, schedules)
    terminal.say(workersText(workers, now))
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
    terminal.say(table(['source', 'reason', 'rows', 'run'], rows, 'llrl'))
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
