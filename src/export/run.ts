/** Warehouse → list: one run of one export, from its query to the last acknowledgement. */
import { LockedError } from '../errors.ts'
import { hasSucceeded } from '../state/runs.ts'
import { inSpan } from '../telemetry.ts'
import type { Tx } from '../warehouse/session.ts'
import { type BegunExport, beginPlan, openRun, type Reopened } from './begin.ts'
import { type ExportInput, inTransaction } from './context.ts'
import { type Destination, inspectList, readFields } from './definition/list.ts'
import { defaultRejectPercent, isTracked, mappingHash } from './definition/settings.ts'
import { type Ended, endOf, type Finish, finishExport, isToBeVerified, recordEnd } from './finish.ts'
import { adoptMembers } from './plan/adopt.ts'
import { type Braking, brakesThatHold } from './plan/brakes.ts'
import { everyChange, marksOf } from './plan/changes.ts'
import { makePlan } from './plan/plan.ts'
import { readPlan } from './plan/samples.ts'
import { type Planned, type Settled, settle } from './plan/verdict.ts'
import type { ExportPlan, ExportReport } from './progress.ts'
import { prepareQuery } from './rows/query.ts'
import { type Staged, stageRows } from './rows/stage.ts'
import { envelopeOf, type RequestEnvelope } from './send/body.ts'
import { graceAfter } from './send/grace.ts'
import { sendPlan } from './send/send.ts'

/**
 * Runs an export, or finishes the run that was interrupted: it begins, its query is run, its plan made, and the plan
 * sent. The warehouse is let go in between, while Iterable is asked. What fails is told in the report.
 * @throws UserError `locked` while another run writes to the list; whatever the warehouse says when it cannot be opened.
 */
export function runExport(input: ExportInput): Promise<ExportReport> {
  const attributes = {
    'iterable_elt.export': input.definition.name,
    'iterable_elt.run_id': input.runId,
  }
  return inSpan('iterable_elt.export', attributes, async (span) => {
    const report = await reportOf(input)
    const { state, sent, removed, rejected, error_code } = report
    span.set({ 'iterable_elt.state': state, 'iterable_elt.rows_sent': sent })
    span.set({ 'iterable_elt.rows_removed': removed, 'iterable_elt.rows_rejected': rejected })
    if (state === 'failed') span.fail(error_code ?? 'failed')
    return report
  })
}

async function reportOf(input: ExportInput): Promise<ExportReport> {
  await using _lock = await lockList(input)
  for (;;) {
    const begun = await openRun(input)
    // The lock lasts until the run has ended.
    if ('needsBaseline' in begun) return await runAnew(input, begun)
    const report = await resume(input, begun)
    const { nominalAt = begun.nominalAt } = input
    // Another try of the same tick has nothing to add to the first.
    const isAsked = begun.run.run_id === input.runId || nominalAt?.getTime() === begun.nominalAt?.getTime()
    if (isAsked || !hasSucceeded(report.state)) return report
  }
}

/** What `runExport` would do, with nothing sent and nothing left behind. */
export async function planExport(input: ExportInput): Promise<ExportPlan> {
  const notices: string[] = []
  const { now, times, good, needsBaseline } = await beginPlan(input)
  const declared = await readFields(input, (message) => tell(input, notices, message))
  await using staged = await stage(input, { now, times, declared })
  const destination = await inspectList(input, staged, declared)
  await using adopted = needsBaseline ? await adoptMembers(input, staged.mapping, now) : undefined
  return await inTransaction(
    input,
    async (tx) => {
      const planned = await planIn(tx, input, { staged, destination, now, notices, good, adopted })
      const plan = await readPlan(tx.db, input, { ...planned, destination, notices })
      await input.onChanges?.(everyChange(tx.db, input.runId, marksOf(destination.fields)))
      return plan
    },
    { signal: input.signal, isDryRun: true },
  )
}

/** The jobs of one list exclude each other, whichever export they belong to. */
export async function lockList({
  warehouse,
  definition,
}: Pick<ExportInput, 'warehouse' | 'definition'>): Promise<AsyncDisposable> {
  const { list_id } = definition.settings
  try {
    return await warehouse.lock(`list-${list_id}`)
  } catch (error) {
    if (!(error instanceof LockedError)) throw error
    throw new LockedError(`list ${list_id} is being written to`, error.holder, { cause: error })
  }
}

/** Goes on with a run that was interrupted. */
export async function resume(input: ExportInput, { run, token }: Reopened): Promise<ExportReport> {
  const { emit } = input
  emit({ type: 'started', runId: run.run_id, export: input.definition.name })
  emit({
    type: 'notice',
    message: `going on with the interrupted run ${run.run_id}; the query is not run again`,
  })
  return sendRun(input, run.run_id, run.envelope as unknown as RequestEnvelope, token, [])
}

