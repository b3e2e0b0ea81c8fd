/** The plan as a person looks at it before anything is sent. */
import type { Db } from '../../state/tables.ts'
import type { ExportInput } from '../context.ts'
import type { Destination } from '../definition/list.ts'
import type { ExportPlan, PlanView } from '../progress.ts'
import type { FieldReport } from '../rows/fields.ts'
import { exactJson, withDigits } from '../rows/values.ts'
import { sendingEndpoint } from '../send/body.ts'
import { changesOfRow, countFields, marksOf } from './changes.ts'
import { type Planned, verdictOn } from './verdict.ts'

const samplesOfEach = 5

/** Reads the plan of a run in the transaction that made it. */
export async function readPlan(
  db: Db,
  { definition, client, runId }: ExportInput,
  {
    counts,
    brakes,
    destination,
    notices,
  }: Planned & { destination: Destination; notices: readonly string[] },
): Promise<ExportPlan> {
  const batches = await db
    .selectFrom('batches')
    .select(({ fn }) => ['op', fn.countAll<number>().as('n')])
    .where('run_id', '=', runId)
    .groupBy('op')
    .execute()
  const view = await viewPlan(db, runId, destination.fields)
  const ended = verdictOn(counts, brakes, definition)
  return {
    export: definition.name,
    dry_run: true,
    rows: counts.queried,
    planned: { add: counts.add, update: counts.update, remove: counts.remove, unchanged: counts.unchanged },
    rejected: counts.rejected,
    skipped: counts.skipped,
    ...view,
    list_name: destination.listName ?? null,
    requests: batches.reduce((sum, { n }) => sum + n, 0),
    seconds: Math.ceil(
      batches.reduce((sum, { op, n }) => sum + client.secondsFor(sendingEndpoint(op), n), 0),
    ),
    state: !ended ? 'ready' : ended.state === 'held' ? 'held' : ended.error ? 'failed' : 'nothing_to_do',
    brakes,
    notices,
  }
}

/** Reads what a frozen plan does. To count the fields is to read all of it. */
export async function viewPlan(
  db: Db,
  runId: string,
  fields: FieldReport,
  countsFields = true,
): Promise<PlanView> {
  const firsts = await db
    .selectFrom('batches')
    .select(({ fn }) => ['op', fn.min('first_seq').as('first')])
    .where('run_id', '=', runId)
    .groupBy('op')
    .execute()
  const samples = (['add', 'update', 'remove'] as const).flatMap((op) =>
    firsts
      .filter((batch) => batch.op === op)
      .map(({ first }) =>
        db
          .selectFrom('plan')
          .select(['op', 'payload', 'before'])
          .where('run_id', '=', runId)
          .where('op', '=', op)
          // A plan may have millions of people, and is sent operation by operation.
          .where('seq', '>=', first)
          .orderBy('seq')
          .limit(samplesOfEach)
          .execute(),
      ),
  )
  const rows = (await Promise.all(samples)).flat()
  const rejects = await db
    .selectFrom('rejected_rows')
    .select(({ fn }) => ['code', 'reason', fn.countAll<number>().as('n')])
    .where('run_id', '=', runId)
    .groupBy(['code', 'reason'])
    .orderBy('n', 'desc')
    .limit(20)
    .execute()
  const marks = marksOf(fields)
  return {
    samples: rows.map(({ op, payload, before }) => ({
      op,
      before: op === 'remove' ? documentOf(payload) : documentOf(before),
      after: op === 'remove' ? null : documentOf(payload),
    })),
    changes: rows.flatMap((row) => changesOfRow(row, marks)),
    field_counts: countsFields ? await countFields(db, runId, marks) : [],
    rejects: rejects.map(({ code, reason, n }) => ({ code, reason, rows: n })),
    fields,
  }
}

const documentOf = (payload: string | null): unknown =>
  payload === null ? null : withDigits(exactJson(payload))
