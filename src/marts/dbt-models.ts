/** The views as models of dbt: their selects with `ref` and `source` in place of names. */
import type { MartsConfig } from '../config/schema.ts'
import type { Session } from '../warehouse/session.ts'
import type { ViewFile } from './file.ts'
import { type FoundTables, renderPlaced } from './render.ts'

/** A file of a dbt project. */
export interface DbtFile {
  /** Below the folder of the project. */
  readonly path: string
  readonly text: string
}

/** One model a view; those that `marts.materialize` names are tables. */
export function dbtModel(
  file: ViewFile,
  session: Pick<Session, 'names' | 'dialect'>,
  found: FoundTables,
  settings: MartsConfig,
): DbtFile {
  const { names } = session
  const source = (schema: string) => (table: string) => `{{ source('${schema}', '${table}') }}`
  const select = renderPlaced(file, session, found, settings, {
    streams: source(names.streams),
    sync: source(names.sync),
    tables: source(names.marts),
    marts: (view) => `{{ ref('${view}') }}`,
  })
  const about = file.about.split('\n').map((line) => `-- ${line}`)
  const config = settings.materialize.includes(file.name) ? ["{{ config(materialized='table') }}"] : []
  return { path: `models/marts/${file.name}.sql`, text: `${[...about, ...config, select].join('\n')}\n` }
}

/** What `models/marts/schema.yml` says of the models. */
export const dbtDescriptions = (files: readonly ViewFile[]): unknown => ({
  version: 2,
  models: files.map(({ name, about, grain, columns }) => ({
    name,
    description: `${about.replaceAll('\n', ' ')} One row: ${grain}.`,
    columns: columns.map((column) => ({ name: column.name, description: column.about })),
  })),
})