async function runAnew(
  input: ExportInput,
  { token, now, times, good, needsBaseline }: BegunExport,
): Promise<ExportReport> {
  const { definition, runId, emit } = input
  const notices: string[] = []
  emit({ type: 'started', runId, export: definition.name })
  let settled: { readonly verdict: Settled; readonly report: ExportReport | undefined }
  try {
    const declared = await readFields(input, (message) => tell(input, notices, message))
    await using staged = await stage(input, { now, times, declared })
    const { mapping } = staged
    for (const notice of mapping.notices) tell(input, notices, notice)
    for (const { column, field } of mapping.mapped) tell(input, notices, `${column} → ${field}`)
    const destination = await inspectList(input, staged, declared)
    await using adopted = needsBaseline ? await adoptMembers(input, staged.mapping, now) : undefined
    settled = await inTransaction(
      input,
      async (tx) => {
        const planned = await planIn(tx, input, { staged, destination, now, notices, good, adopted })
        const verdict = await settle(tx.db, input, planned, destination, now)
        const { ended, run } = verdict
        // Comparing the list is a matter of minutes, which the warehouse is not held for.
        if (!ended || isToBeVerified(input, ended)) return { verdict, report: undefined }
        return { verdict, report: await recordEnd(tx.db, input, run, ended, endingOf(verdict, notices)) }
      },
      { signal: input.signal },
    )
  } catch (error) {
    return finishExport(input, runId, endOf(error), { notices, brakes: [], dropsPlan: true })
  }
  const { verdict, report } = settled
  for (const message of warningsOf(verdict)) emit({ type: 'notice', message })
  if (report) return report
  const ending = endingOf(verdict, notices)
  if (verdict.ended) return finishExport(input, runId, verdict.ended, ending)
  return sendRun(input, runId, envelopeOf(definition.settings), token, ending.notices, ending.brakes)
}

const warningsOf = ({ brakes }: Settled): readonly string[] =>
  brakes.filter(({ verdict }) => verdict === 'warn').map(({ message }) => message)

const endingOf = (verdict: Settled, notices: readonly string[]): Finish => ({
  notices: [...notices, ...warningsOf(verdict)],
  brakes: verdict.brakes,
  dropsPlan: verdict.ended?.state !== 'held',
  rows: verdict.rows,
})

function tell({ emit }: ExportInput, notices: string[], message: string): void {
  notices.push(message)
  emit({ type: 'notice', message })
}

/** Runs the query. */
function stage(
  input: ExportInput,
  {
    now,
    times,
    declared,
  }: Pick<BegunExport, 'now' | 'times'> & { readonly declared: ReadonlyMap<string, string> | undefined },
): Promise<Staged> {
  const { definition, connection, emit } = input
  return stageRows({
    warehouse: input.warehouse,
    settings: definition.settings,
    query: prepareQuery(definition.query, times),
    runId: input.runId,
    signal: input.signal,
    naming: {
      projectType: connection.project_type,
      now,
      declared,
      keepsNames: definition.keepsNames,
    },
    onRows: (rows) => emit({ type: 'progress', phase: 'querying', rows }),
    onWait: (message) => emit({ type: 'notice', message }),
  })
}

interface Planning extends Pick<BegunExport, 'now' | 'good'> {
  readonly staged: Staged
  readonly destination: Destination
  readonly notices: string[]
  /** File of the people who are on the list already. */
  readonly adopted: Awaited<ReturnType<typeof adoptMembers>> | undefined
}

/** The plan and what the brakes say to it, in one transaction. */
async function planIn(
  tx: Tx,
  input: ExportInput,
  { staged, destination, now, notices, good, adopted }: Planning,
): Promise<Planned> {
  const { definition, runId } = input
  const { name, settings } = definition
  await adopted?.store(tx)
  const counts = await makePlan(tx, { runId, name, settings, staged, now })
  if (isTracked(settings) && good.length > 0 && counts.members === 0 && good.some((run) => run.sent > 0)) {
    tell(
      input,
      notices,
      'what this export sent before is not known any more; this run is like its first and removes nobody',
    )
  }
  const [last] = good
  const { created, doubtful } = destination.fields
  const { mapping } = staged
  const isDoubtful = new Set(doubtful.map(({ column }) => column))
  const brakes = brakesThatHold(
    {
      action: settings.action,
      counts,
      previousRows: last?.rows_queried,
      previousAdds: good.map((run) => run.planned_add),
      mappingChanged: last !== undefined && last.mapping_hash !== mappingHash(settings),
      isFirst: last === undefined,
      newFields: created.filter((field) => mapping.implied.has(field) && !isDoubtful.has(field)),
      doubtful,
      listName: destination.listName,
      previousListName: last?.list_name ?? undefined,
    },
    settings,
  )
  for (const { field, declared, sent } of destination.fields.conflicts) {
    tell(
      input,
      notices,
      `Iterable has ${field} as ${declared}, the query sends ${sent}: such values may be refused`,
    )
  }
  return { counts, brakes }
}

/** Sends a frozen plan to its end. */
export async function sendRun(
  input: ExportInput,
  runId: string,
  envelope: RequestEnvelope,
  token: number,
  notices: readonly string[],
  brakes: readonly Braking[] = [],
): Promise<ExportReport> {
  const { definition, warehouse, client, clock, random, signal, connection, emit } = input
  const { name, settings } = definition
  const { signal: grace, done } = graceAfter(signal, clock)
  let ended: Ended
  try {
    await sendPlan({
      warehouse,
      emit,
      token,
      stop: signal,
      action: settings.action,
      isTracked: isTracked(settings),
      owner: { runId, name, listId: settings.list_id, dialect: warehouse.dialect },
      maxRejectPercent: settings.max_reject_percent ?? defaultRejectPercent,
      courier: {
        client,
        clock,
        random,
        envelope,
        signal: grace,
        maxRetries: connection.max_retries,
        maxWaitMs: connection.timeouts.wait,
        onWait: (wait) => emit({ type: 'wait', ...wait }),
        learned: { maxRows: Number.POSITIVE_INFINITY, taken: 0, poisoned: 0 },
      },
    })
    ended = { state: 'succeeded' }
  } catch (error) {
    ended = endOf(error)
  } finally {
    done()
  }
  const isOver = ended.state === 'succeeded' || ended.error?.code === 'too_many_rejects'
  return finishExport(input, runId, ended, { notices, brakes, dropsPlan: isOver })
}
