/** What every part of an export run works with. */
import type { Transaction } from 'kysely'
import type { ConnectionConfig } from '../config/schema.ts'
import type { ConfigError } from '../errors.ts'
import type { IterableClient } from '../iterable/client.ts'
import type { Clock } from '../iterable/clock.ts'
import type { RunLog } from '../state/run-log.ts'
import type { StateDatabase } from '../state/tables.ts'
import type { TransactionOptions, Tx, UseOptions, Warehouse } from '../warehouse/session.ts'
import type { Definition } from './definition/definition.ts'
import type { SavedExport } from './definition/saved.ts'
import type { ChangeText } from './plan/changes.ts'
import type { ExportEvent } from './progress.ts'

export interface ExportInput {
  readonly warehouse: Warehouse
  readonly client: IterableClient
  readonly connection: ConnectionConfig
  readonly definition: Definition
  /** What the other saved exports have against this one, asked in the first transaction of the run. */
  readonly admit?: ((trx: Transaction<StateDatabase>) => Promise<ConfigError | undefined>) | undefined
  /** All saved exports, once `admit` was asked. */
  readonly others?: (() => readonly SavedExport[]) | undefined
  readonly runId: string
  /** A scheduler has made the row of the run. */
  readonly isQueued: boolean
  readonly trigger: string
  /** When a schedule wanted the run; without it an interrupted run is finished instead of a new one begun. */
  readonly nominalAt?: Date | undefined
  readonly previousNominalAt?: Date | undefined
  readonly verify?: boolean | undefined
  readonly clock: Clock
  readonly random: () => number
  readonly signal: AbortSignal
  /** Kept with the run. */
  readonly log: RunLog
  readonly emit: (event: ExportEvent) => void
  readonly onChanges?: ChangeReader | undefined
}

/** Is given every change of a plan that is only looked at; once more from the beginning where planning begins anew. */
export type ChangeReader = (changes: AsyncIterable<ChangeText>) => Promise<void>

/**
 * One transaction of the warehouse; tells when it must be waited for. With `isRepeatable` it is begun anew, too, when the
 * connection breaks: it must find out by itself whether its transaction has happened.
 */
export const inTransaction = <T>(
  { warehouse, emit }: Pick<ExportInput, 'warehouse' | 'emit'>,
  work: (tx: Tx) => Promise<T>,
  options: Omit<UseOptions, 'onWait'> & TransactionOptions = {},
): Promise<T> =>
  warehouse.transaction(work, {
    ...options,
    onWait: (message) => emit({ type: 'notice', message }),
  })
