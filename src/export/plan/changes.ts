/** A plan as people read it: one line per person and changed field. */
import { sql } from 'kysely'
import { planRanges, planRows } from '../../state/batches.ts'
import type { ExportOp, PlanTable } from '../../state/tables/exports.ts'
import type { Db } from '../../state/tables.ts'
import type { FieldReport } from '../rows/fields.ts'
import type { PayloadJson } from '../rows/payload.ts'
import { canonical, exactJson, withDigits } from '../rows/values.ts'

/** What happens to one field of one person. */
export interface PlanChange {
  readonly action: ExportOp
  /** E-mail or userId. */
  readonly identifier: string
  /** Null where the person comes or goes without any field. */
  readonly field: string | null
  /** What Iterable acknowledged last; null where nothing is known. */
  readonly before: unknown
  readonly after: unknown
  /** `new`: Iterable would create the field. `mapped`: the column has another name. */
  readonly mark: 'new' | 'mapped' | null
}

/** A change whose values are texts: text as it is, everything else as JSON. */
export type ChangeText = PlanChange & { readonly before: string | null; readonly after: string | null }

/** In how many people a field changes. */
export interface FieldCount {
  readonly field: string
  readonly people: number
  readonly mark: PlanChange['mark']
  /** The column that is sent to the field, where it has another name. */
  readonly column: string | null
}

type PlannedPerson = Pick<PlanTable, 'op' | 'payload' | 'before'>

/** The changes of one row of a plan. */
export function changesOfRow(row: PlannedPerson, marks: Marks): readonly PlanChange[] {
  return exactChanges(row, marks).map((change) => ({
    ...change,
    before: withDigits(change.before ?? null),
    after: withDigits(change.after ?? null),
  }))
}

/** Every change of a plan, in the order of sending; no more than a few requests' rows are held at once. */
export async function* everyChange(db: Db, runId: string, marks: Marks): AsyncGenerator<ChangeText> {
  for await (const row of everyRow(db, runId)) {
    for (const change of exactChanges(row, marks)) yield asText(change)
  }
}

/** Whom a plan is searched for. */
export interface PlanSearch {
  /** Part of an address or userId, or all of it, in small letters. */
  readonly person: string
  readonly isWhole: boolean
  /** People at most. */
  readonly limit: number
}

/** The changes of the people who are searched for, in the order of sending. */
export async function changesOf(
  db: Db,
  runId: string,
  marks: Marks,
  { person, isWhole, limit }: PlanSearch,
): Promise<readonly ChangeText[]> {
  // Behind `e:` or `u:`.
  const name = sql<string>`lower(substr(member_key, 3))`
  const rows = await db
    .selectFrom('plan')
    .select(['op', 'payload', 'before'])
    .where('run_id', '=', runId)
    .where(isWhole ? sql<boolean>`${name} = ${person}` : sql<boolean>`strpos(${name}, ${person}) > 0`)
    .orderBy('seq')
    .limit(limit)
    .execute()
  return rows.flatMap((row) => exactChanges(row, marks)).map(asText)
}

/** The fields that a plan changes, those of most people first. */
export async function countFields(db: Db, runId: string, marks: Marks): Promise<readonly FieldCount[]> {
  const counts = new FieldCounter(marks)
  for await (const row of everyRow(db, runId)) counts.add(row)
  return counts.all()
}

/** Counts in how many people each field changes. */
export class FieldCounter {
  readonly #marks: Marks
  readonly #counts = new Map<string, number>()

  constructor(marks: Marks) {
    this.#marks = marks
  }

  add(row: PlannedPerson): void {
    for (const { field } of exactChanges(row, this.#marks)) {
      if (field !== null) this.#counts.set(field, (this.#counts.get(field) ?? 0) + 1)
    }
  }

  merge({ counts }: FieldCounter): void {
    for (const [field, people] of counts) this.#counts.set(field, (this.#counts.get(field) ?? 0) + people)
  }

  get counts(): ReadonlyMap<string, number> {
    return this.#counts
  }

  /** Those of most people first. */
  all(): readonly FieldCount[] {
    return [...this.#counts]
      .map(([field, people]) => ({
        field,
        people,
        mark: this.#marks.of(field),
        column: this.#marks.columns.get(field) ?? null,
      }))
      .sort((a, b) => b.people - a.people || (a.field < b.field ? -1 : 1))
  }
}

/** What is special about the fields of a plan. */
export interface Marks {
  readonly columns: ReadonlyMap<string, string>
  readonly of: (field: string) => PlanChange['mark']
}

export function marksOf({ created, mapped }: Pick<FieldReport, 'created' | 'mapped'>): Marks {
  const isNew = new Set(created)
  const columns = new Map(mapped.map(({ field, column }) => [field, column]))
  return { columns, of: (field) => (isNew.has(field) ? 'new' : columns.has(field) ? 'mapped' : null) }
}

async function* everyRow(db: Db, runId: string): AsyncGenerator<PlannedPerson> {
  for (const { first_seq, last_seq } of await planRanges(db, runId)) {
    yield* await planRows(db, runId, first_seq, last_seq)
  }
}

/** Values are `undefined` where there is none. */
function exactChanges({ op, payload, before }: PlannedPerson, marks: Marks): readonly PlanChange[] {
  const { email, userId, dataFields = {} } = exactJson(payload) as PayloadJson
  const identifier = email ?? userId ?? ''
  const known = new Map(Object.entries(before === null ? {} : fieldsOf(before)))
  const entries = op === 'remove' ? [] : Object.entries(dataFields)
  const changes = entries
    .filter(([field, value]) => !known.has(field) || canonical(known.get(field)) !== canonical(value))
    .map(([field, after]) => ({
      action: op,
      identifier,
      field,
      before: known.get(field),
      after,
      mark: marks.of(field),
    }))
  const nobody = { action: op, identifier, field: null, before: undefined, after: undefined, mark: null }
  return changes.length > 0 ? changes : [nobody]
}

const fieldsOf = (payload: string) => (exactJson(payload) as PayloadJson).dataFields ?? {}

const asText = (change: PlanChange): ChangeText => ({
  ...change,
  before: textOf(change.before),
  after: textOf(change.after),
})

const textOf = (value: unknown): string | null =>
  value === undefined ? null : typeof value === 'string' ? value : canonical(value)
