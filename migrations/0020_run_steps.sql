-- What the page of a run shows of its course. Both tables are bounded: 90 days, and the latest 100,000 rows.

-- What a sync committed, one by one: windows, lists, whole tables. Written in the transaction of that commit, or of a later
-- one where many come within a second.
create table {sync}.run_steps (
  run_id text not null,
  stream text not null,
  -- For people: the window, the list, or that it was all at once.
  step text not null,
  -- Null where it is not a window.
  window_from timestamptz,
  window_to timestamptz,
  -- When it was begun to be read, and when it was committed.
  begun_at timestamptz not null,
  ended_at timestamptz not null,
  rows_read bigint not null,
  rows_written bigint not null,
  rows_rejected bigint not null,
  bytes_read bigint not null,
  -- Of the stream, since its step before.
  api_calls bigint not null,
  retries bigint not null,
  waited_ms bigint not null,
  -- Of the whole run, as far as it was known then; what the rate limits make of the rest.
  steps_done bigint not null,
  steps_total bigint not null,
  seconds_left double precision not null
);

-- What a run told, without secrets and without addresses of people; at most 1,000 lines for each run.
create table {sync}.run_log (
  run_id text not null,
  line bigint not null,
  logged_at timestamptz not null,
  -- info or warn
  level text not null,
  -- Null for what concerns all of them.
  stream text,
  message text not null
);

-- What it took until Iterable had answered.
alter table {sync}.batches add column if not exists retries bigint default 0;
alter table {sync}.batches add column if not exists waited_ms bigint default 0;

create index run_steps_run_id on {sync}.run_steps (run_id);
create index run_steps_ended_at on {sync}.run_steps (ended_at);
create index run_log_run_id on {sync}.run_log (run_id);
create index run_log_logged_at on {sync}.run_log (logged_at);
