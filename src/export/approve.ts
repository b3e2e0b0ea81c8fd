/** What people say to a run: approve its frozen plan, or cancel it. */
import { ConfigError } from '../errors.ts'
import type { Clock } from '../iterable/clock.ts'
import { type ExportRun, readExportRun, takeLease, updateExportRun } from '../state/exports.ts'
import { endRun, findRun } from '../state/runs.ts'
import { storable } from '../state/sound.ts'
import { migrate } from '../warehouse/migrations.ts'
import type { Session, Warehouse } from '../warehouse/session.ts'
import { giveUp } from './abandon.ts'
import type { Envelope } from './body.ts'
import type { ExportInput } from './context.ts'
import type { Definition } from './definition.ts'
import type { ExportReport } from './progress.ts'
import { lockList, planLifeMs, sendRun } from './run.ts'
import { definitionHash } from './settings.ts'

interface Place {
  readonly warehouse: Warehouse
  readonly clock: Clock
}

/** Finds the export of a run, and gives its work everything that it needs. */
type Finder = (name: string) => Promise<{
  readonly definition: Definition
  readonly send: (work: (input: ExportInput) => Promise<ExportReport>) => Promise<ExportReport>
}>

/**
 * Sends exactly the plan that was held.
 * @throws ConfigError when the run is not held, its plan is older than a day, or the export has changed since.
 */
export async function approveRun(
  { warehouse, clock }: Place,
  runId: string,
  { by = 'unknown', note }: { readonly by?: string; readonly note?: string },
  find: Finder,
): Promise<ExportReport> {
  const run = await warehouse.use(async (session) => {
    await migrate(session)
    return exportRunOf(session, await findRun(session.db, runId))
  })
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
    await using _lock = await lockList(input)
    const now = clock.now()
    const token = await warehouse.use(({ db }) =>
      db.transaction().execute(async (trx) => {
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
          await trx
            .insertInto('approvals')
            .values({
              ...{ run_id: run.run_id, export: run.export, approved_at: now },
              ...{ approved_by: storable(by), note: note === undefined ? null : storable(note) },
            })
            .execute()
        }
        await trx
          .updateTable('runs')
          .set({ state: 'running', finished_at: null, error_code: null, error_text: null })
          .where('run_id', '=', run.run_id)
          .execute()
        return takeLease(trx, run.run_id)
      }),
    )
    input.emit({ type: 'started', runId: run.run_id, export: run.export })
    const brakes = (run.brakes ?? []) as unknown as ExportReport['brakes']
    return await sendRun(input, run.run_id, run.envelope as unknown as Envelope, token, [], brakes)
  })
}

/**
 * Ends a run for good, also one that another process is sending: it stops at its next commit. What Iterable has
 * acknowledged stays.
 */
export async function cancelRun(
  { warehouse, clock }: Place,
  runId: string,
): Promise<{ readonly run_id: string; readonly state: 'cancelled' }> {
  return warehouse.use(async (session) => {
    await migrate(session)
    const found = await findRun(session.db, runId)
    const now = clock.now()
    if (found.state === 'queued') {
      await endRun(session.db, found.run_id, { state: 'cancelled', now })
      return { run_id: found.run_id, state: 'cancelled' }
    }
    const run = await exportRunOf(session, found)
    if (run.phase === 'done') {
      throw new ConfigError(`run ${run.run_id} has ended, so there is nothing to cancel`, { code: 'ended' })
    }
    await session.db
      .transaction()
      .execute((trx) => giveUp(trx, run, { now, why: 'cancelled by a person', isCancel: true }))
    return { run_id: run.run_id, state: 'cancelled' }
  })
}

/** The export's own part of a run. @throws ConfigError `not_an_export` */
async function exportRunOf(
  { db }: Session,
  { run_id, job }: { readonly run_id: string; readonly job: string },
): Promise<ExportRun> {
  const run = await readExportRun(db, run_id)
  if (run) return run
  throw new ConfigError(`run ${run_id} is a run of ${job}; only export runs are approved or cancelled here`, {
    code: 'not_an_export',
  })
}
