/**
 * A program of its own that syncs: what a test kills, or runs beside another. Started with a job as JSON argument, it
 * says `ready` when everything is loaded, waits for a line on standard input, and prints events and the report as
 * lines of JSON.
 */
import { once } from 'node:events'
import { allowSweeps } from '../../src/engine/sweep.ts'
import { type ConfigInput, open, type SyncEvent, type SyncReport, UserError } from '../../src/index.ts'
import { systemClock } from '../../src/iterable/clock.ts'
import { type Death, dieAt } from './death.ts'

export interface SyncJob {
  readonly config: ConfigInput
  /** Where the clock stands still. */
  readonly now: string
  /** The step at which it dies. */
  readonly death?: Death | undefined
}

export type SyncLine =
  | { readonly type: 'ready' }
  | { readonly type: 'report'; readonly report: SyncReport }
  | { readonly type: 'error'; readonly code: string; readonly message: string }
  | SyncEvent

const job = JSON.parse(process.argv[2] ?? '') as SyncJob
const say = (line: SyncLine) => process.stdout.write(`${JSON.stringify(line)}\n`)

allowSweeps()
if (job.death) dieAt(job.death)
say({ type: 'ready' })
await once(process.stdin, 'data')
process.stdin.unref()
try {
  const clock: typeof systemClock = {
    now: () => new Date(job.now),
    sleep: (delayMs, signal) => systemClock.sleep(Math.min(delayMs, 10), signal),
  }
  await using elt = await open(job.config, { clock })
  say({ type: 'report', report: await elt.sync({ onProgress: say }) })
} catch (error) {
  say({
    type: 'error',
    code: error instanceof UserError ? error.code : 'unexpected',
    message: error instanceof Error ? error.message : String(error),
  })
  process.exitCode = 1
}
