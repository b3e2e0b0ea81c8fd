/** What every part of an export run works with. */
import type { ConnectionConfig } from '../config/schema.ts'
import { InterruptedError } from '../errors.ts'
import type { IterableClient } from '../iterable/client.ts'
import type { Clock } from '../iterable/clock.ts'
import type { Session, UseOptions, Warehouse } from '../warehouse/session.ts'
import type { ChangeText } from './changes.ts'
import type { Definition } from './definition.ts'
import type { ExportEvent } from './progress.ts'

export interface ExportInput {
  readonly warehouse: Warehouse
  readonly client: IterableClient
  readonly connection: ConnectionConfig
  readonly definition: Definition
  readonly runId: string
  readonly trigger: string
  /** When a schedule wanted the run; without it an interrupted run is finished instead of a new one begun. */
  readonly nominalAt?: Date | undefined
  readonly previousNominalAt?: Date | undefined
  readonly verify?: boolean | undefined
  readonly clock: Clock
  readonly random: () => number
  readonly signal: AbortSignal
  readonly emit: (event: ExportEvent) => void
  readonly onChanges?: ChangeReader | undefined
}

/** Is given every change of a plan that is only looked at; once more from the beginning where planning begins anew. */
export type ChangeReader = (changes: AsyncIterable<ChangeText>) => Promise<void>

/**
 * Works with the warehouse; tells when it must be waited for. Work that needs more memory than a small engine has is
 * begun anew with more: it is one transaction, or only reads. With `isRepeatable` it is begun anew, too, when the
 * connection breaks: it must find out by itself whether its transaction has happened.
 */
export async function inSession<T>(
  { warehouse, emit }: Pick<ExportInput, 'warehouse' | 'emit'>,
  work: (session: Session) => Promise<T>,
  { isRepeatable = false, signal }: Pick<UseOptions, 'isRepeatable' | 'signal'> = {},
): Promise<T> {
  for (;;) {
    try {
      const onWait = (message: string) => emit({ type: 'notice', message })
      return await warehouse.use(work, { onWait, isRepeatable, signal })
    } catch (error) {
      if (signal?.aborted) throw new InterruptedError(undefined, { cause: error })
      if (!(await warehouse.engine.growAfter(error))) throw error
    }
  }
}
