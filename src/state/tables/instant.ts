/** Instants of our own tables, as they are read and written. */
import type { ColumnType as Column } from 'kysely'

/** An instant: read as Date, written as Date. */
export type Instant = Column<Date, Date, Date>
/** The same, or none. */
export type OptionalInstant = Column<Date | null, Date | null | undefined, Date | null>
