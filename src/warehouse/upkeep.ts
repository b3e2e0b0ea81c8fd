/**
 * What keeps a warehouse in order, beside the work that is done in it: asked for at the ends of syncs, and by the commands
 * that erase, maintain and migrate. Whatever one kind of warehouse alone needs is a member that the others leave out.
 */
import type { Maintenance, MaintenanceRequest } from './maintenance.ts'
import type { PartitionedTable, PartitionRequest } from './partitioning.ts'
import type { Session, Tx } from './session.ts'

export interface Upkeep {
  /**
   * After rows were deleted: what is left of them in files of these tables goes, too, as far as the database lets it.
   * Returns what stays, in words for the user.
   */
  scrub(tables: readonly string[]): Promise<readonly string[]>
  /** Brings stream tables that an older version made to what this one would make. Returns what people should know. */
  readonly modernize?: (session: Session) => Promise<readonly string[]>
  /**
   * Lets the roles of `warehouse.readers` read all that is ours. Only where there are roles.
   * @throws ConfigError for a role that does not exist.
   */
  readonly admitReaders?: (session: Session) => Promise<void>
  /**
   * Looks after tables of events when a sync has ended: builds what `warehouse.indexes` asks for, and counts anew what has
   * grown and the server does not count by itself. Returns what could not be done, and why.
   */
  readonly tendTables?: (tables: readonly string[], signal: AbortSignal) => Promise<readonly string[]>
  /** Drops the parts of a table that hold nothing but rows from before an instant. Returns how many rows went. Only where tables have parts. */
  readonly dropParts?: (tx: Tx, table: string, before: Date) => Promise<number>
  /** Makes tables of events tables of parts, one for each month, each in a transaction. Only where tables have parts. */
  readonly partition?: (request: PartitionRequest) => Promise<readonly PartitionedTable[]>
  /** Merges files and removes what nothing needs, while no sync runs. Only where files pile up. */
  readonly maintain?: (request: MaintenanceRequest) => Promise<Maintenance>
}
