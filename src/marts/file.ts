/** A file of `sql/views`: a comment that says what the view is, then one `select`. */
import { tellersOf } from './tellers.ts'

/** A view as its file describes it. */
export interface ViewFile {
  readonly name: string
  /** What it answers, with its definitions; lines as they stand. */
  readonly about: string
  /** What one row is. */
  readonly grain: string
  /** Columns that tell each row from every other; none where equal rows may be, such as two equal events. */
  readonly key: readonly string[]
  /** Streams without which the view makes no sense: it is not made where one is not replicated. */
  readonly needs: readonly string[]
  /** Streams that it reads where they are replicated; without them their columns are NULL and their counts 0. */
  readonly optional: readonly string[]
  /** Other views of `sql/views` that it reads. */
  readonly views: readonly string[]
  /** The column that names a message, where all that a row says follows from the events of its message. */
  readonly refresh: string | undefined
  /** The view that has all its columns: where that is kept as a table, this one reads it. */
  readonly within: string | undefined
  /** Empty tables that are made beside it, for the user to fill: name and columns. */
  readonly tables: readonly { readonly name: string; readonly columns: string }[]
  readonly columns: readonly { readonly name: string; readonly about: string }[]
  /** With the marks that `renderView` replaces. */
  readonly select: string
}

/** Stands after `Key:` where rows may be equal. */
const noKey = 'none'

/** Any other word before a colon is part of a text. */
const heading = /^(Grain|Key|Needs|Optional|Refresh|Within|Table|Columns):/

/**
 * Reads a file. Its comment has paragraphs: what the view is, then `Grain:`, `Key:` (`none`, where rows may be
 * equal), `Needs:`, `Optional:`, `Refresh:`, `Within:`, `Table:` and `Columns:`, whose entries go on in lines that are set
 * in deeper. A column is NULL in some row where its entry says NULL.
 * @throws Error for a file that is not of this form, or reads what its comment does not tell: a fault of the product.
 */
export function parseViewFile(name: string, text: string): ViewFile {
  const lines = text.split('\n')
  const end = lines.findIndex((line) => !line.startsWith('--'))
  const comment = lines.slice(0, end).map((line) => line.replace(/^-- ?/, ''))
  const select = lines.slice(end).join('\n').trim()
  const about = comment
    .slice(
      0,
      comment.findIndex((line) => heading.test(line)),
    )
    .join('\n')
    .trim()
  const part = (title: string) => paragraph(comment, title)
  const names = (title: string) =>
    part(title)
      ?.split(/[\s,]+/)
      .filter((word) => word !== '') ?? []
  const key = names('Key')
  const file: ViewFile = {
    name,
    about,
    grain: part('Grain') ?? '',
    key: key.filter((column) => column !== noKey),
    needs: names('Needs'),
    optional: names('Optional'),
    views: [...new Set(marks(select, 'marts'))],
    refresh: part('Refresh'),
    within: part('Within'),
    tables: comment.flatMap((line) => {
      const [, table, columns] = /^Table: (\w+) \((.*)\)$/.exec(line) ?? []
      return table && columns ? [{ name: table, columns }] : []
    }),
    columns: columnsOf(comment),
    select,
  }
  refuseFaults(file, key)
  return file
}

/** The names in marks such as `{{streams.email_send}}`. */
const marks = (select: string, kind: 'streams' | 'marts' | 'has'): readonly string[] =>
  [...select.matchAll(new RegExp(`\\{\\{${kind}\\.(\\w+)\\}\\}`, 'g'))].map(([, name]) => name as string)

/** The streams that `{{told(medium, opens)}}` asks for. */
const askedOf = (select: string): readonly string[] =>
  [...select.matchAll(/\{\{told\([\w.]+, (\w+)\)\}\}/g)].flatMap(([, what]) =>
    tellersOf(what as string).map(([, stream]) => stream),
  )

/** The text after `Title:` up to the next title, in one line. */
function paragraph(comment: readonly string[], title: string): string | undefined {
  const start = comment.findIndex((line) => line.startsWith(`${title}:`))
  if (start === -1) return undefined
  const after = comment.slice(start + 1)
  const length = after.findIndex((line) => heading.test(line) || line.trim() === '')
  const more = length === -1 ? after : after.slice(0, length)
  return [(comment[start] as string).slice(title.length + 1), ...more]
    .map((line) => line.trim())
    .join(' ')
    .trim()
}

function columnsOf(comment: readonly string[]): ViewFile['columns'] {
  const start = comment.indexOf('Columns:')
  const columns: { name: string; about: string }[] = []
  for (const line of start === -1 ? [] : comment.slice(start + 1)) {
    const [, name, about] = /^ {2}(\w+): (.*)$/.exec(line) ?? []
    const last = columns.at(-1)
    if (name && about) columns.push({ name, about })
    else if (last) last.about += ` ${line.trim()}`
  }
  return columns
}

function refuseFaults(
  { name, about, grain, needs, optional, columns, select }: ViewFile,
  key: readonly string[],
): void {
  const told = [...needs, ...optional]
  const [fault] = [
    ...(about === '' ? ['does not say what it is'] : []),
    ...(grain === '' ? ['has no "Grain:"'] : []),
    ...(key.length === 0 ? ['has no "Key:"'] : []),
    ...(columns.length === 0 ? ['has no "Columns:"'] : []),
    ...key
      .filter((column) => column !== noKey && !columns.some((one) => one.name === column))
      .map((column) => `has ${column} in its key, which is not one of its columns`),
    ...[...marks(select, 'streams'), ...marks(select, 'has'), ...askedOf(select)]
      .filter((stream) => !told.includes(stream))
      .map((stream) => `reads ${stream}, which neither "Needs:" nor "Optional:" names`),
  ]
  if (fault) throw new Error(`sql/views/${name}.sql ${fault}`)
}
