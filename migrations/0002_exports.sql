-- Exports: what is defined, what each run planned, sent and was refused, and what Iterable last acknowledged.

-- An analyst may insert a row (name, query, settings); files of the exports directory are kept here too.
create table {sync}.exports (
  name text primary key,
  query text not null,
  settings json not null,
  defined_in text not null default 'sql',
  error_text text,
  created_at timestamptz not null default current_timestamp,
  updated_at timestamptz not null default current_timestamp
);

-- What an export run knows beyond its row in runs. phase: querying, held, sending, done.
create table {sync}.export_runs (
  run_id text primary key,
  export text not null,
  action text not null,
  list_id bigint not null,
  list_name text,
  phase text not null,
  definition_hash text not null,
  mapping_hash text not null,
  envelope json not null,
  rows_queried bigint not null default 0,
  planned_add bigint not null default 0,
  planned_update bigint not null default 0,
  planned_remove bigint not null default 0,
  planned_unchanged bigint not null default 0,
  sent bigint not null default 0,
  removed bigint not null default 0,
  rejected bigint not null default 0,
  skipped bigint not null default 0,
  refused bigint not null default 0,
  brakes json,
  lease_token bigint not null default 0,
  started_at timestamptz not null,
  planned_at timestamptz,
  approved_at timestamptz,
  approved_by text,
  approval_note text
);

-- The frozen plan of runs that are held or being sent, in the order of sending.
create table {sync}.plan (
  run_id text not null,
  seq bigint not null,
  op text not null,
  member_key text not null,
  payload text not null,
  hash text not null,
  before text,
  bytes bigint not null
);

-- The outbox. state: pending, in_flight (sent, outcome not yet recorded), acked.
create table {sync}.batches (
  run_id text not null,
  batch_no bigint not null,
  op text not null,
  first_seq bigint not null,
  last_seq bigint not null,
  row_count bigint not null,
  bytes bigint not null,
  state text not null,
  attempts bigint not null default 0,
  body_sha256 text,
  sent_at timestamptz,
  acked_at timestamptz,
  response json
);

-- What Iterable last acknowledged, per person: the state that mirrors and `send: changes` compare with.
create table {sync}.members (
  export text not null,
  list_id bigint not null,
  member_key text not null,
  status text not null,
  payload text not null,
  hash text not null,
  run_id text not null,
  confirmed_at timestamptz not null
);

-- Rows that Iterable refused and has not taken since. permanent: sent again only when the row changes.
create table {sync}.export_rejects (
  export text not null,
  list_id bigint not null,
  member_key text not null,
  op text not null,
  payload text not null,
  hash text not null,
  code text not null,
  reason text not null,
  permanent boolean not null,
  run_id text not null,
  rejected_at timestamptz not null
);
