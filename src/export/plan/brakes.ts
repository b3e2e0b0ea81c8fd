/** What stops a dangerous plan before its first byte is sent. */

import type { Action, Brakes, ExportSettings, Verdict } from '../definition/settings.ts'
import type { FieldReport } from '../rows/fields.ts'
import type { PlanCounts } from './plan.ts'

/** A brake that took hold. */
export interface Braking {
  readonly brake: keyof Brakes
  readonly verdict: Exclude<Verdict, 'off'>
  readonly message: string
}

/** What the brakes look at, beside the plan. */
export interface BrakeFacts {
  readonly action: Action
  readonly counts: PlanCounts
  /** Rows that the query returned in the last run that succeeded. */
  readonly previousRows: number | undefined
  /** People added by the last runs that succeeded. */
  readonly previousAdds: readonly number[]
  readonly mappingChanged: boolean
  /** Fields that Iterable would create, and that no setting names. */
  readonly newFields: readonly string[]
  /** Columns that resemble fields, and those fields. */
  readonly doubtful: FieldReport['doubtful']
  /** Nothing that this export sent to the list has succeeded yet. */
  readonly isFirst: boolean
  readonly listName: string | undefined
  readonly previousListName: string | undefined
}

/** A share of few rows says nothing: below these, some brakes stay off. */
const invalidRowsIgnored = 100
const runsForMedian = 3

/** The brakes that take hold, in the order of the settings. */
export function brakesThatHold(
  facts: BrakeFacts,
  { brakes, new_fields }: Pick<ExportSettings, 'brakes' | 'new_fields'>,
): readonly Braking[] {
  const { action, counts } = facts
  const { queried, members, remove, add, update, invalid, strangers } = counts
  const found: Braking[] = []
  const brake = (name: keyof Brakes, verdict: Verdict, holds: boolean, message: () => string) => {
    if (holds && verdict !== 'off') found.push({ brake: name, verdict, message: message() })
  }

  brake(
    'empty_result',
    brakes.empty_result,
    queried === 0 && members > 0 && action !== 'remove',
    () => `the query returned nothing, and this export manages ${people(members)}`,
  )

  const drop = brakes.row_drop ?? { verdict: action === 'mirror' ? ('hold' as const) : ('warn' as const) }
  const { previousRows = 0 } = facts
  brake(
    'row_drop',
    drop.verdict,
    queried > 0 && exceeds(previousRows - queried, previousRows, drop, 50),
    () => `the query returned ${rows(queried)}, the run before ${rows(previousRows)}`,
  )

  brake(
    'removals',
    brakes.removals.verdict,
    action === 'mirror' && exceeds(remove, members, brakes.removals, members > 1_000 ? 20 : 50),
    () => `${people(remove)} of ${members} would be removed`,
  )

  const usual = facts.previousAdds.length >= runsForMedian ? median(facts.previousAdds) : 0
  brake(
    'additions',
    brakes.additions.verdict,
    usual > 0 && add > usual * brakes.additions.factor,
    () => `${people(add)} would be added; in the last runs it was about ${usual}`,
  )

  brake(
    'invalid_rows',
    brakes.invalid_rows.verdict,
    (brakes.invalid_rows.percent !== undefined || invalid > invalidRowsIgnored) &&
      exceeds(invalid, queried, brakes.invalid_rows, 5),
    () => `${rows(invalid)} of ${queried} cannot be sent`,
  )

  brake(
    'mapping_change',
    brakes.mapping_change.verdict,
    facts.mappingChanged && exceeds(update, members, brakes.mapping_change, 50),
    () => `${people(update)} of ${members} change, in the first run after columns or constants were changed`,
  )

  brake(
    'new_fields',
    brakes.new_fields ?? (facts.isFirst && new_fields === 'hold' ? 'hold' : 'warn'),
    facts.newFields.length > 0,
    () =>
      `Iterable would create ${facts.newFields.length === 1 ? 'the field' : 'the fields'} ${facts.newFields.join(', ')}, which cannot be removed again` +
      (facts.isFirst && new_fields === 'hold' ? '; if that is right, set new_fields: create' : ''),
  )

  brake('field_names', brakes.field_names, facts.doubtful.length > 0, () =>
    facts.doubtful
      .map(
        ({ column, fields }) =>
          `column ${JSON.stringify(column)} is not a field of the project; did you mean ${fields.map((field) => JSON.stringify(field)).join(' or ')}?`,
      )
      .join(' ')
      .concat(' Rename it in the query, or name it in columns to send it as it is'),
  )

  brake(
    'list_name',
    brakes.list_name,
    facts.previousListName !== undefined &&
      facts.listName !== undefined &&
      facts.listName !== facts.previousListName,
    () =>
      `the list is called ${JSON.stringify(facts.listName)} now, and ${JSON.stringify(facts.previousListName)} in the run before; ` +
      'if that is right, run once with brakes: { list_name: warn }',
  )

  brake(
    'adopted',
    brakes.adopted,
    strangers > 0,
    () => `${people(strangers)} whom this export did not put on the list would be removed`,
  )
  return found
}

function exceeds(
  part: number,
  whole: number,
  limit: { readonly percent?: number | undefined; readonly rows?: number | undefined },
  usualPercent: number,
): boolean {
  if (limit.rows !== undefined && part > limit.rows) return true
  if (limit.rows !== undefined && limit.percent === undefined) return false
  return part > 0 && part > (whole * (limit.percent ?? usualPercent)) / 100
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? 0
}

const people = (count: number): string => `${count} ${count === 1 ? 'person' : 'people'}`
const rows = (count: number): string => `${count} ${count === 1 ? 'row' : 'rows'}`
