/** A dbt project of what is in the warehouse: its tables as sources, the views for analysts as models. */
import { stringify } from 'yaml'
import type { Stream } from '../catalog/index.ts'
import type { MartsConfig } from '../config/schema.ts'
import type { Session } from '../warehouse/session.ts'
import { type DbtFile, dbtDescriptions, dbtModel, fraction } from './dbt-models.ts'
import { dbtSources, uniqueTogether } from './dbt-sources.ts'
import type { ViewFile } from './file.ts'
import { readViewFiles } from './files.ts'
import { missingStreams, readTables } from './state.ts'

export type { DbtFile } from './dbt-models.ts'

export interface DbtProject {
  readonly files: readonly DbtFile[]
  /** Views that do not become models, and why. */
  readonly left_out: readonly { readonly view: string; readonly reason: string }[]
}

/** The project for the dialect of the warehouse and the columns that its tables have today. */
export async function dbtProject(
  session: Session,
  streams: readonly Stream[],
  settings: MartsConfig,
): Promise<DbtProject> {
  const files = await readViewFiles()
  const found = await readTables(session)
  const hasState = session.tables === session.db
  const reasons = reasonsAgainst(
    files,
    missingStreams(files, (stream) => found.has(stream)),
    hasState,
  )
  const models = files.filter(({ name }) => !reasons.has(name))
  return {
    files: [
      { path: 'dbt_project.yml', text: yaml(projectSettings) },
      {
        path: 'models/sources.yml',
        text: yaml(dbtSources({ session, streams, found, files: models, hasState })),
      },
      ...models.map((file) => dbtModel(file, session, found, settings)),
      { path: 'models/marts/schema.yml', text: yaml(dbtDescriptions(models)) },
      { path: 'tests/generic/unique_together.sql', text: uniqueTogether },
      { path: 'tests/generic/fraction.sql', text: fraction },
    ],
    left_out: [...reasons].map(([view, reason]) => ({ view, reason })),
  }
}

const projectSettings = {
  name: 'iterable_elt',
  version: '1.0.0',
  'config-version': 2,
  profile: 'iterable_elt',
  // Tests have "arguments" since then.
  'require-dbt-version': '>=1.10.5',
  'model-paths': ['models'],
  'test-paths': ['tests'],
  models: { iterable_elt: { '+materialized': 'view' } },
}

const yaml = (value: unknown): string =>
  `# Written by "iterable-elt views --dbt"; a file that you change is yours, and is left alone.\n${stringify(value, { lineWidth: 120, aliasDuplicateObjects: false })}`

function reasonsAgainst(
  files: readonly ViewFile[],
  missing: ReadonlyMap<string, readonly string[]>,
  hasState: boolean,
): ReadonlyMap<string, string> {
  const reasons = new Map<string, string>()
  // In an order in which a view comes after those that it reads.
  for (const { name, select, views } of files) {
    const lacking = missing.get(name) ?? []
    const readsState = select.includes('{{sync.') || views.some((view) => reasons.has(view))
    if (lacking.length > 0) reasons.set(name, `needs ${lacking.join(', ')}, not replicated`)
    else if (!hasState && readsState)
      reasons.set(name, 'reads our own tables, which are kept in another database')
  }
  return reasons
}
