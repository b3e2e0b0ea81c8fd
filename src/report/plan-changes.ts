/** The frozen plan of a held run, person by person. */
import { type ChangeText, everyChange, marksOf } from '../export/plan/changes.ts'
import type { FieldReport } from '../export/rows/fields.ts'
import { readExportRun } from '../state/exports.ts'
import { type ReportSource, readState } from './read.ts'
import { readRun } from './runs.ts'

export type { ChangeText } from '../export/plan/changes.ts'

/**
 * The changes of a plan in the order of sending, as far as `isMeant` wants them and at most `limit`; and whether there
 * are more.
 */
export async function readPlanChanges(
  source: ReportSource,
  runId: string,
  { isMeant, limit }: { readonly isMeant: (change: ChangeText) => boolean; readonly limit: number },
): Promise<{ readonly changes: readonly ChangeText[]; readonly hasMore: boolean }> {
  const { run_id } = await readRun(source, runId)
  const read = await readState(source, async ({ db }) => {
    const fields = (await readExportRun(db, run_id))?.fields as FieldReport | null | undefined
    const marks = marksOf(fields ?? { created: [], mapped: [] })
    const changes: ChangeText[] = []
    for await (const change of everyChange(db, run_id, marks)) {
      if (!isMeant(change)) continue
      if (changes.length === limit) return { changes, hasMore: true }
      changes.push(change)
    }
    return { changes, hasMore: false }
  })
  return read ?? { changes: [], hasMore: false }
}
