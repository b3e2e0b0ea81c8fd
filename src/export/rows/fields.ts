/** What Iterable knows of the fields that an export sends. */
/** Kinds of values as `users/getFields` names types; null says nothing about a type. */
export type FieldKind = 'boolean' | 'long' | 'double' | 'string' | 'date' | 'object'

export interface FieldReport {
  /** False where Iterable did not tell its fields: nothing is compared, columns go under their own names. */
  readonly known: boolean
  /** Columns that are sent to a field of another name. */
  readonly mapped: readonly { readonly column: string; readonly field: string }[]
  /** Columns that are not fields, but may be meant as one of these. */
  readonly doubtful: readonly { readonly column: string; readonly fields: readonly string[] }[]
  /** Fields that Iterable does not know yet and would create. */
  readonly created: readonly string[]
  /** Fields that are declared with another type: Iterable refuses or drops such values. */
  readonly conflicts: readonly { readonly field: string; readonly declared: string; readonly sent: string }[]
}

/** Compares the kinds of values with the types of `users/getFields`; without those there is nothing to say. */
export function compareFields(
  sent: ReadonlyMap<string, ReadonlySet<FieldKind>>,
  { mapped, doubtful }: Pick<FieldReport, 'mapped' | 'doubtful'>,
  declared: ReadonlyMap<string, string> | undefined,
): FieldReport {
  if (!declared) return { known: false, mapped, doubtful, created: [], conflicts: [] }
  const nested = new Set([...declared.keys()].map((path) => path.split('.', 1)[0]))
  const created = [...sent.keys()].filter((field) => !declared.has(field) && !nested.has(field))
  const conflicts = [...sent].flatMap(([field, kinds]) => {
    const type = declared.get(field)
    const takes = type === undefined ? undefined : taken.get(type)
    const wrong = takes ? [...kinds].filter((kind) => !takes.includes(kind)) : []
    return wrong.length > 0 ? [{ field, declared: type as string, sent: wrong.join(', ') }] : []
  })
  return { known: true, mapped, doubtful, created: created.sort(), conflicts }
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
