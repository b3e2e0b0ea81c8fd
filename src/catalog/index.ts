/** The catalogue: every stream that the product replicates, as data. */
import picomatch from 'picomatch'
import { ConfigError } from '../errors.ts'
import { suggestion } from '../nearest.ts'
import { contentStreams } from './contents.ts'
import { entityStreams, type ProjectType } from './entities.ts'
import { eventStreams } from './events.ts'
import { metricStreams } from './metrics.ts'
import { resourceStreams } from './resources.ts'
import { isIncremental, type Stream, streamGroups } from './stream.ts'

export type { ProjectType } from './entities.ts'
export * from './stream.ts'

/** All streams of a project, by name. */
export function catalogue(projectType: ProjectType): readonly Stream[] {
  return [
    ...entityStreams(projectType),
    ...eventStreams,
    ...contentStreams,
    ...metricStreams,
    ...resourceStreams,
  ].sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** Names of the streams that keep a bookmark, in every project. */
export const incrementalNames: readonly string[] = catalogue('email')
  .filter(isIncremental)
  .map(({ name }) => name)

/** Names of the streams of events, in every project. */
export const eventNames: readonly string[] = eventStreams.map(({ name }) => name)

/**
 * The streams that a list of names, groups (`push`), globs (`email_*`) and exclusions (`!users`) selects, in the order of
 * the catalogue. Exclusions win; a list of exclusions alone starts from `core`, as no list at all does.
 * @throws ConfigError for a pattern that matches no stream, with the nearest known name.
 */
export function selectStreams(streams: readonly Stream[], patterns: readonly string[]): readonly Stream[] {
  const excluded = patterns.filter((p) => p.startsWith('!')).map((p) => matching(streams, p.slice(1)))
  const included = patterns.filter((p) => !p.startsWith('!')).map((p) => matching(streams, p))
  if (included.length === 0) included.push(matching(streams, 'core'))
  return streams.filter(
    (stream) => included.some((some) => some.has(stream)) && !excluded.some((some) => some.has(stream)),
  )
}

/** The streams of one pattern. A group goes before a glob; no stream has the name of a group. */
function matching(streams: readonly Stream[], pattern: string): ReadonlySet<Stream> {
  const group = streamGroups.find((name) => name === pattern)
  const matches = pattern === '' ? () => false : picomatch(pattern === 'all' ? '*' : pattern)
  const found = streams.filter(({ name, groups }) => (group ? groups.includes(group) : matches(name)))
  if (found.length > 0) return new Set(found)
  const known = ['all', ...streamGroups, ...streams.map(({ name }) => name)]
  throw new ConfigError(`no stream matches "${pattern}"${suggestion(pattern, known)}`, {
    code: 'unknown_stream',
  })
}

export { describeField, describeStream } from './descriptions.ts'
