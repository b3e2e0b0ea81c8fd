/** Warehouse → list: one run of one export, from its query to the last acknowledgement. */
import type { Transaction } from 'kysely'
import { ConfigError, TransientError, UserError } from '../errors.ts'
import type { Clock } from '../iterable/clock.ts'
import {
  beginExportRun,
  type ExportRun,
  readGoodRuns,
  readJobTimes,
  readOpenRuns,
  takeLease,
} from '../state/exports.ts'
import type { StateDatabase } from '../state/tables.ts'
import { migrate } from '../warehouse/migrations.ts'
import type { Session } from '../warehouse/session.ts'
import { giveUp } from './abandon.ts'
import { adoptMembers, needsBaseline } from './adopt.ts'
import { type Envelope, envelopeOf } from './body.ts'
import { type Braking, brakesThatHold } from './brakes.ts'
import { everyChange, marksOf } from './changes.ts'
import { type ExportInput, inSession } from './context.ts'
import type { Definition } from './definition.ts'
import { type Ended, endOf, finish } from './finish.ts'
import { type Destination, inspectList, readFields } from './list.ts'
import { makePlan } from './plan.ts'
import type { ExportPlan, ExportReport } from './progress.ts'
import { prepareQuery } from './query.ts'
import { readPlan } from './samples.ts'
import { sendPlan } from './send.ts'
import { definitionHash, isTracked, mappingHash } from './settings.ts'
import { removeStage, type Staged, stageRows } from './stage.ts'
import { type Planned, settle, type Verdict } from './verdict.ts'

/** A plan that waits longer describes a world that is gone. */
export const planLifeMs = 24 * 3_600_000

/**
 * Runs an export, or finishes the run that was interrupted. What fails is told in the report.
 * @throws UserError `locked` while another run writes to the list; whatever the warehouse says when it cannot be opened.
 */
export async function runExport(input: ExportInput): Promise<ExportReport> {
  await using _lock = await lockList(input)
  const open = await lookBack(input)
  if (open) {
    const report = await resume(input, open)
    const isAsked = open.run_id === input.runId || input.nominalAt === undefined
    if (isAsked || !/succeeded/.test(report.state)) return report
  }
  // The lock lasts until the run has ended.
  return await runAnew(input)
}

/** What `runExport` would do, with nothing sent and nothing left behind. */
export async function planExport(input: ExportInput): Promise<ExportPlan> {
  const notices: string[] = []
  await inSession(input, prepare, { signal: input.signal })
  const now = input.clock.now()
  const declared = await readFields(input, (message) => tell(input, notices, message))
  await using staged = await stage(input, now, declared)
  const destination = await inspectList(input, staged, declared)
  let plan: ExportPlan | undefined
  const plans = (session: Session) =>
    session.db
      .transaction()
      .execute(async (trx) => {
        const planned = await planIn(session, trx, input, {
          staged,
          destination,
          now,
          notices,
          adopted: undefined,
        })
        plan = await readPlan(trx, input, { ...planned, destination, notices })
        await input.onChanges?.(everyChange(trx, input.runId, marksOf(destination.fields)))
        throw new Undone()
      })
      .catch((error: unknown) => {
        if (!(error instanceof Undone)) throw error
      })
  await inSession(input, plans, { signal: input.signal })
  return plan as ExportPlan
}

/** Ends a transaction whose work is for looking at only. */
class Undone extends Error {}

/** The jobs of one list exclude each other, whichever export they belong to. */
export async function lockList({
  warehouse,
  definition,
}: Pick<ExportInput, 'warehouse' | 'definition'>): Promise<AsyncDisposable> {
  const { list_id } = definition.settings
  try {
    return await warehouse.lock(`list-${list_id}`)
  } catch (error) {
    if (!(error instanceof UserError) || error.code !== 'locked') throw error
    const holder = /\(([^)]*)\)/.exec(error.message)?.[1] ?? 'another run'
    const message = `list ${list_id} is being written to (${holder}); wait until that run ends, or stop it`
    throw new TransientError('locked', message, { cause: error })
  }
}

async function prepare(session: Session): Promise<void> {
  await migrate(session)
  await session.ensureIndex('plan', ['run_id', 'seq'])
  await session.ensureIndex('batches', ['run_id', 'batch_no'])
  await session.ensureIndex('members', ['export', 'list_id', 'member_key'])
  await session.ensureIndex('export_rejects', ['export', 'list_id', 'member_key'])
}

