/**
 * A row of Postgres must fit a page of 8 kB. Long values are stored elsewhere, but up to 24 bytes of each stay in the row
 * (8 of a number), so a thousand filled columns may not fit. What does not fit of such a row goes to `_extra`.
 */
import { ownColumns } from './names.ts'
import type { TableColumn } from './shape.ts'
import { literal, quoted } from './sql.ts'

/** What a page leaves for one row. */
const pageBytes = 8160
/** The most that a text takes within the row, and what aligning the number behind it may cost. */
const textBytes = 24
const alignmentBytes = 7
/** Columns that are weighed, and moved, together. */
const blockSize = 20

/** True where every row of these columns fits, whatever it holds. */
export const alwaysFits = (columns: readonly TableColumn[]): boolean =>
  columns.length * (textBytes + alignmentBytes) <= pageBytes - headerBytes(columns)

/** The same rows; of those that do not fit, the values of the last columns are members of `_extra` instead. */
export function fittingRows(columns: readonly TableColumn[], select: string): string {
  const fields = columns.filter(({ origin }) => origin !== 'ours')
  const blocks = Array.from({ length: Math.ceil(fields.length / blockSize) }, (_, index) =>
    fields.slice(index * blockSize, (index + 1) * blockSize),
  )
  const ours = columns.length - fields.length
  const budget = pageBytes - headerBytes(columns) - ours * (textBytes + alignmentBytes)
  const sizes = blocks.map((block, index) => `${block.map(sizeOf).join(' + ')} as ${size(index)}`)
  const sums = blocks.map(
    (_, index) =>
      `${blocks
        .slice(0, index + 1)
        .map((_block, at) => size(at))
        .join(' + ')} as ${sum(index)}`,
  )
  const fits = (index: number) => `${sum(index)} <= ${budget}`
  const kept = blocks.flatMap((block, index) =>
    block.map(({ name }) => `case when ${fits(index)} then ${quoted(name)} end as ${quoted(name)}`),
  )
  const moved = blocks.flatMap((block, index) =>
    block.map(
      ({ name, source }) =>
        `case when not ${fits(index)} and ${quoted(name)} is not null then ${literal(`${JSON.stringify(source)}:`)} || to_json(${quoted(name)})::varchar end`,
    ),
  )
  const extra = quoted(ownColumns.extra)
  const last = blocks.length - 1
  return `select * replace (${kept.join(', ')},
      case when ${fits(last)} then ${extra}
        else ('{' || concat_ws(',', (${extra}::varchar)[2:-2], ${moved.join(', ')}) || '}')::json end as ${extra})
    from (select *, ${sums.join(', ')} from (select *, ${sizes.join(', ')} from (${select})))`
}

const size = (block: number): string => quoted(`␀size ${block}`)
const sum = (block: number): string => quoted(`␀sum ${block}`)

/** Bytes of the value within the row, at most. */
function sizeOf({ name, type }: TableColumn): string {
  const column = quoted(name)
  switch (type) {
    case 'boolean':
      return `case when ${column} is null then 0 else 1 end`
    case 'bigint':
    case 'double':
    case 'timestamptz':
      return `case when ${column} is null then 0 else 8 end`
    case 'text':
    case 'json':
      return `coalesce(least(strlen(${column}::varchar) + 1, ${textBytes}) + ${alignmentBytes}, 0)`
  }
}

/** The header of a row with its map of nulls. */
const headerBytes = (columns: readonly TableColumn[]): number => 32 + Math.ceil(columns.length / 8)
