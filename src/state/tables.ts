/** The tables of `iterable_sync` as Kysely sees them; their DDL is in `migrations/`. */
import type { Kysely } from 'kysely'
import type {
  ActionsTable,
  ApprovalsTable,
  BatchesTable,
  ExportRejectsTable,
  ExportRunsTable,
  ExportsTable,
  MembersTable,
  PlanTable,
} from './tables/exports.ts'
import type {
  ChannelsTable,
  IncidentsTable,
  LeasesTable,
  NotificationsTable,
  QueueTable,
  RunRequestsTable,
  SchedulesTable,
  WorkersTable,
} from './tables/schedules.ts'
import type {
  BookmarksTable,
  ColumnsTable,
  ExportJobsTable,
  LackingStreamsTable,
  ListChangesTable,
  ListReadsTable,
  RejectedRowsTable,
  RetentionTable,
  RunLogTable,
  RunStepsTable,
  RunsTable,
  StreamVolumesTable,
  SweepsTable,
} from './tables/sync.ts'
import type {
  CustomEventViewsTable,
  MartsTable,
  MartTablesTable,
  TableCommentsTable,
} from './tables/views.ts'

/** All of them, by their names. */
export interface StateDatabase {
  runs: RunsTable
  run_steps: RunStepsTable
  run_log: RunLogTable
  bookmarks: BookmarksTable
  lacking_streams: LackingStreamsTable
  export_jobs: ExportJobsTable
  stream_volumes: StreamVolumesTable
  columns: ColumnsTable
  rejected_rows: RejectedRowsTable
  exports: ExportsTable
  export_runs: ExportRunsTable
  approvals: ApprovalsTable
  plan: PlanTable
  batches: BatchesTable
  members: MembersTable
  export_rejects: ExportRejectsTable
  schedules: SchedulesTable
  queue: QueueTable
  leases: LeasesTable
  run_requests: RunRequestsTable
  workers: WorkersTable
  incidents: IncidentsTable
  notifications: NotificationsTable
  marts: MartsTable
  mart_tables: MartTablesTable
  table_comments: TableCommentsTable
  channels: ChannelsTable
  actions: ActionsTable
  custom_event_views: CustomEventViewsTable
  sweeps: SweepsTable
  retention: RetentionTable
  list_reads: ListReadsTable
  list_changes: ListChangesTable
}

/** Where they are read and written: the database itself, or a transaction in it. */
export type Db = Kysely<StateDatabase>
