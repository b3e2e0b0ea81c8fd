/** Upkeep of a warehouse whose files pile up: what is asked for, and what was done. */

export interface MaintenanceRequest {
  /** States younger than this can still be read. */
  readonly keepSnapshotsMs: number
  /** Files that no state needs stay this long, for whoever reads them, or is about to tell of them. */
  readonly keepFilesMs: number
  /** Looks, and changes nothing. */
  readonly isDryRun: boolean
  readonly signal?: AbortSignal | undefined
  /** Hears of each table that was worked on. */
  readonly onTable?: ((table: MaintainedTable) => void) | undefined
}

/** Files of the newest state. */
export interface Stored {
  readonly files: number
  readonly bytes: number
}

export interface MaintainedTable {
  /** `schema.table`. */
  readonly table: string
  readonly before: Stored
  /** What a dry run expects; it takes the bytes to stay. */
  readonly after: Stored
}

export interface Maintenance {
  readonly tables: readonly MaintainedTable[]
  /** States that were ended. */
  readonly snapshots: number
  /** Files that were removed since no state needs them any more. */
  readonly removed: number
  /** Files that were removed since the load that wrote them died. */
  readonly orphans: number
  /** Files that neither the catalogue nor our runs know: they may be another's, and stay. */
  readonly foreign: number
}
