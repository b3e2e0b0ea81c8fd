/** The table that another warehouse makes of the same fields: types stay, names are as that one allows them. */
import { columnName } from '../warehouse/names.ts'
import type { Dialect } from '../warehouse/session.ts'
import type { Shape } from '../warehouse/shape.ts'

export function shapeIn(dialect: Dialect, { stream, columns }: Shape): Shape {
  const taken = new Set<string>()
  return {
    stream,
    columns: columns.map((column) => {
      const { origin, source } = column
      const wanted = stream.renamed?.get(source) ?? source
      const name = origin === 'ours' ? source : columnName(wanted, (one) => taken.has(one), dialect)
      taken.add(name.toLowerCase())
      return { ...column, name }
    }),
  }
}
