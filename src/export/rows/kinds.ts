/** The kinds of values that are sent to each field, to be compared with what the field is declared as. */
import type { ExportSettings } from '../definition/settings.ts'
import type { FieldKind } from './fields.ts'
import type { Field, Mapping } from './mapping.ts'
import { ExactNumber } from './number.ts'
import type { RowShape } from './shape.ts'

export class FieldKinds {
  readonly all = new Map<string, Set<FieldKind>>()
  readonly #fields: readonly Field[]
  readonly #isDate: ReadonlySet<string>
  readonly #nulls: ExportSettings['nulls']

  constructor({ fields, constants }: Mapping, { nulls }: ExportSettings) {
    this.#fields = fields
    this.#nulls = nulls
    this.#isDate = new Set(
      fields.filter(({ column }) => /timestamp|date/.test(column.type.kind)).map(({ name }) => name),
    )
    for (const { name, value, isVolatile } of constants) {
      this.all.set(name, new Set([isVolatile ? 'date' : typeof value === 'number' ? 'long' : 'string']))
    }
  }

  add(field: string, value: unknown): void {
    addKind(this.#of(field), value, this.#isDate.has(field))
  }

  /** Which of its kinds the rows have that the engine has made. */
  addMade({ kinds }: RowShape, has: readonly unknown[]): void {
    if (this.#nulls === 'send') for (const { name } of this.#fields) this.#of(name)
    for (const [index, { field, kind }] of kinds.entries()) if (has[index]) this.#of(field).add(kind)
  }

  #of(field: string): Set<FieldKind> {
    const kinds = this.all.get(field) ?? new Set()
    this.all.set(field, kinds)
    return kinds
  }
}

function addKind(kinds: Set<FieldKind>, value: unknown, isDate: boolean): void {
  if (value === null || value === undefined) return
  if (Array.isArray(value)) for (const item of value.slice(0, 10)) addKind(kinds, item, isDate)
  else if (value instanceof ExactNumber) kinds.add(value.text.includes('.') ? 'double' : 'long')
  else if (typeof value === 'object') kinds.add('object')
  else if (typeof value === 'boolean') kinds.add('boolean')
  else if (typeof value === 'number') kinds.add(Number.isInteger(value) ? 'long' : 'double')
  else kinds.add(isDate ? 'date' : 'string')
}
