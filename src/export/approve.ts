/** What people say to a run: approve its frozen plan, or cancel it. */
import { ConfigError } from '../errors.ts'
import type { Clock } from '../iterable/clock.ts'
import { type ExportRun, readExportRun, reopenExportRun, updateExportRun } from '../state/exports.ts'
import { endRun, findRun } from '../state/runs.ts'
import { storable } from '../state/sound.ts'
import type { Db } from '../state/tables.ts'
import type { Warehouse } from '../warehouse/session.ts'
import { giveUp } from './abandon.ts'
import { planLifeMs } from './begin.ts'
import { type ExportInput, inTransaction } from './context.ts'
import type { StatedDefinition } from './definition/definition.ts'
import { definitionHash } from './definition/settings.ts'
import type { ExportReport } from './progress.ts'
import { lockList, sendRun } from './run.ts'
import type { RequestEnvelope } from './send/body.ts'

interface DecisionContext {
  readonly warehouse: Warehouse
  readonly clock: Clock
}

/** Finds the export of a run, and gives its work everything that it needs. */
type Finder = (name: string) => Promise<{
  readonly definition: StatedDefinition
  readonly send: (work: (input: ExportInput) => Promise<ExportReport>) => Promise<ExportReport>
}>

/**
 * Sends exactly the plan that was held.
 * @throws ConfigError when the run is not held, its plan is older than a day, or the export has changed since.
 */
export async function approveRun(
  { warehouse, clock }: DecisionContext,
  runId: string,
  { by = 'unknown', note }: { readonly by?: string; readonly note?: string },
  find: Finder,
): Promise<ExportReport> {
  const run = await warehouse.use(async ({ db }) => exportRunOf(db, await findRun(db, runId)))
  // Somebody said yes, and the process ended in the middle of it.
  const isApproved = run.phase === 'sending' && run.approved_at !== null
  if (run.phase !== 'held' && !isApproved) {
    throw new ConfigError(`run ${run.run_id} is not held, so there is nothing to approve`, {
      code: 'not_held',
    })
  }
  const again = `run "export ${run.export}" again for a plan of today`
  if (clock.now().getTime() - (run.planned_at ?? run.started_at).getTime() > planLifeMs) {
    throw new ConfigError(`run ${run.run_id} was held more than 24 hours ago; ${again}`, { code: 'expired' })
  }
  const { definition, send } = await find(run.export)
  if (run.definition_hash !== definitionHash(definition.query, definition.settings)) {
    throw new ConfigError(`export "${run.export}" has changed since run ${run.run_id} was held; ${again}`, {
      code: 'changed',
    })
  }
  return send(async (input) => {
    if (input.definition.settings.list_id !== run.list_id) {
      throw new ConfigError(
        `the list of export "${run.export}" was ${run.list_id} when run ${run.run_id} was held, and is another one now; ${again}`,
        { code: 'changed' },
      )
    }
    await using _lock = await lockList(input)
    const now = clock.now()
    const token = await inTransaction(input, async ({ db: trx }) => {
      // Somebody may have been quicker.
      const { phase } = (await readExportRun(trx, run.run_id)) ?? {}
      if (phase !== run.phase)
        throw new ConfigError(`run ${run.run_id} is not held any more`, { code: 'not_held' })
      await updateExportRun(trx, run.run_id, {
        phase: 'sending',
        ...(!isApproved && {
          approved_at: now,
          approved_by: storable(by),
          approval_note: note === undefined ? null : storable(note),
        }),
      })
      if (!isApproved) {
        await recordDecision(trx, run, { by, note, now })
      }
      return (await reopenExportRun(trx, run.run_id)).token
    })
    input.emit({ type: 'started', runId: run.run_id, export: run.export })
    const brakes = (run.brakes ?? []) as unknown as ExportReport['brakes']
    return await sendRun(input, run.run_id, run.envelope as unknown as RequestEnvelope, token, [], brakes)
  })
}

/**
 * Ends a run for good, also one that another process is sending: it stops at its next commit. What Iterable has
 * acknowledged stays. Who says no to a held plan is kept where those are who say yes.
 */
export async function cancelRun(
  { warehouse, clock }: DecisionContext,
  runId: string,
  { by, note }: { readonly by?: string; readonly note?: string } = {},
): Promise<{ readonly run_id: string; readonly state: 'cancelled' }> {
  return warehouse.transaction(async (tx) => {
    const { db } = tx
    const found = await findRun(db, runId)
    const now = clock.now()
    if (found.state === 'queued') {
      await endRun(db, found.run_id, { state: 'cancelled', now })
      return { run_id: found.run_id, state: 'cancelled' }
    }
    const run = await exportRunOf(db, found)
    if (run.phase === 'done') {
      throw new ConfigError(`run ${run.run_id} has ended, so there is nothing to cancel`, { code: 'ended' })
    }
    const why = `cancelled by ${by === undefined ? 'a person' : storable(by)}`
    await giveUp(tx, run, { now, why, isCancel: true })
    if (run.phase === 'held' && by !== undefined) {
      await recordDecision(db, run, { by, note, now, decision: 'cancelled' })
    }
    return { run_id: run.run_id, state: 'cancelled' }
  })
}

interface Decision {
  readonly by: string
  readonly note: string | undefined
  readonly now: Date
  /** Approved without it. */
  readonly decision?: 'cancelled'
}

async function recordDecision(
  db: Db,
  { run_id, export: name }: ExportRun,
  { by, note, now, ...decision }: Decision,
): Promise<void> {
  await db
    .insertInto('approvals')
    .values({
      run_id,
      export: name,
      approved_at: now,
      approved_by: storable(by),
      note: note === undefined ? null : storable(note),
      ...decision,
    })
    .execute()
}

/** The export's own part of a run. @throws ConfigError `not_an_export` */
async function exportRunOf(
  db: Db,
  { run_id, job }: { readonly run_id: string; readonly job: string },
): Promise<ExportRun> {
  const run = await readExportRun(db, run_id)
  if (run) return run
  throw new ConfigError(`run ${run_id} is a run of ${job}; only export runs are approved or cancelled here`, {
    code: 'not_an_export',
  })
}
