/** What keeps saved exports from running: each query is compiled, each list looked up. Nothing is run, sent or written. */
import { connectionOf } from '../../config/connections.ts'
import type { Config, ConnectionConfig } from '../../config/schema.ts'
import { ConfigError, codeOf, type FailureCode, messageOf } from '../../errors.ts'
import type { IterableClient } from '../../iterable/client.ts'
import { listsForm } from '../../iterable/forms.ts'
import type { ExportRow } from '../../state/exports.ts'
import { readGuarded } from '../../warehouse/guarded.ts'
import type { Warehouse } from '../../warehouse/session.ts'
import { readStatement } from '../../warehouse/statement.ts'
import { mapColumns } from '../rows/mapping.ts'
import { prepareQuery } from '../rows/query.ts'
import type { StatedDefinition } from './definition.ts'
import { findList, listIdAmong, type ProjectList } from './list.ts'
import { definitionOf, readSaved, refuseRivals, type SavedExport } from './saved.ts'

/** Something that is wrong with one export. */
export interface ExportFault {
  readonly export: string
  readonly code: FailureCode
  readonly message: string
}

export interface Inspection {
  readonly exports: readonly SavedExport[]
  readonly faults: readonly ExportFault[]
  /** What could not be looked at, and why. */
  readonly unknown: readonly string[]
}

export interface InspectInput {
  readonly config: Config
  readonly warehouse: Warehouse
  readonly clientFor: (connection: ConnectionConfig) => IterableClient
  readonly now: Date
  readonly signal?: AbortSignal | undefined
  /** False before the first sync: the tables that queries read are not there yet. */
  readonly hasTables: boolean
}

/** Looks at the exports of the files and of `rows`, which is the table `exports` as it is. */
export async function inspectExports(rows: readonly ExportRow[], input: InspectInput): Promise<Inspection> {
  const { config } = input
  const saved = await readSaved(config.exports.directory, rows, config.notifications)
  const faults: ExportFault[] = []
  const unknown: string[] = []
  const definitions = saved.flatMap(({ definition }) => definition ?? [])
  for (const { name, error } of saved) {
    if (error !== undefined) faults.push({ export: name, code: 'broken_export', message: error })
  }
  const attempt = async (name: string, work: () => unknown) => {
    try {
      await work()
    } catch (error) {
      if (input.signal?.aborted) throw error
      const message = messageOf(error)
      const about = `export "${name}"`
      const isNamed = error instanceof ConfigError && error.about === about
      const named = isNamed ? message : `${about}: ${message}`
      if (!(error instanceof ConfigError)) unknown.push(named)
      else if (!faults.some((one) => one.export === name && one.message === named))
        faults.push({ export: name, code: codeOf(error), message: named })
    }
  }
  for (const definition of definitions) {
    await attempt(definition.name, () => definitionOf(saved, definition.name, config.exports.directory))
    await attempt(definition.name, () => compile(definition, input))
  }
  if (!input.hasTables && definitions.length > 0) unknown.push('queries can be compiled after the first sync')
  const listsOf = listReader(input)
  for (const definition of definitions) {
    await attempt(definition.name, async () => {
      const connection = connectionFor(definition, input)
      const lists = await listsOf(connection)
      if (lists instanceof Error) {
        const message = `the lists of connection "${connection.name}" cannot be read: ${messageOf(lists)}`
        if (!unknown.includes(message)) unknown.push(message)
      } else {
        const { list, create_list } = definition.settings
        if (!create_list || lists.some(({ name }) => name === list)) findList(lists, definition)
        const isTold = faults.some((one) => one.export === definition.name && one.code === 'two_mirrors')
        if (isTold) return
        refuseRivals(definition, saved, listIdAmong(lists))
      }
    })
  }
  return { exports: saved, faults, unknown }
}

const connectionFor = ({ name, settings }: StatedDefinition, { config }: InspectInput) =>
  connectionOf(config, settings.connection, `export "${name}"`)

/** Finds out the columns, as the run would; no row is read for that. */
async function compile(definition: StatedDefinition, input: InspectInput): Promise<void> {
  const { now, warehouse, signal } = input
  const query = prepareQuery(definition.query, {
    nominal_time: now,
    previous_nominal_time: null,
    last_success_time: null,
  })
  if (!input.hasTables) return
  const columnsOnly = readStatement(`select * from (\n${query.text}\n) as query limit 0`)
  const columns = await readGuarded(
    warehouse,
    (session) => session.select(columnsOnly),
    async (selection) => selection.columns,
    { signal },
  )
  mapColumns(columns, definition.settings, {
    projectType: connectionFor(definition, input).project_type,
    now,
    keepsNames: definition.keepsNames,
  })
}

/** Asks each project for its lists once; an error is an answer, too. */
function listReader({ clientFor, signal }: InspectInput) {
  const known = new Map<string, Promise<readonly ProjectList[] | Error>>()
  return (connection: ConnectionConfig & { readonly name: string }) => {
    const answer = known.get(connection.name) ?? read(connection)
    known.set(connection.name, answer)
    return answer
  }
  async function read(connection: ConnectionConfig): Promise<readonly ProjectList[] | Error> {
    await using client = clientFor(connection)
    try {
      return (await client.json('lists', { form: listsForm, signal, retry: false })).lists
    } catch (error) {
      if (signal?.aborted) throw error
      return error instanceof Error ? error : new Error(messageOf(error))
    }
  }
}
