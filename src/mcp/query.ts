/** The tool `query`: the guard of the command `sql`, and masked tables unless the configuration shows everything. */

import { shielded } from '../report/masked/shield.ts'
import { javascriptValue, printRows } from '../report/query.ts'
import type { Asking, Finding } from './answer.ts'
import type { McpOptions } from './context.ts'

export const usualRows = 200

export async function runQuery(
  { elt, key }: McpOptions,
  { sql, rows: most }: { readonly sql: string; readonly rows: number },
  { source: { warehouse }, signal }: Asking,
): Promise<Finding> {
  const { personal_data, shown_fields: shownFields, max_bytes } = elt.config.mcp
  const { engine } = warehouse
  const shield = personal_data
    ? undefined
    : (...query: [Parameters<typeof shielded>[0], string]) => shielded(...query, { engine, shownFields, key })
  const rows: (readonly unknown[])[] = []
  let columns: readonly { readonly name: string; readonly kind: string }[] = []
  let bytes = 0
  let hasMore = false
  for await (const printed of printRows(warehouse, sql, { signal, shield })) {
    columns = printed.columns
    for (const row of printed.rows) {
      hasMore = rows.length === most || bytes > max_bytes
      if (hasMore) break
      rows.push(row.map((text, index) => javascriptValue(text, printed.columns[index]?.kind ?? 'text')))
      bytes += row.reduce((sum, text) => sum + (text?.length ?? 4), 0)
    }
    if (hasMore) break
  }
  const cut = hasMore ? `These are the first ${rows.length} rows; there are more.` : null
  return { document: { columns, rows, cut, personal_data: personal_data ? 'shown' : 'masked' }, list: 'rows' }
}
