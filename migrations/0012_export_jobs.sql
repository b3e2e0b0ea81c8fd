-- Jobs of Iterable's asynchronous export, and what is known of the volume of each stream.

-- A row is written before the job is asked for: whoever finds it after a crash goes on with that job. state is asked,
-- started, loaded (the rows of the window are in the table), failed, cancelled, standstill, truncated, discarded or lost.
create table {sync}.export_jobs (
  request_id text primary key,
  run_id text not null,
  stream text not null,
  data_type text not null,
  window_from timestamptz not null,
  window_to timestamptz not null,
  state text not null,
  job_id bigint,
  asked_at timestamptz not null,
  ended_at timestamptz,
  seconds double precision,
  files bigint,
  bytes bigint,
  problem text
);

-- Per day, later windows weighing more. empty_since is the start of the time without a row that reaches up to the
-- bookmark; job_seconds is how long jobs of the stream took from being asked for to their last file.
create table {sync}.stream_volumes (
  stream text primary key,
  rows_per_day double precision not null,
  bytes_per_day double precision not null,
  job_seconds double precision,
  empty_since timestamptz,
  updated_at timestamptz not null
);
