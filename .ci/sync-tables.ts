/** What our own tables are for, in the order in which a reader wants to know them. */

export interface Described {
  /** A sentence without its full stop. */
  readonly about: string
  readonly columns?: Readonly<Record<string, string>>
  readonly example?: { readonly sql: string; readonly writes?: boolean }
}

export const syncTables: ReadonlyMap<string, Described> = new Map(
  Object.entries<Described>({
    runs: {
      about:
        'Every run of a sync, an export, an erasure, a copy, a conversion or the upkeep of a lake, with its outcome',
      columns: {
        job: '`sync`, `export:NAME`, `erase`, `copy`, `migrate` or `maintain`',
        kind: '`sync`, `export`, `erase`, `copy`, `migrate` or `maintain`',
        trigger: 'what asked for it: a schedule, a person, a request',
        state:
          '`queued`, `running`, `held`, `succeeded`, `succeeded_with_rejects`, `failed`, `cancelled`, `skipped`',
        nominal_at: 'the time that the schedule names; null without one',
        due_at: 'when it was to begin: `nominal_at` and the delay',
        slot: '`nominal_at` of a scheduled run: no two runs of a job have the same',
        error_code: 'one of [errors.md](errors.md), or `unexpected`',
        details: 'what each stream, or the plan, came to',
      },
      example: {
        sql: `select job, state, started_at, rows_written, error_code
from iterable_sync.runs
order by started_at desc
limit 10`,
      },
    },
    run_steps: {
      about:
        'What each sync committed, one by one: windows, lists, whole tables (90 days, the latest 100,000)',
      columns: {
        step: 'the window, the list, or that it was all at once',
        begun_at: 'when it was begun to be read',
        ended_at: 'when it was committed',
        waited_ms: 'for the pace, and before trying again',
        steps_done: 'of the whole run, as far as it was known then',
        seconds_left: 'what the rate limits made of the rest',
      },
      example: {
        sql: `select step, ended_at - begun_at as took, rows_read, api_calls, retries, waited_ms
from iterable_sync.run_steps
where stream = 'email_open'
order by ended_at desc
limit 10`,
      },
    },
    run_log: {
      about:
        'What runs told while they worked, without addresses of people (90 days, the latest 100,000 lines, 1,000 of a run)',
      columns: { stream: 'null for what concerns all of them' },
    },
    bookmarks: {
      about: 'How far each stream has been read',
      columns: { bookmark: 'everything before it is in the table', run_id: 'the run that moved it last' },
      example: { sql: 'select stream, bookmark from iterable_sync.bookmarks order by bookmark' },
    },
    columns: {
      about: 'Which column of which table holds which field, and the types that it had before',
      columns: {
        stream: 'the table',
        source_name: 'the field, as Iterable calls it',
        origin: '`catalogue`, `declared` (by the project), `seen` (in the data) or `ours`',
        embedded: 'text that held JSON is stored decoded',
        position: 'its place in the table',
        previous_types: 'oldest first',
      },
      example: {
        sql: `select stream, source_name, column_name, type
from iterable_sync.columns
where source_name <> column_name or previous_types is not null`,
      },
    },
    rejected_rows: {
      about: 'Every row that could not be loaded or sent, with the reason',
      columns: {
        source: '`stream:NAME` or `export:NAME`',
        code: 'a short word for machines',
        reason: 'a sentence for people',
        row: 'the row, where it is an object',
        raw: 'its text, where it is not JSON',
      },
      example: {
        sql: `select source, code, count(*) as n, min(reason) as for_example
from iterable_sync.rejected_rows
group by source, code
order by n desc`,
      },
    },
    exports: {
      about: 'The saved exports: those of files, and those that were inserted here',
      columns: {
        query: 'one SELECT',
        settings: 'as in [configuration.md](configuration.md#exports)',
        defined_in: '`file` or `sql`',
        error_text: 'why the definition cannot be read',
      },
      example: {
        writes: true,
        sql: `insert into iterable_sync.exports (name, query, settings) values (
  'newsletter_openers',
  'select distinct email from iterable.email_open where email is not null',
  '{ "action": "add", "list_id": 957002 }'
)`,
      },
    },
    export_runs: {
      about: 'What each run of an export planned and sent',
      columns: {
        phase: '`querying`, `held`, `sending` or `done`',
        definition_hash: 'a held plan under another one is not sent',
        rows_queried: 'rows of the query',
        refused: 'of the rejected rows, those that Iterable refused',
        brakes: 'the brakes that struck',
        fields: 'what the plan does to the fields of the project',
        lease_token: 'whoever holds a lower one can record nothing any more',
      },
    },
    plan: {
      about: 'The frozen plan of runs that are held or being sent, in the order of sending',
      columns: {
        op: '`add`, `update` or `remove`',
        payload: 'what is sent',
        before: 'what Iterable acknowledged last',
      },
    },
    batches: {
      about: 'Each request of a run: written before it goes out, completed when its answer is recorded',
      columns: {
        state: '`pending`, `in_flight` or `acked`',
        body_sha256: 'of the body: sent again, it is the same',
        attempts: 'how often it went out anew, by another commit',
        retries: 'requests that were sent again until Iterable answered',
        waited_ms: 'before those',
      },
    },
    members: {
      about: 'What Iterable last acknowledged for each person: what mirrors and `send: changes` compare with',
      columns: { member_key: 'the e-mail address or userId, as it is compared' },
    },
    export_rejects: {
      about: 'Rows that Iterable refused and has not taken since',
      columns: { permanent: 'sent again only when the row changes, or by `rejects --retry`' },
    },
    approvals: {
      about: 'Who approved or cancelled a held plan, when and why',
      columns: { decision: '`approved` or `cancelled`' },
      example: {
        sql: 'select export, decision, approved_by, approved_at, note from iterable_sync.approvals',
      },
    },
    actions: {
      about: 'What was done on the operations page, by whom, and what became of it',
      columns: {
        action:
          '`approve`, `cancel`, `pause`, `resume`, `run`, `dry_run`, `backfill`, `refresh` or `save_query`',
        subject: 'a run, a schedule or a query',
        outcome: 'null while it is under way; `done`, or why it came to nothing',
      },
    },
    schedules: {
      about: 'When each job runs. A row may be inserted; name and cron are enough',
      columns: {
        name: '`sync` or `export:NAME`',
        defined_in: '`config`, `file`, `exports` or `sql`',
        next_due_at: 'when it begins next',
        paused_reason: 'who paused it, or why it was paused',
        problem: 'why the definition cannot be read',
        consecutive_failures:
          'configuration errors in a row; `worker.disable_after_failures` of them pause it',
        retry_at: 'after a transient failure: nothing begins before this',
      },
      example: {
        writes: true,
        sql: `insert into iterable_sync.schedules (name, cron, timezone)
values ('export:newsletter_openers', '0 6 * * mon', 'Europe/Berlin')`,
      },
    },
    run_requests: {
      about: 'Asks for a run; a worker takes it up',
      columns: { taken_at: 'when a worker took it up', error_text: 'why it did not become a run' },
      example: {
        writes: true,
        sql: "insert into iterable_sync.run_requests (job) values ('export:newsletter_openers')",
      },
    },
    queue: { about: 'Runs that wait or are being worked on; gone when they end' },
    leases: {
      about: 'Who works on a job',
      columns: { token: 'goes up with every holder: who has lost the lease can write no more' },
    },
    workers: { about: 'The workers, and until when each is known to be alive' },
    incidents: { about: 'A job that fails: open until it succeeds. Each is told once' },
    notifications: {
      about: 'Messages to people, sent or on their way',
      columns: { state: '`waiting`, `sent` or `given_up`' },
    },
    channels: {
      about: 'How each channel of notifications answered last',
      columns: { error_text: 'null where the last message was taken' },
    },
    export_jobs: {
      about:
        "Jobs of Iterable's asynchronous export; [export-routes.md](export-routes.md) explains the states",
    },
    stream_volumes: { about: 'What is known of the volume of each stream: it decides routes and windows' },
    sweeps: {
      about: 'The last sweep of each stream, and the late rows that it found, by age in days',
      columns: { lateness: 'rows by whole days of age' },
    },
    retention: {
      about: 'Events that were older than `sync.retention` keeps them, dropped the last time',
      columns: { kept_since: 'nothing older is in the table, and nothing older is read again' },
    },
    list_reads: {
      about: 'When the members of each list were first and last read',
      columns: {
        first_read_at: 'its members of then have no row in `list_changes`: when they came is not known',
        fingerprint: 'of the members of the last read, whatever their order; null where it had none',
        gone_at: 'when the list was found to exist no longer',
      },
    },
    list_changes: {
      about:
        'Who came to which list and who left it, from its second read on; `list_membership_history` is made of it',
      columns: {
        change: '`joined` or `left`',
        since: 'it happened between two reads: after the one that began here',
        found_at: 'before the one that found it',
      },
    },
    lacking_streams: { about: 'Event types that the project does not have; asked for once a day' },
    custom_event_views: { about: 'The view of each custom event, with the columns that its rows fill' },
    mart_tables: {
      about: 'The views that are kept as tables (`marts.materialize`)',
      columns: {
        table_name: 'in the schema of the views',
        hash: 'of the select that fills it',
        inputs: 'a hash of the rows of yours that it reads: rules of bots',
        loaded_through: 'rows of later syncs are not in it',
      },
    },
    mart_messages: { about: 'The messages that the last refresh of such a table was about' },
    table_comments: {
      about: 'The comments on stream tables, as they were last set',
      columns: { hash: 'of the comments and of the names of the columns' },
    },
    marts: {
      about: 'The views for analysts as they were last made',
      columns: { problem: 'why a view could not be made' },
    },
    paces: { about: 'When requests were let through, so that all workers keep one pace (Postgres)' },
    locks: { about: 'Who holds a job behind a pooler, where advisory locks hold nothing (Postgres)' },
    migrations: { about: 'The migrations that this warehouse has' },
    migrations_lock: { about: 'Lets one process migrate at a time' },
  }),
)