/** Clears away what earlier runs left. Returns the run that can be gone on with. */
async function lookBack(input: ExportInput): Promise<ExportRun | undefined> {
  const { definition, clock, emit, warehouse } = input
  const unstaged: string[] = []
  const look = async (session: Session) => {
    await prepare(session)
    return session.db.transaction().execute(async (trx) => {
      const now = clock.now()
      let open: ExportRun | undefined
      for (const run of await readOpenRuns(trx, definition.name)) {
        const why = open ? 'replaced by a later run' : reasonToDrop(run, definition, now)
        if (why === undefined) open = run
        else {
          await giveUp(trx, run, { now, why })
          if (run.phase === 'querying') unstaged.push(run.run_id)
          if (run.phase === 'sending')
            emit({ type: 'notice', message: `the interrupted run ${run.run_id} was given up: ${why}` })
        }
      }
      return open
    })
  }
  const found = await inSession(input, look, { signal: input.signal })
  for (const runId of unstaged) await removeStage(warehouse, runId)
  return found
}

function reasonToDrop(run: ExportRun, { query, settings }: Definition, now: Date): string | undefined {
  if (run.phase === 'querying') return 'the process ended before anything was sent'
  if (run.phase === 'held') return 'a later run replaces its plan'
  if (run.definition_hash !== definitionHash(query, settings))
    return 'the query or the settings have changed since'
  // Rows of one day must get out even late; a mirror computes the difference anew.
  const isOld = now.getTime() - (run.planned_at ?? run.started_at).getTime() > planLifeMs
  return isOld && isTracked(settings) ? 'its plan is older than a day' : undefined
}

async function resume(input: ExportInput, run: ExportRun): Promise<ExportReport> {
  const { emit } = input
  emit({ type: 'started', runId: run.run_id, export: input.definition.name })
  emit({
    type: 'notice',
    message: `going on with the interrupted run ${run.run_id}; the query is not run again`,
  })
  const token = await inSession(input, ({ db }) =>
    db.transaction().execute(async (trx) => {
      await trx
        .updateTable('runs')
        .set({ state: 'running', finished_at: null, error_code: null, error_text: null })
        .where('run_id', '=', run.run_id)
        .execute()
      return takeLease(trx, run.run_id)
    }),
  )
  return sendRun(input, run.run_id, run.envelope as unknown as Envelope, token, [])
}

async function runAnew(input: ExportInput): Promise<ExportReport> {
  const { definition, runId, trigger, clock, emit } = input
  const { name, query, settings } = definition
  const now = clock.now()
  const notices: string[] = []
  emit({ type: 'started', runId, export: name })
  const envelope = envelopeOf(settings)
  const token = await inSession(input, ({ db }) =>
    db.transaction().execute((trx) =>
      beginExportRun(trx, {
        ...{ runId, name, action: settings.action, listId: settings.list_id, trigger, envelope, now },
        ...{ definitionHash: definitionHash(query, settings), mappingHash: mappingHash(settings) },
        nominalAt: input.nominalAt ?? null,
      }),
    ),
  )
  let verdict: Verdict
  try {
    const declared = await readFields(input, (message) => tell(input, notices, message))
    await using staged = await stage(input, now, declared)
    const { mapping } = staged
    for (const notice of mapping.notices) tell(input, notices, notice)
    for (const { column, field } of mapping.mapped) tell(input, notices, `${column} → ${field}`)
    const destination = await inspectList(input, staged, declared)
    const isFirst = await inSession(input, (session) => needsBaseline(session, definition))
    await using adopted = isFirst ? await adoptMembers(input, now) : undefined
    verdict = await inSession(
      input,
      (session) =>
        session.db.transaction().execute(async (trx) => {
          const planned = await planIn(session, trx, input, { staged, destination, now, notices, adopted })
          return settle(trx, input, planned, destination, now)
        }),
      { signal: input.signal },
    )
  } catch (error) {
    return finish(input, runId, endOf(error), { notices, brakes: [], dropsPlan: true })
  }
  const { ended, brakes } = verdict
  for (const { message } of brakes.filter((one) => one.verdict === 'warn')) tell(input, notices, message)
  if (ended) return finish(input, runId, ended, { notices, brakes, dropsPlan: ended.state !== 'held' })
  return sendRun(input, runId, envelope, token, notices, brakes)
}

