/** The first session of a run: what earlier runs left is cleared away; then one of them is gone on with, or this one begins. */
import type { Transaction } from 'kysely'
import {
  beginExportRun,
  type ExportRun,
  readEarlierRuns,
  readJobTimes,
  reopenExportRun,
} from '../state/exports.ts'
import type { Db, StateDatabase } from '../state/tables.ts'
import type { Tx, Warehouse } from '../warehouse/session.ts'
import { giveUp } from './abandon.ts'
import { type ExportInput, inTransaction } from './context.ts'
import type { Definition } from './definition/definition.ts'
import { definitionHash, isTracked, mappingHash } from './definition/settings.ts'
import { needsBaseline } from './plan/adopt.ts'
import { asksForEarlierRuns, type QueryTimes } from './rows/query.ts'
import { removeStage } from './rows/stage.ts'
import { envelopeOf } from './send/body.ts'

/** A plan that waits longer describes a world that is gone. */
export const planLifeMs = 24 * 3_600_000

/** A run that was interrupted in the middle of sending, and is ours now. */
export interface Reopened {
  readonly run: ExportRun
  readonly token: number
  /** The time that its schedule had named. */
  readonly nominalAt: Date | null
}

export interface BegunExport {
  readonly token: number
  readonly now: Date
  readonly times: QueryTimes
  /** The latest runs that succeeded, newest first. */
  readonly good: readonly ExportRun[]
  /** The run is to take over who is on the list already. */
  readonly needsBaseline: boolean
}

/** @throws ConfigError where the export may not run. */
export async function openRun(input: ExportInput): Promise<Reopened | BegunExport> {
  const { runId, definition, clock, emit, warehouse } = input
  const now = clock.now()
  const { refusal, left, begun } = await inTransaction(
    input,
    async (tx) => {
      const { db } = tx
      const refused = await input.admit?.(db)
      if (refused) return { refusal: refused, left: [], begun: undefined }
      const { open, before, left, good } = await lookBack(tx, input, now)
      if (open) return { refusal: undefined, left, begun: await reopen(db, open) }
      const times = await queryTimes(db, input, now)
      const { name, query, settings } = definition
      const token = await beginExportRun(db, {
        runId,
        name,
        action: settings.action,
        listId: settings.list_id,
        trigger: input.trigger,
        isQueued: input.isQueued,
        now,
        definitionHash: definitionHash(query, settings),
        mappingHash: mappingHash(settings),
        envelope: envelopeOf(settings),
        nominalAt: input.nominalAt ?? null,
        before,
      })
      const isFirst = await needsBaseline(db, definition)
      return { refusal: undefined, left, begun: { token, now, times, good, needsBaseline: isFirst } }
    },
    { signal: input.signal },
  )
  if (!begun) throw refusal
  await clearAway(left, warehouse, emit)
  return begun
}

/** The run that was interrupted while it sent, where there is one; a held plan is left as it is. */
export async function openInterrupted(input: ExportInput): Promise<Reopened | undefined> {
  const { clock, emit, warehouse } = input
  const { left, reopened } = await inTransaction(input, async (tx) => {
    const { open, left } = await lookBack(tx, input, clock.now(), ({ phase }) => phase !== 'held')
    return { left, reopened: open && (await reopen(tx.db, open)) }
  })
  await clearAway(left, warehouse, emit)
  return reopened
}

const reopen = async (db: Db, run: ExportRun): Promise<Reopened> => {
  const { token, nominalAt } = await reopenExportRun(db, run.run_id)
  return { run, token, nominalAt }
}

/** The same look at the export for a plan that is only looked at: nothing is begun, nothing cleared away. */
export async function beginPlan(
  input: ExportInput,
): Promise<Pick<BegunExport, 'now' | 'times' | 'good' | 'needsBaseline'>> {
  const now = input.clock.now()
  const { refusal, begun } = await inTransaction(
    input,
    async ({ db }) => {
      const refused = await input.admit?.(db)
      if (refused) return { refusal: refused, begun: undefined }
      const { good } = await readEarlierRuns(db, earlierThan(input))
      const times = await queryTimes(db, input, now)
      const isFirst = !input.definition.hasNoList && (await needsBaseline(db, input.definition))
      return { refusal: undefined, begun: { now, times, good, needsBaseline: isFirst } }
    },
    { signal: input.signal },
  )
  if (!begun) throw refusal
  return begun
}

const earlierThan = ({ definition: { name, settings }, runId }: ExportInput) => {
  return { name, listId: settings.list_id, runId }
}

/** A run that will not be gone on with. */
interface LeftRun {
  readonly run: ExportRun
  readonly why: string
}

/** Gives up what cannot be gone on with. `before` is this very run, which a worker begins again. */
async function lookBack(
  tx: Tx,
  input: ExportInput,
  now: Date,
  isMeant: (run: ExportRun) => boolean = () => true,
): Promise<{
  readonly open: ExportRun | undefined
  readonly before: ExportRun | undefined
  readonly left: readonly LeftRun[]
  readonly good: readonly ExportRun[]
}> {
  const { definition, runId } = input
  const earlier = await readEarlierRuns(tx.db, earlierThan(input))
  let open: ExportRun | undefined
  let before: ExportRun | undefined
  const left: LeftRun[] = []
  for (const run of earlier.open.filter(isMeant)) {
    if (run.run_id === runId) before = run
    if (run.phase === 'done') continue
    const why = open ? 'replaced by a later run' : reasonToDrop(run, definition, now)
    if (why === undefined) {
      open = run
      continue
    }
    await giveUp(tx, run, { now, why })
    left.push({ run, why })
  }
  return { open, before, left, good: earlier.good }
}

async function clearAway(
  left: readonly LeftRun[],
  warehouse: Warehouse,
  emit: ExportInput['emit'],
): Promise<void> {
  for (const { run, why } of left) {
    if (run.phase === 'sending') {
      emit({ type: 'notice', message: `the interrupted run ${run.run_id} was given up: ${why}` })
    }
    if (run.phase === 'querying') await removeStage(warehouse, run.run_id)
  }
}

function reasonToDrop(run: ExportRun, { query, settings }: Definition, now: Date): string | undefined {
  if (run.phase === 'querying') return 'the process ended before anything was sent'
  if (run.phase === 'held') return 'a later run replaces its plan'
  if (run.definition_hash !== definitionHash(query, settings))
    return 'the query or the settings have changed since'
  if (run.list_id !== settings.list_id) return 'the list of that name is another one now'
  // Rows of one day must get out even late; a mirror computes the difference anew.
  const isOld = now.getTime() - (run.planned_at ?? run.started_at).getTime() > planLifeMs
  return isOld && isTracked(settings) ? 'its plan is older than a day' : undefined
}

async function queryTimes(
  trx: Transaction<StateDatabase>,
  { definition, nominalAt, previousNominalAt }: ExportInput,
  now: Date,
): Promise<QueryTimes> {
  const nominal = nominalAt ?? now
  const { previous, lastSuccess } = asksForEarlierRuns(definition.query)
    ? await readJobTimes(trx, `export:${definition.name}`, nominal)
    : { previous: null, lastSuccess: null }
  return {
    nominal_time: nominal,
    previous_nominal_time: previousNominalAt ?? previous,
    last_success_time: lastSuccess,
  }
}
