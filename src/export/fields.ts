/** What Iterable knows of the fields that an export sends. */
import type { FieldKind } from './stage.ts'

export interface FieldReport {
  /** Fields that Iterable does not know yet and would create. */
  readonly created: readonly string[]
  /** Fields that are declared with another type: Iterable refuses or drops such values. */
  readonly conflicts: readonly { readonly field: string; readonly declared: string; readonly sent: string }[]
}

/** Compares the kinds of values with the types of `users/getFields`. */
export function compareFields(
  sent: ReadonlyMap<string, ReadonlySet<FieldKind>>,
  declared: ReadonlyMap<string, string>,
): FieldReport {
  const created = [...sent.keys()].filter((field) => !declared.has(field))
  const conflicts = [...sent].flatMap(([field, kinds]) => {
    const type = declared.get(field)
    const takes = type === undefined ? undefined : taken.get(type)
    const wrong = takes ? [...kinds].filter((kind) => !takes.includes(kind)) : []
    return wrong.length > 0 ? [{ field, declared: type as string, sent: wrong.join(', ') }] : []
  })
  return { created: created.sort(), conflicts }
}

/** The kinds of values that a declared type takes. A text may be a date, nobody can tell before Iterable does. */
const taken = new Map<string, readonly FieldKind[]>([
  ['string', ['string', 'date']],
  ['boolean', ['boolean']],
  ['long', ['long']],
  ['double', ['long', 'double']],
  ['date', ['date', 'string']],
  ['object', ['object']],
  ['nested', ['object']],
  ['geo_location', ['object']],
])
