/** The views as models of dbt: their selects with `ref` and `source` in place of names, and what always holds of them. */
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
  models: files.map(({ name, about, grain, key, columns }) => ({
    name,
    description: `${about.replaceAll('\n', ' ')} One row: ${grain}.`,
    ...(key.length > 1 && { data_tests: [{ unique_together: { arguments: { expressions: key } } }] }),
    columns: columns.map((column) => {
      const tests = [
        ...(key.length === 1 && key.includes(column.name) ? ['unique'] : []),
        ...(key.includes(column.name) && !column.about.includes('NULL') ? ['not_null'] : []),
        ...(isFraction(column.name) ? ['fraction'] : []),
      ]
      return {
        name: column.name,
        description: column.about,
        ...(tests.length > 0 && { data_tests: tests }),
      }
    }),
  })),
})

/** The test that a value lies between 0 and 1, or is NULL. */
export const fraction = `{% test fraction(model, column_name) %}
select {{ column_name }}
from {{ model }}
where {{ column_name }} < 0 or {{ column_name }} > 1
{% endtest %}
`

/** Parts of a whole, by their names. */
export const isFraction = (column: string): boolean =>
  /(^|_)(rate|share|p_value)(_|$)/.test(column) && !beyondOne.includes(column)

/** Those that join a list and leave it on one day, a difference in either direction, and purchases that were paid back. */
const beyondOne: readonly string[] = ['churn_rate', 'difference_rate', 'share_of_revenue']
