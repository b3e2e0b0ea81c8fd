import fc from 'fast-check'
import { expect } from 'vitest'
import { often } from '../support/often.ts'
import { eachWarehouse, type WarehouseKind } from '../support/warehouse.ts'
import { type Fields, tables, wellFormed, withoutNul } from './arbitrary.ts'
import {
  type Column,
  columnsOf,
  event,
  exact,
  exactNumber,
  numberMark,
  startLoading,
  type TextRow,
  textRows,
} from './load.ts'

const runs = often(6, 300)

eachWarehouse(
  'what goes in comes out: any fields, any values',
  async (warehouse) => {
    await using loading = await startLoading(warehouse)
    const shelf = loading.sandbox.data.events('emailClick')
    let schemas = 0
    await fc.assert(
      fc.asyncProperty(tables(), async (rows) => {
        const schema = `s${schemas}`
        schemas += 1
        shelf.clear()
        shelf.push(...rows.map((fields, index) => event(idOf(index), fields)))
        await loading.load('email_click', { schema })
        const columns = await columnsOf(warehouse, 'email_click', schema)
        const found = await textRows(warehouse, 'email_click', 'messageId', schema)
        expect(found.length).toBe(rows.length)
        rows.forEach((fields, index) => {
          expect(valuesIn(columns, found[index] as TextRow, fields)).toEqual(
            valuesFor(warehouse.kind, columns, fields),
          )
        })
      }),
      // A run takes a second: the counterexample is told as it is.
      { numRuns: runs, endOnFailure: true },
    )
  },
  often(300_000, 3_600_000),
)

const idOf = (index: number) => String(index).padStart(3, '0')

interface Values {
  readonly columns: Record<string, unknown>
  readonly extra: Record<string, unknown>
}

/** What a row of the warehouse says of each field, read as the kind of value that was sent. */
function valuesIn(columns: readonly Column[], row: TextRow, sent: Fields): Values {
  const values: [string, unknown][] = []
  for (const { source, name, type, origin } of columns) {
    const text = row.get(name)
    if (origin === 'ours' || text === undefined || ['messageId', 'createdAt'].includes(source)) continue
    const like = sent.find(([field]) => field.toWellFormed() === source)
    values.push([source, type === 'json' ? exact(text) : readLike(like && exact(like[1]), text)])
  }
  const extra = Object.entries(exact(row.get('_extra') ?? '{}') as object)
  return { columns: withoutNulls(values), extra: withoutNulls(extra) }
}

const withoutNulls = (values: [string, unknown][]) =>
  Object.fromEntries(values.filter(([, value]) => value !== null))

function readLike(sent: unknown, text: string): unknown {
  if (typeof sent === 'boolean' && /^(true|false)$/.test(text)) return text === 'true'
  if (typeof sent === 'string' && sent.startsWith(numberMark)) return exactNumber(text)
  return typeof sent === 'string' ? text : { misplaced: text }
}

/** What it should say. */
function valuesFor(kind: WarehouseKind, columns: readonly Column[], sent: Fields): Values {
  const values: Values = { columns: {}, extra: {} }
  for (const [field, json] of sent) {
    const value = mapStrings(exact(json), wellFormed)
    if (value === null) continue
    const source = field.toWellFormed()
    const isColumn = columns.some((column) => column.source === source && column.origin !== 'ours')
    const kept = kind === 'postgres' ? mapStrings(value, withoutNul) : value
    const name = kind === 'postgres' ? withoutNul(source) : source
    ;(isColumn ? values.columns : values.extra)[name] = kept
    if (JSON.stringify(kept) === JSON.stringify(value)) continue
    values.extra[isColumn ? name : `${name}#1`] = wellFormedJson(json)
  }
  return values
}

/** Every escape of half a pair, replaced in the text itself. */
const wellFormedJson = (json: string): string =>
  json.replaceAll(
    /\\\\|(\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2})|\\ud[89a-f][0-9a-f]{2}/gi,
    (found, pair) => (found === '\\\\' || pair ? found : '\\ufffd'),
  )

function mapStrings(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === 'string') return change(value)
  if (Array.isArray(value)) return value.map((item) => mapStrings(item, change))
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [change(key), mapStrings(item, change)]),
  )
}
