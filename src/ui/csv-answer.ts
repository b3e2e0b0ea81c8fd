/** Rows as a file to download. */
import { csvLine } from '../csv.ts'
import { UserError } from '../errors.ts'
import type { RequestContext } from './context.ts'

/** A file is made before it is sent: whoever downloads slowly must not hold the warehouse meanwhile. */
const mostCharacters = 64 * 1024 * 1024

export class CsvAnswer {
  readonly #lines: string[] = []
  #size = 0

  /** @throws UserError where the file gets too large for a page. */
  add(values: readonly (string | null)[]): void {
    const line = csvLine(values)
    this.#size += line.length
    if (this.#size > mostCharacters) {
      throw new UserError(
        'query_failed',
        'the file gets larger than 64 MB; the command line writes files of any size (sql --format csv, export --dry-run --csv)',
      )
    }
    this.#lines.push(line)
  }

  answer(c: RequestContext, name: string): Response {
    return c.body(this.#lines.join(''), 200, {
      'Content-Type': 'text/csv; charset=utf-8',
      'Content-Disposition': `attachment; filename="${name.replace(/[^\w.-]/g, '_')}"`,
    })
  }
}
