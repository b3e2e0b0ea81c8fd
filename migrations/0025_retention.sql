-- Events that were dropped because they are older than sync.retention keeps them: the last time, by stream.

create table {sync}.retention (
  stream text primary key,
  -- Nothing older than this is in the table, and nothing older is read again.
  kept_since timestamptz not null,
  rows_dropped bigint not null,
  run_id text not null,
  dropped_at timestamptz not null
);
