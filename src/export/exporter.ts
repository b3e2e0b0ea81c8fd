/** Exports as the library offers them: saved ones by name, ad-hoc ones by query, and what people say to held plans. */
import { randomUUID } from 'node:crypto'
import { connectionOf } from '../config/connections.ts'
import type { Config, ConnectionConfig, ScheduleConfig } from '../config/schema.ts'
import type { IterableClient } from '../iterable/client.ts'
import type { Clock } from '../iterable/clock.ts'
import { readExportRuns } from '../state/exports.ts'
import type { Warehouse } from '../warehouse/session.ts'
import { approveRun, cancelRun } from './approve.ts'
import type { ChangeReader, ExportInput } from './context.ts'
import type { Definition } from './definition.ts'
import type { ExportEvent, ExportPlan, ExportReport } from './progress.ts'
import { adhocConnection, adhocDefinition, readResult } from './result.ts'
import { retryRejects } from './retry.ts'
import { planExport, refuseRivals, runExport } from './run.ts'
import { definitionOf, loadExports, type SavedExport } from './saved.ts'
import type { ExportSettings } from './settings.ts'

/** A query with Treasure Data's result settings. */
export interface AdhocExport {
  readonly query: string
  /** `{"type":"iterable","api_key":…,"action":"add","list_id":…}`, as text or object. */
  readonly result: string | object
  /** Name of a connection of the configuration, whose key is used. */
  readonly connection?: string | undefined
}

/** How an export is asked for. */
export interface ExportRequest {
  /** Finishes the batches on their way and stops; the next run goes on there. */
  readonly signal?: AbortSignal
  readonly onProgress?: (event: ExportEvent) => void
  readonly trigger?: string
  /** Of the row in `runs` that a scheduler has made. */
  readonly runId?: string
  /** What `$nominal_time` stands for; now by default. */
  readonly nominalAt?: Date
  readonly previousNominalAt?: Date
  /** Reads the list back after sending. */
  readonly verify?: boolean
  /** `planExport`: reads every change of the plan, not only samples; anew if planning has to begin anew. */
  readonly onChanges?: ChangeReader
}

/** A saved export as `exports` shows it. */
export interface ExportStatus {
  readonly name: string
  readonly defined_in: string
  readonly action: string | null
  readonly list_id: number | null
  readonly schedule: ScheduleConfig | null
  readonly notify: ExportSettings['notify'] | null
  /** Why it cannot run. */
  readonly error: string | null
  readonly last_run: {
    readonly run_id: string
    readonly state: string
    readonly started_at: Date | null
    readonly sent: number
    /** People whom a mirror took off the list. */
    readonly removed: number
    readonly rejected: number
    readonly error: string | null
  } | null
}

export interface Exporter {
  export(what: string | AdhocExport, request?: ExportRequest): Promise<ExportReport>
  planExport(what: string | AdhocExport, request?: ExportRequest): Promise<ExportPlan>
  exports(options?: { readonly signal?: AbortSignal }): Promise<readonly ExportStatus[]>
  approve(
    runId: string,
    request?: ExportRequest & { readonly by?: string; readonly note?: string },
  ): Promise<ExportReport>
  cancel(runId: string): Promise<{ readonly run_id: string; readonly state: 'cancelled' }>
  retryRejects(request?: ExportRequest & { readonly export?: string }): Promise<readonly ExportReport[]>
}

export interface ExporterContext {
  readonly config: Config
  readonly warehouse: Warehouse
  readonly clock: Clock
  readonly random: () => number
  readonly clientFor: (connection: ConnectionConfig) => IterableClient
}

export function createExporter(context: ExporterContext): Exporter {
  const { config, warehouse, clock, random, clientFor } = context
  const { directory } = config.exports
  const load = (options: { signal?: AbortSignal } = {}) =>
    loadExports(warehouse, directory, { now: clock.now(), notifications: config.notifications, ...options })

  /** Everything that a run of this definition needs. */
  async function withInput<T>(
    definition: Definition,
    connection: ConnectionConfig,
    request: ExportRequest,
    work: (input: ExportInput) => Promise<T>,
  ): Promise<T> {
    await using client = clientFor(connection)
    return await work({
      ...{ warehouse, client, connection, definition, clock, random },
      ...{ runId: request.runId ?? randomUUID(), trigger: request.trigger ?? 'manual' },
      ...{
        nominalAt: request.nominalAt,
        previousNominalAt: request.previousNominalAt,
        verify: request.verify,
        onChanges: request.onChanges,
      },
      signal: request.signal ?? new AbortController().signal,
      emit: request.onProgress ?? (() => {}),
    })
  }

  async function find(
    what: string | AdhocExport,
  ): Promise<{ definition: Definition; connection: ConnectionConfig }> {
    if (typeof what === 'string') {
      const saved = await load()
      const definition = definitionOf(saved, what, directory)
      refuseRivals(definition, definitionsOf(saved))
      return {
        definition,
        connection: connectionOf(config, definition.settings.connection, `export "${what}"`),
      }
    }
    const result = readResult(what.result)
    const named =
      what.connection === undefined ? undefined : connectionOf(config, what.connection, '--connection')
    return { definition: adhocDefinition(what.query, result), connection: adhocConnection(result, named) }
  }

  return {
    async export(what, request = {}) {
      const { definition, connection } = await find(what)
      return withInput(definition, connection, request, runExport)
    },
    async planExport(what, request = {}) {
      const { definition, connection } = await find(what)
      return withInput(definition, connection, request, planExport)
    },
    async exports(options = {}) {
      const saved = await load(options)
      return warehouse.use(async ({ db }) => {
        const statuses: ExportStatus[] = []
        for (const one of saved) {
          const [last] = await readExportRuns(db, one.name, 1)
          const run =
            last &&
            (await db.selectFrom('runs').selectAll().where('run_id', '=', last.run_id).executeTakeFirst())
          const settings = one.definition?.settings
          statuses.push({
            name: one.name,
            defined_in: one.definedIn,
            action: settings?.action ?? null,
            list_id: settings?.list_id ?? null,
            schedule: settings?.schedule ?? null,
            notify: settings?.notify ?? null,
            error: one.error ?? null,
            last_run:
              last && run
                ? {
                    ...{
                      run_id: run.run_id,
                      state: run.state,
                      started_at: run.started_at,
                      error: run.error_text,
                    },
                    ...{
                      sent: Number(last.sent),
                      removed: Number(last.removed),
                      rejected: Number(last.rejected),
                    },
                  }
                : null,
          })
        }
        return statuses
      })
    },
    approve: (runId, request = {}) =>
      approveRun({ warehouse, clock }, runId, request, async (name) => {
        const { definition, connection } = await find(name)
        return { definition, send: (work) => withInput(definition, connection, request, work) }
      }),
    cancel: (runId) => cancelRun({ warehouse, clock }, runId),
    retryRejects: (request = {}) =>
      retryRejects(warehouse, request.export, async (name, work) => {
        const { definition, connection } = await find(name)
        return withInput(definition, connection, { ...request, trigger: 'retry' }, work)
      }),
  }
}

const definitionsOf = (saved: readonly SavedExport[]): readonly Definition[] =>
  saved.flatMap(({ definition }) => (definition ? [definition] : []))
