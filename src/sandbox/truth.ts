/** What a complete and correct copy of the project must contain. */
import { spellingOf } from './data/catalog.ts'
import type { Row, Truth } from './options.ts'
import type { Project } from './project.ts'
import { parseRow } from './shelf.ts'
import { boundOf, readTime } from './times.ts'

export function makeTruth(project: Project): Truth {
  const lines = (dataType: string, from?: Date | string, to?: Date | string) =>
    [
      ...rowBytes(project, dataType, boundOf(from) ?? -Infinity, boundOf(to) ?? Infinity, { peek: true }),
    ].flatMap((bytes) => bytes.toString('utf8').split('\n').slice(0, -1))
  const isGood = (dataType: string, row: Row | undefined) =>
    row !== undefined && (spellingOf(dataType) === 'user' || readTime(row.createdAt) !== undefined)
  const events: Truth['events'] = (dataType, from, to) =>
    lines(dataType, from, to)
      .map(parseRow)
      .filter((row): row is Row => isGood(dataType, row))
  return {
    events,
    badLines: (dataType, from, to) =>
      lines(dataType, from, to).filter((line) => !isGood(dataType, parseRow(line))),
    users: (from, to) => events('user', from, to),
    listUsers: () =>
      project.lists.flatMap(({ id: listId }): Row[] =>
        project.users
          .members(listId)
          .all()
          .map((name) => (name.includes('@') ? { listId, email: name } : { listId, userId: name })),
      ),
    templates: () => project.templates.map((template) => ({ ...template })),
    metadata: () =>
      project.metadata.map(({ table, key, size, lastModified, value }) => ({
        table,
        key,
        size,
        lastModified,
        value,
      })),
  }
}

/** The bytes of an export: for `user` the people of the store and the lines on the shelf. */
export function* rowBytes(
  project: Project,
  dataType: string,
  from: number,
  to: number,
  options: { peek?: boolean } = {},
): Generator<Buffer> {
  if (spellingOf(dataType) === 'user') yield* project.users.read(from, to)
  yield* project.events(dataType).read(from, to, options)
}
