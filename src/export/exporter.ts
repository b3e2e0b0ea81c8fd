/** Exports as the library offers them: saved ones by name, ad-hoc ones by query, and what people say to held plans. */
import { randomUUID } from 'node:crypto'
import { connectionOf } from '../config/connections.ts'
import type { Config, ConnectionConfig, ScheduleConfig } from '../config/schema.ts'
import { redact } from '../config/secrets.ts'
import { ConfigError } from '../errors.ts'
import type { IterableClient } from '../iterable/client.ts'
import type { Clock } from '../iterable/clock.ts'
import { readExportRuns } from '../state/exports.ts'
import { RunLog } from '../state/run-log.ts'
import type { Warehouse } from '../warehouse/session.ts'
import { count, counted } from '../words.ts'
import { approveRun, cancelRun } from './approve.ts'
import type { ChangeReader, ExportInput } from './context.ts'
import type { StatedDefinition } from './definition/definition.ts'
import { withList } from './definition/list.ts'
import {
  definitionIn,
  definitionOf,
  loadExports,
  readExportFiles,
  type SavedExport,
  storeExports,
} from './definition/saved.ts'
import type { ExportSettings } from './definition/settings.ts'
import type { ExportEvent, ExportPlan, ExportReport } from './progress.ts'
import { retryRejects } from './retry.ts'
import { planExport, runExport } from './run.ts'
import { adhocConnection, adhocDefinition, readResult } from './treasure-data/result.ts'

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
  /** The name of the list, where it is written by that. */
  readonly list: string | null
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
  cancel(
    runId: string,
    request?: { readonly by?: string; readonly note?: string },
  ): Promise<{ readonly run_id: string; readonly state: 'cancelled' }>
  retryRejects(request?: ExportRequest & { readonly export?: string }): Promise<readonly ExportReport[]>
}

export interface ExporterContext {
  readonly config: Config
  readonly warehouse: Warehouse
  readonly clock: Clock
  readonly random: () => number
  /** What no log may show. */
  readonly secrets: readonly string[]
  readonly clientFor: (connection: ConnectionConfig) => IterableClient
}

/** An export that is to be run, and where it goes. */
type Found = Pick<ExportInput, 'connection' | 'admit' | 'others'> & { readonly definition: StatedDefinition }

export function createExporter(context: ExporterContext): Exporter {
  const { config, warehouse, clock, random, clientFor, secrets } = context
  const { directory } = config.exports
  const storing = () => ({ now: clock.now(), notifications: config.notifications })
  const load = (options: { signal?: AbortSignal } = {}) =>
    loadExports(warehouse, directory, { ...storing(), ...options })

  /** Everything that a run of this definition needs. */
  async function withInput<T>(
    { definition: stated, connection, admit, others }: Found,
    request: ExportRequest,
    work: (input: ExportInput) => Promise<T>,
    mayCreate = false,
  ): Promise<T> {
    await using client = clientFor(connection)
    const signal = request.signal ?? new AbortController().signal
    const hidden = [...secrets, connection.api_key]
    const log = new RunLog(clock.now, (text) => redact(text, hidden))
    const emit = loggingTo(log, request.onProgress ?? (() => {}))
    const tell = (message: string) => emit({ type: 'notice', message })
    const definition = await withList(stated, { client, signal, clock, tell, mayCreate })
    return await work({
      warehouse,
      client,
      connection,
      definition,
      admit,
      others,
      clock,
      random,
      runId: request.runId ?? randomUUID(),
      isQueued: request.runId !== undefined,
      trigger: request.trigger ?? 'manual',
      nominalAt: request.nominalAt,
      previousNominalAt: request.previousNominalAt,
      verify: request.verify,
      onChanges: request.onChanges,
      signal,
      log,
      emit,
    })
  }

  const saved = (definition: StatedDefinition): Found => ({
    definition,
    connection: connectionOf(config, definition.settings.connection, `export "${definition.name}"`),
  })

  /** A saved export, as the table of all of them has it. */
  async function findStored(name: string): Promise<Found> {
    const all = await load()
    return { ...saved(definitionOf(all, name, directory)), others: () => all }
  }

  /** The export to be run. What one of a file says is known before the warehouse is opened, which then has its say. */
  async function find(what: string | AdhocExport): Promise<Found> {
    if (typeof what === 'string') {
      const files = await readExportFiles(directory)
      const file = files.find(({ name }) => name === what)
      const definition = file && definitionIn(file, config.notifications)
      if (!definition) return findStored(what)
      let all: readonly SavedExport[] = []
      const admit: Found['admit'] = async (trx) => {
        all = await storeExports(trx, files, storing())
        return refusalOf(what, all, directory)
      }
      return { ...saved(definition), admit, others: () => all }
    }
    const result = readResult(what.result)
    const named =
      what.connection === undefined ? undefined : connectionOf(config, what.connection, '--connection')
    return { definition: adhocDefinition(what.query, result), connection: adhocConnection(result, named) }
  }

  return {
    async export(what, request = {}) {
      return withInput(await find(what), request, runExport, true)
    },
    async planExport(what, request = {}) {
      return withInput(await find(what), request, planExport)
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
            list: settings?.list ?? null,
            schedule: settings?.schedule ?? null,
            notify: settings?.notify ?? null,
            error: one.error ?? null,
            last_run:
              last && run
                ? {
                    run_id: run.run_id,
                    state: run.state,
                    started_at: run.started_at,
                    error: run.error_text,
                    sent: last.sent,
                    removed: last.removed,
                    rejected: last.rejected,
                  }
                : null,
          })
        }
        return statuses
      })
    },
    approve: (runId, request = {}) =>
      approveRun({ warehouse, clock }, runId, request, async (name) => {
        const found = await findStored(name)
        return { definition: found.definition, send: (work) => withInput(found, request, work) }
      }),
    cancel: (runId, request) => cancelRun({ warehouse, clock }, runId, request),
    retryRejects: (request = {}) =>
      retryRejects(warehouse, request.export, async (name, work) => {
        return withInput(await findStored(name), { ...request, trigger: 'retry' }, work)
      }),
  }
}

/** What people would like to read of a run later. */
function loggingTo(log: RunLog, emit: ExportInput['emit']): ExportInput['emit'] {
  return (event) => {
    if (event.type === 'notice') log.say('info', event.message)
    if (event.type === 'sending' && event.batchesDone === 0)
      log.say('info', `sending ${counted(event.batches, 'request')} about ${count(event.rows)} people`)
    if (event.type === 'wait')
      log.say('warn', `waiting until ${event.until.toISOString()}: ${event.reason.replaceAll('_', ' ')}`)
    emit(event)
  }
}

/** What stands against an export among all saved ones: it is defined twice, or another mirrors its list. */
function refusalOf(name: string, saved: readonly SavedExport[], directory: string): ConfigError | undefined {
  try {
    definitionOf(saved, name, directory)
    return undefined
  } catch (error) {
    if (error instanceof ConfigError) return error
    throw error
  }
}
