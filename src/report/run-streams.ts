/** What a sync says of its streams in the details of its run: their names while it works, their reports when it has ended. */
import type { NewColumn } from '../warehouse/shape.ts'

/** A stream of a run. While that works, nothing but the name is known. */
export interface RunStream {
  readonly stream: string
  readonly state: string | null
  readonly windows: number | null
  readonly api_calls: number | null
  readonly rows_read: number | null
  readonly rows_written: number | null
  readonly rows_rejected: number | null
  readonly bookmark: string | null
  readonly error: string | null
  readonly new_columns: readonly NewColumn[]
  readonly notes: readonly string[]
}

/** The streams in the details of a run. Anybody may write into that table: what is not of our making is left out. */
export function streamsOfRun(details: unknown): readonly RunStream[] {
  const entries = isObject(details) && Array.isArray(details.streams) ? details.streams : []
  return entries.flatMap((entry: unknown) => {
    const told: Readonly<Record<string, unknown>> =
      typeof entry === 'string' ? { stream: entry } : isObject(entry) ? entry : {}
    if (typeof told.stream !== 'string') return []
    return [
      {
        stream: told.stream,
        state: textOf(told.state),
        windows: numberOf(told.windows),
        api_calls: numberOf(told.api_calls),
        rows_read: numberOf(told.rows_read),
        rows_written: numberOf(told.rows_written),
        rows_rejected: numberOf(told.rows_rejected),
        bookmark: textOf(told.bookmark),
        error: textOf(told.error),
        new_columns: Array.isArray(told.new_columns) ? told.new_columns.filter(isNewColumn) : [],
        notes: Array.isArray(told.notes) ? told.notes.filter((note) => typeof note === 'string') : [],
      },
    ]
  })
}

/** What there is to remark on a stream, in one line. */
export const remarksOf = ({
  error,
  new_columns,
  notes,
}: Pick<RunStream, 'error' | 'new_columns' | 'notes'>): string =>
  [error, newColumnsText(new_columns), ...notes].filter(Boolean).join('; ')

/** A first sync finds dozens of fields: their columns share a line. Null where there are none. */
export function newColumnsText(columns: readonly NewColumn[]): string | null {
  if (columns.length === 0) return null
  const named = columns.slice(0, 3).map(({ name, type }) => `"${name}" (${type})`)
  const more = columns.length > 3 ? ` and ${columns.length - 3} more` : ''
  return `${columns.length === 1 ? 'new column' : `${columns.length} new columns:`} ${named.join(', ')}${more}`
}

const isNewColumn = (value: unknown): value is NewColumn =>
  isObject(value) && typeof value.name === 'string' && typeof value.type === 'string'

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null

const textOf = (value: unknown): string | null => (typeof value === 'string' ? value : null)
const numberOf = (value: unknown): number | null => (typeof value === 'number' ? value : null)
