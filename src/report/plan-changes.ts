/** The frozen plan of a held run, person by person. */
import {
  type ChangeText,
  changesOf,
  everyChange,
  type FieldCount,
  FieldCounter,
  type Marks,
  marksOf,
  type PlanSearch,
} from '../export/plan/changes.ts'
import type { FieldReport } from '../export/rows/fields.ts'
import { planRanges, planRows } from '../state/batches.ts'
import { readExportRun } from '../state/exports.ts'
import type { Session } from '../warehouse/session.ts'
import { type ReportSource, readState } from './read.ts'
import { readRun } from './runs.ts'

export type { ChangeText, FieldCount } from '../export/plan/changes.ts'

/** Calls back for each change of a plan, in the order of sending, until that returns false. */
export async function readPlanChanges(
  source: ReportSource,
  id: string,
  onChange: (change: ChangeText) => boolean,
): Promise<void> {
  await ofPlan(source, id, async ({ db }, runId, marks) => {
    for await (const change of everyChange(db, runId, marks)) if (!onChange(change)) return
  })
}

/** The changes of the people of a plan who are searched for. */
export async function findPlanChanges(
  source: ReportSource,
  id: string,
  search: PlanSearch,
): Promise<readonly ChangeText[]> {
  const found = await ofPlan(source, id, ({ db }, runId, marks) => changesOf(db, runId, marks, search))
  return found ?? []
}

/** Requests whose people are looked through in one session. */
const rangesAtOnce = 20

/**
 * The fields that a plan changes, those of most people first. All of it is read for that, part by part: it is frozen, and
 * in between others have the warehouse.
 */
export async function countPlanFields(source: ReportSource, id: string): Promise<readonly FieldCount[]> {
  const plan = await ofPlan(source, id, async ({ db }, runId, marks) => ({
    runId,
    marks,
    ranges: await planRanges(db, runId),
  }))
  if (!plan) return []
  const { runId, marks, ranges } = plan
  const counter = new FieldCounter(marks)
  for (let at = 0; at < ranges.length; at += rangesAtOnce) {
    const part = await readState(source, async ({ db }) => {
      const counted = new FieldCounter(marks)
      for (const { first_seq, last_seq } of ranges.slice(at, at + rangesAtOnce)) {
        for (const row of await planRows(db, runId, first_seq, last_seq)) counted.add(row)
      }
      return counted
    })
    if (part) counter.merge(part)
  }
  return counter.all()
}

async function ofPlan<T>(
  source: ReportSource,
  id: string,
  work: (session: Session, runId: string, marks: Marks) => Promise<T>,
): Promise<T | undefined> {
  const { run_id: runId } = await readRun(source, id)
  return readState(source, async (session) => {
    const fields = (await readExportRun(session.db, runId))?.fields as FieldReport | null | undefined
    return work(session, runId, marksOf(fields ?? { created: [], mapped: [] }))
  })
}
