/**
 * Every code that an error of ours can carry or a run can end with, with what it calls for and what helps. The classes of
 * `errors.ts` take codes of their own kind only, and `runs.error_code` none but these, so the compiler keeps this table
 * complete; `docs/errors.md` is made from it.
 */

/**
 * What a failure calls for. `config`: a change by a person, and many in a row pause the schedule. `transient`: another
 * try later. `run`: nothing (rows that are refused, a brake); the next tick comes as planned.
 */
export type ErrorKind = 'config' | 'transient' | 'run'

interface CodeFacts {
  readonly kind: ErrorKind
  /** What has happened, as a sentence without its full stop. */
  readonly means: string
  /** What a person can do about it. */
  readonly cure: string
}

export const errorCodes = {
  // What people write: the configuration, the command line, exports and schedules.
  config: {
    kind: 'config',
    means: 'The configuration has a fault',
    cure: 'Correct what the message names; "check" tries all of it',
  },
  usage: {
    kind: 'config',
    means: 'The command does not understand its arguments',
    cure: '--help after the command shows its options and an example',
  },
  closed: {
    kind: 'config',
    means: 'An application uses the library after it has closed it',
    cure: 'Open the configuration once more, and close it when all work has ended',
  },
  port: {
    kind: 'config',
    means: 'The port to listen on is taken, or not allowed',
    cure: 'Choose another port',
  },
  unknown_stream: {
    kind: 'config',
    means: 'No stream has this name, or matches this pattern',
    cure: '"streams" lists the names',
  },
  unknown_table: {
    kind: 'config',
    means: 'No table or view of ours has this name',
    cure: 'Write the names with their schemas, as list_tables of "mcp" shows them',
  },
  not_maskable: {
    kind: 'config',
    means: 'A query of an assistant was refused, because nobody could be sure that it shows no personal data',
    cure: 'Write one plain SELECT over the listed tables and views; or set mcp.personal_data, if the assistant may see everything',
  },
  answer_timeout: {
    kind: 'transient',
    means: 'An answer to an assistant took longer than mcp.timeout',
    cure: 'Ask for less (a span of time, fewer columns, a view that is kept as a table), or raise mcp.timeout',
  },
  unknown_view: {
    kind: 'config',
    means: 'No view has this name',
    cure: '"views" lists the names',
  },
  unknown_campaign: {
    kind: 'config',
    means: 'No campaign has this id or name, or several have the name',
    cure: 'Take the id of one that the message names; "report" lists them',
  },
  bad_range: {
    kind: 'config',
    means: 'The range of days is empty, or ends before it begins',
    cure: 'Days are written 2026-01-31; --from is the first, --to the last, both included',
  },
  no_marts: {
    kind: 'config',
    means: 'The views that the report reads are not there yet',
    cure: 'Run "sync"; "views" says what is in the way',
  },
  target_not_empty: {
    kind: 'config',
    means: 'The warehouse that a copy is to go into holds data of its own',
    cure: 'Name an empty one, or another "schema" there; an interrupted copy is resumed',
  },
  copy_differs: {
    kind: 'run',
    means: 'What a copy has put into another warehouse is not what the first one holds',
    cure: 'Empty the target, and copy again while nothing else writes into either',
  },
  not_materialized: {
    kind: 'config',
    means: 'A view was to be filled that the configuration does not keep as a table',
    cure: 'Add the view to marts.materialize',
  },
  unknown_job: {
    kind: 'config',
    means: 'No job or schedule has this name',
    cure: '"schedule list" and "exports" list the names',
  },
  unknown_run: {
    kind: 'config',
    means: 'No run has this id, or several begin with it',
    cure: '"runs" lists the ids; the first characters are enough if they are unique',
  },
  unknown_export: {
    kind: 'config',
    means: 'No saved export has this name',
    cure: '"exports" lists the names',
  },
  broken_export: {
    kind: 'config',
    means: 'The definition of a saved export cannot be read',
    cure: 'Correct its file or its row as the message says',
  },
  two_mirrors: {
    kind: 'config',
    means: 'Two exports mirror the same list, and each would remove the people of the other',
    cure: 'Give each mirror a list of its own, or merge the queries',
  },
  unknown_list: {
    kind: 'config',
    means: 'The project of the API key has no such list',
    cure: 'Correct list_id; check that the API key belongs to the project of the list',
  },
  dynamic_list: {
    kind: 'config',
    means: 'Iterable fills this list itself, so nobody else can write to it',
    cure: 'Name a static list',
  },
  query_invalid: {
    kind: 'config',
    means: 'A query does not compile, or a value does not fit what it does',
    cure: 'Correct the SQL; "sql" runs the query of an export alone',
  },
  not_a_select: {
    kind: 'config',
    means: 'A query is not a single SELECT that only reads the warehouse',
    cure: 'Write one SELECT; to write, use a client of the database, before the export where it is one',
  },
  missing_identifier: {
    kind: 'config',
    means: 'The result of the query has neither a column email nor user_id, so it names nobody',
    cure: 'Select one of them, or rename a column to it',
  },
  unsupported_type: {
    kind: 'config',
    means: 'A column has a type that cannot be written as JSON',
    cure: 'Cast the column in the query, as the message suggests',
  },
  not_an_export: {
    kind: 'config',
    means: 'The run is a sync, and only runs of exports are approved or cancelled',
    cure: 'Stop a sync by ending its process',
  },
  not_held: {
    kind: 'config',
    means: 'The run is not waiting for approval',
    cure: '"runs" shows the state of each run',
  },
  expired: {
    kind: 'config',
    means: 'The plan was held for more than 24 hours, and is out of date',
    cure: 'Run the export again for a new plan',
  },
  changed: {
    kind: 'config',
    means: 'The query or the settings have changed since the plan was made',
    cure: 'Run the export again for a new plan',
  },
  ended: {
    kind: 'config',
    means: 'The run has ended, so there is nothing to cancel',
    cure: 'There is nothing to do',
  },

  // Iterable.
  unauthorized: {
    kind: 'config',
    means: 'Iterable does not know the API key (401)',
    cure: 'Correct api_key; check whether the project is in the other data center (region)',
  },
  forbidden: {
    kind: 'config',
    means: 'The API key may not do this (403)',
    cure: 'Use a server-side key without restrictions on endpoints',
  },
  not_found: {
    kind: 'config',
    means: 'Iterable has no such id, or the feature is switched off in this project (404)',
    cure: 'Correct the id; if every request ends like this, base_url is wrong',
  },
  bad_request: {
    kind: 'config',
    means: 'Iterable refuses the request as it is (400)',
    cure: 'The message quotes what Iterable says',
  },
  field_type_mismatch: {
    kind: 'config',
    means: 'A field has another type in the project than the query sends',
    cure: 'Cast the field in the query',
  },
  batch_too_large: {
    kind: 'run',
    means: 'A batch was too large for Iterable, even after it was halved (413)',
    cure: 'Send smaller values',
  },
  rate_limited: {
    kind: 'transient',
    means: 'The project has used up its rate limit, for longer than we wait (429)',
    cure: 'Try again later; lower rate_limits where other programs use the same project',
  },
  server_error: {
    kind: 'transient',
    means: 'Iterable failed, again and again (408, 5xx)',
    cure: 'Try again later',
  },
  unexpected_answer: {
    kind: 'transient',
    means: 'The answer is none of those that Iterable gives: a redirection, a 407, or the like',
    cure: 'Check base_url, and any proxy on the way',
  },
  transfer: {
    kind: 'transient',
    means: 'An answer broke off, fell silent or never began; nothing of it was used',
    cure: 'Try again; check the network, and any proxy on the way',
  },
  malformed_response: {
    kind: 'transient',
    means: 'An answer does not have the form that Iterable documents',
    cure: 'Check base_url, and any proxy on the way; try again',
  },
  answer_too_large: {
    kind: 'run',
    means: 'An answer is larger than the limit for its endpoint',
    cure: 'Report it with the endpoint that the message names',
  },
  unreachable: {
    kind: 'transient',
    means: 'No connection to the host could be made',
    cure: "Check base_url, the network and HTTPS_PROXY; a proxy's own certificate goes into NODE_EXTRA_CA_CERTS",
  },
  list_shrunk: {
    kind: 'transient',
    means: 'A read of a list returned fewer members than the list has',
    cure: 'The rows in the warehouse stay; the next sync reads the list again',
  },
  list_not_ready: {
    kind: 'transient',
    means: 'A new list does not show in Iterable yet',
    cure: 'Run the export again in a few minutes: it finds the list by its name',
  },
  too_many_rejects: {
    kind: 'run',
    means: 'More rows were refused than max_reject_percent allows',
    cure: '"rejects" shows the rows with their reasons; correct the source, or raise the limit',
  },
  invalid_rows: {
    kind: 'run',
    means: 'Rows of the query cannot be sent, and skip_invalid_data is false, so nothing was sent',
    cure: 'Correct the rows that the message lists, or set skip_invalid_data: true',
  },
  brake: {
    kind: 'run',
    means: 'A brake stopped the run before anything was sent',
    cure: 'Look at the query; change the brake if the plan is right',
  },
  lease_lost: {
    kind: 'transient',
    means: 'The run was cancelled, or taken over by another process',
    cure: 'There is nothing to do: whoever has the run continues it',
  },

  // The warehouse and the machine.
  locked: {
    kind: 'transient',
    means: 'Another run of the same job is in progress',
    cure: 'Wait until it ends, or stop it',
  },
  warehouse_locked: {
    kind: 'transient',
    means: 'Another program holds the DuckDB file, or another session a table',
    cure: 'Close it there; end the session that holds the table',
  },
  warehouse_not_writable: {
    kind: 'config',
    means: 'A file or folder of the warehouse cannot be written',
    cure: 'Change its permissions, or "warehouse.path"',
  },
  not_a_warehouse: {
    kind: 'config',
    means: 'The file exists but is not a DuckDB database',
    cure: 'Change "warehouse.path", or move that file away',
  },
  lake_damaged: {
    kind: 'config',
    means: 'The catalogue of a lake has an entry that DuckLake cannot place',
    cure: 'Do as the message says: a view is taken out and made anew, a table comes from a backup',
  },
  lake_file_missing: {
    kind: 'config',
    means: 'A file that the catalogue of a lake names is gone',
    cure: 'Run again where upkeep has just removed it; else bring it back from a backup, or sync into another "schema"',
  },
  other_data_path: {
    kind: 'config',
    means: 'The lake of this catalogue keeps its files elsewhere than in `warehouse.data_path`',
    cure: 'Correct "warehouse.data_path", or choose another "schema"',
  },
  storage_refused: {
    kind: 'config',
    means: 'The storage of the lake does not let us in, or has no such bucket',
    cure: 'Check "warehouse.storage" and "warehouse.data_path", and the rights of the key',
  },
  storage_unreachable: {
    kind: 'transient',
    means: 'The storage of the lake does not answer',
    cure: 'Look at "warehouse.storage" and the network; run again',
  },
  person_in_plan: {
    kind: 'config',
    means: 'Somebody who is to be erased is in the plan of a run that has not ended',
    cure: 'Cancel that run (`runs cancel`), or let it end, then erase again',
  },
  extension_missing: {
    kind: 'config',
    means: 'An extension of DuckDB that the lake needs is not available',
    cure: 'Let this machine reach extensions.duckdb.org, or name a folder that has it as "warehouse.extension_directory"',
  },
  role: {
    kind: 'config',
    means: 'The role of `exports.role` cannot be assumed',
    cure: 'Create the role (docs/postgres-roles.md), and grant it to the role that connects',
  },
  damaged_warehouse: {
    kind: 'config',
    means: 'The file of the warehouse is damaged: its checksums do not match',
    cure: 'Put a backup in its place, or move it away and sync again from the start',
  },
  newer_warehouse: {
    kind: 'config',
    means: 'A newer version of iterable-elt or of DuckDB has written the warehouse',
    cure: 'Upgrade iterable-elt; for DuckDB 2.0 see docs/troubleshooting.md',
  },
  spool_not_writable: {
    kind: 'config',
    means: 'Downloads cannot be written to the spool directory',
    cure: 'Make it writable, or set "spool_directory"',
  },
  disk_full: {
    kind: 'transient',
    means: 'The disk is full; nothing half-written was published',
    cure: 'Free space beside the warehouse, or move "spool_directory"',
  },
  out_of_memory: {
    kind: 'config',
    means: 'DuckDB needs more memory than its limit allows',
    cure: 'Raise "warehouse.memory_limit"',
  },
  query_failed: {
    kind: 'transient',
    means: 'A query failed while it ran',
    cure: 'The message quotes what the database says',
  },
  view_in_the_way: {
    kind: 'config',
    means: 'Columns of a table or view must change, and a view that we may not change reads them',
    cure: 'Drop or change that view, or make our role a member of its owner',
  },
  refused_value: {
    kind: 'run',
    means: 'Postgres refuses a value',
    cure: 'Report it with the message: such values should become rejected rows',
  },
  connection_lost: {
    kind: 'transient',
    means: 'The connection to Postgres broke; nothing of that step was published',
    cure: 'Run again',
  },
  warehouse_unreachable: {
    kind: 'transient',
    means: 'Postgres cannot be reached, or does not answer in time',
    cure: 'Check host and port in "warehouse.url", and that the server is up',
  },
  warehouse_login: {
    kind: 'config',
    means: 'Postgres refuses the login',
    cure: 'Correct user and password in "warehouse.url"; check pg_hba.conf',
  },
  warehouse_database_missing: {
    kind: 'config',
    means: 'The server has no database of this name',
    cure: 'Create it, or correct the name in "warehouse.url"',
  },
  warehouse_tls: {
    kind: 'config',
    means: 'TLS with Postgres failed',
    cure: 'Set "warehouse.ssl" as the message says',
  },
  warehouse_permission: {
    kind: 'config',
    means: 'The Postgres role lacks a privilege',
    cure: 'Run the grants of the message as an administrator',
  },
  warehouse_read_only: {
    kind: 'config',
    means: 'The server is read-only',
    cure: 'Point "warehouse.url" at the primary server',
  },
  warehouse_full: {
    kind: 'transient',
    means: 'The server has no free connection, or its disk is full',
    cure: 'Close connections, or make room',
  },
  warehouse_memory: {
    kind: 'transient',
    means: 'The server is out of memory',
    cure: 'Give it more memory, or less to do',
  },
  warehouse_timeout: {
    kind: 'transient',
    means: 'The server ended a statement that took too long',
    cure: 'Raise "warehouse.statement_timeout", or that of the role',
  },
  warehouse_cancelled: {
    kind: 'transient',
    means: 'Somebody cancelled a statement on the Postgres server',
    cure: 'Run again',
  },
  warehouse_conflict: {
    kind: 'transient',
    means: 'Another session changed the same rows',
    cure: 'Run again',
  },
  warehouse_encoding: {
    kind: 'config',
    means: 'The database cannot hold all characters',
    cure: 'Create it with encoding UTF8',
  },

  // How runs end.
  interrupted: {
    kind: 'run',
    means: 'Somebody asked the run to stop',
    cure: 'The next run goes on where this one stopped',
  },
  held: {
    kind: 'run',
    means: 'A brake holds the plan of an export; nothing of it was sent',
    cure: '"runs approve" sends exactly this plan, "runs cancel" drops it',
  },
  timeout: {
    kind: 'transient',
    means: 'The run took longer than the timeout of its schedule, and was stopped',
    cure: 'Raise the timeout; what was committed stays, and the next run does the rest',
  },
  abandoned: {
    kind: 'run',
    means: 'The process of the run ended without recording how',
    cure: 'The next run does the rest; look for what ended the process (memory, the power)',
  },
  cancelled: {
    kind: 'run',
    means: 'Somebody cancelled the run before a worker began it, or while it worked',
    cure: 'There is nothing to do: the next tick comes as planned',
  },
  given_up: {
    kind: 'run',
    means: 'A later run of the export took the place of one whose plan was not sent to its end',
    cure: 'There is nothing to do: the later run has planned anew',
  },
  missed: {
    kind: 'run',
    means: 'The run fell due while no worker was there, or while its job waited after a failure',
    cure: 'Keep a worker running; "catchup" of the schedule says what is made up for',
  },
  catchup_window: {
    kind: 'run',
    means: 'The run fell due longer ago than "catchup_window" of its schedule',
    cure: '"schedule backfill" runs it all the same',
  },
  overlap: {
    kind: 'run',
    means: 'The run fell due while the one before was still at work',
    cure: 'Let the schedule run less often, or set its "overlap" to "queue_one"',
  },
  paused: {
    kind: 'run',
    means: 'The run fell due while its schedule was paused',
    cure: '"schedule resume" ends the pause',
  },
  failed: {
    kind: 'run',
    means: 'A step of the demo failed; or a run of which no more than that is known',
    cure: 'The message says what is known',
  },
} as const satisfies Readonly<Record<string, CodeFacts>>

/** A code of the table. */
export type ErrorCode = keyof typeof errorCodes

/** Whether the table knows the code of a run. */
export const isErrorCode = (code: string | null): code is ErrorCode =>
  code !== null && Object.hasOwn(errorCodes, code)

/** The code of a failure: `unexpected` for what nobody foresaw. */
export type FailureCode = ErrorCode | 'unexpected'

/** The codes of one kind. */
export type CodeOf<Kind extends ErrorKind> = {
  [Code in ErrorCode]: (typeof errorCodes)[Code]['kind'] extends Kind ? Code : never
}[ErrorCode]
