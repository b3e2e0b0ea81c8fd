-- What happened, how far each stream has come, which column holds which field, and what could not be loaded.
-- `{sync}` is the schema of our own tables (iterable_sync, or named after the configured schema).

create table {sync}.runs (
  run_id text primary key,
  job text not null,
  kind text not null,
  trigger text not null,
  state text not null,
  nominal_at timestamptz,
  due_at timestamptz,
  started_at timestamptz,
  finished_at timestamptz,
  rows_read bigint not null default 0,
  rows_written bigint not null default 0,
  rows_rejected bigint not null default 0,
  bytes_read bigint not null default 0,
  api_calls bigint not null default 0,
  error_code text,
  error_text text,
  details json
);

create table {sync}.bookmarks (
  stream text primary key,
  bookmark timestamptz not null,
  run_id text not null,
  updated_at timestamptz not null
);

create table {sync}.columns (
  stream text not null,
  source_name text not null,
  column_name text not null,
  type text not null,
  origin text not null,
  embedded boolean not null,
  position integer not null,
  first_seen_at timestamptz not null,
  previous_types json,
  changed_at timestamptz,
  primary key (stream, column_name)
);

create table {sync}.rejected_rows (
  run_id text not null,
  source text not null,
  code text not null,
  reason text not null,
  row json,
  raw text,
  rejected_at timestamptz not null
);