function tell({ emit }: ExportInput, notices: string[], message: string): void {
  notices.push(message)
  emit({ type: 'notice', message })
}

/** Runs the query. */
async function stage(
  input: ExportInput,
  now: Date,
  declared: ReadonlyMap<string, string> | undefined,
): Promise<Staged> {
  const { definition, connection, emit } = input
  const nominal = input.nominalAt ?? now
  const { previous, lastSuccess } = await inSession(input, ({ db }) =>
    readJobTimes(db, `export:${definition.name}`, nominal),
  )
  const query = prepareQuery(definition.query, {
    nominal_time: nominal,
    previous_nominal_time: input.previousNominalAt ?? previous,
    last_success_time: lastSuccess,
  })
  return stageRows({
    ...{ warehouse: input.warehouse, query, settings: definition.settings },
    ...{ runId: input.runId, signal: input.signal },
    naming: {
      ...{ projectType: connection.project_type, now },
      ...{ declared, keepsNames: definition.keepsNames },
    },
    onRows: (rows) => emit({ type: 'progress', phase: 'querying', rows }),
    onWait: (message) => emit({ type: 'notice', message }),
  })
}

interface Planning {
  readonly staged: Staged
  readonly destination: Destination
  readonly now: Date
  readonly notices: string[]
  /** File of the people who are on the list already. */
  readonly adopted: Awaited<ReturnType<typeof adoptMembers>> | undefined
}

/** The plan and what the brakes say to it, in one transaction. */
async function planIn(
  session: Session,
  trx: Transaction<StateDatabase>,
  input: ExportInput,
  { staged, destination, now, notices, adopted }: Planning,
): Promise<Planned> {
  const { definition, runId } = input
  const { name, settings } = definition
  const adoptedCount = adopted ? await adopted.store(session, trx) : 0
  const good = await readGoodRuns(trx, name, settings.list_id, 10)
  const counts = await makePlan(session, trx, { runId, name, settings, staged, now })
  if (
    isTracked(settings) &&
    good.length > 0 &&
    counts.members === 0 &&
    good.some((run) => Number(run.sent) > 0)
  ) {
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
      ...{ action: settings.action, counts, adopted: adoptedCount },
      previousRows: last && Number(last.rows_queried),
      previousAdds: good.map((run) => Number(run.planned_add)),
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
  envelope: Envelope,
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
      ...{ warehouse, emit, token, stop: signal, action: settings.action, isTracked: isTracked(settings) },
      owner: { runId, name, listId: settings.list_id },
      maxRejectPercent: settings.max_reject_percent ?? 5,
      courier: {
        ...{ client, clock, random, envelope, signal: grace, maxRetries: connection.max_retries },
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
  return finish(input, runId, ended, { notices, brakes, dropsPlan: isOver })
}

/** Requests on their way may come to their end, but not for ever, once the user wants to stop. */
const graceMs = 10_000

function graceAfter(signal: AbortSignal, clock: Clock): { signal: AbortSignal; done: () => void } {
  const hard = new AbortController()
  const over = new AbortController()
  const start = () => {
    clock
      .sleep(graceMs, over.signal)
      .then(() => hard.abort())
      .catch(() => {})
  }
  if (signal.aborted) start()
  signal.addEventListener('abort', start, { once: true })
  return {
    signal: hard.signal,
    done() {
      over.abort()
      signal.removeEventListener('abort', start)
    },
  }
}

/** Two mirrors on one list would each remove the people of the other. */
export function refuseRivals(definition: Definition, others: readonly Definition[]): void {
  const { action, list_id, connection } = definition.settings
  if (action !== 'mirror') return
  const rival = others.find(
    ({ name, settings }) =>
      name !== definition.name &&
      settings.action === 'mirror' &&
      settings.list_id === list_id &&
      settings.connection === connection,
  )
  if (!rival) return
  throw new ConfigError(
    `exports "${definition.name}" and "${rival.name}" both mirror list ${list_id}; a list can have one mirror only`,
    { code: 'two_mirrors' },
  )
}
