/** The catalogue: every stream that the product replicates, as data. */
import picomatch from 'picomatch'
import { ConfigError } from '../errors.ts'
import { suggestion } from '../nearest.ts'
import { entityStreams, type ProjectType } from './entities.ts'
import { eventStreams } from './events.ts'
import type { Stream } from './stream.ts'

export type { ProjectType } from './entities.ts'
export * from './stream.ts'

/** All streams of a project, by name. */
export function catalogue(projectType: ProjectType): readonly Stream[] {
  return [...entityStreams(projectType), ...eventStreams].sort((a, b) => (a.name < b.name ? -1 : 1))
}

/**
 * The streams that a list of names, globs (`email_*`) and exclusions (`!users`) selects, in catalogue order.
 * Exclusions win; a list of exclusions alone starts from everything.
 * @throws ConfigError for a name or glob that matches no stream, with the nearest known name.
 */
export function selectStreams(streams: readonly Stream[], patterns: readonly string[]): readonly Stream[] {
  for (const pattern of patterns) {
    const matches = picomatch(pattern.replace(/^!/, ''))
    if (!streams.some(({ name }) => matches(name))) {
      throw new ConfigError(
        `no stream matches "${pattern}"${suggestion(
          pattern.replace(/^!/, ''),
          streams.map(({ name }) => name),
        )}`,
        {
          code: 'unknown_stream',
        },
      )
    }
  }
  const excluded = patterns.filter((p) => p.startsWith('!')).map((p) => picomatch(p.slice(1)))
  const included = patterns.filter((p) => !p.startsWith('!')).map((p) => picomatch(p))
  return streams.filter(
    ({ name }) =>
      (included.length === 0 || included.some((matches) => matches(name))) &&
      !excluded.some((matches) => matches(name)),
  )
}
