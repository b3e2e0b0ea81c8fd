-- When jobs run, who runs them, and who is told.

-- One row per job: `sync` or `export:NAME`. Rows of the configuration and of export files are kept here too
-- (defined_in config, file, exports); an analyst may insert one (name and cron are enough).
create table {sync}.schedules (
  name text primary key,
  cron text not null,
  dialect text not null default 'treasuredata',
  timezone text not null default 'UTC',
  delay_seconds bigint not null default 0,
  start_at timestamptz,
  end_at timestamptz,
  overlap text not null default 'skip',
  catchup text not null default 'latest',
  catchup_window_seconds bigint not null default 604800,
  jitter_seconds bigint not null default 0,
  timeout_seconds bigint,
  defined_in text not null default 'sql',
  -- The definition that next_* was worked out from; null or another one: it is worked out anew, from now on.
  planned_for text,
  -- Why the definition cannot be read.
  problem text,
  -- Goes up with every claim: who sees the same number may claim.
  revision bigint not null default 0,
  last_nominal_at timestamptz,
  next_nominal_at timestamptz,
  next_due_at timestamptz,
  paused_at timestamptz,
  paused_reason text,
  -- Configuration errors in a row, and transient ones.
  consecutive_failures bigint not null default 0,
  transient_failures bigint not null default 0,
  -- Nothing is claimed before this (back-off), and then the run is made up for.
  retry_at timestamptz,
  retry_run_id text
);

-- A scheduled run fills its slot with its nominal time; other runs leave it null. So a tick has one run.
alter table {sync}.runs add column slot timestamptz;
create unique index runs_slot on {sync}.runs (job, slot);

-- Runs that wait or are being worked on, gone when they end; `runs` keeps what became of them.
create table {sync}.queue (
  run_id text primary key,
  job text not null,
  trigger text not null,
  due_at timestamptz not null,
  -- It makes up for a tick that was missed, or waits behind one that does.
  is_catchup boolean not null,
  -- How often it was begun.
  attempts bigint not null,
  not_before timestamptz
);

-- Who works on a job. token goes up with every holder: one that lost the lease cannot write any more.
create table {sync}.leases (
  job text primary key,
  run_id text,
  owner text,
  token bigint not null,
  until timestamptz not null
);

-- Asks for a run: insert into run_requests (job) values ('export:vip').
create table {sync}.run_requests (
  request_id text primary key default cast(gen_random_uuid() as text),
  job text not null,
  nominal_at timestamptz,
  requested_at timestamptz not null default current_timestamp,
  taken_at timestamptz,
  run_id text,
  error_text text
);

create table {sync}.workers (
  worker_id text primary key,
  host text not null,
  pid bigint not null,
  concurrency bigint not null,
  running bigint not null,
  started_at timestamptz not null,
  seen_at timestamptz not null,
  -- It is alive as long as it says so again before this.
  until timestamptz not null,
  stopped_at timestamptz
);

-- A job that fails: open until it succeeds. Each is told once.
create table {sync}.incidents (
  incident_id text primary key,
  job text not null,
  code text not null,
  text text,
  run_id text not null,
  failures bigint not null,
  opened_at timestamptz not null,
  closed_at timestamptz,
  closed_run_id text
);

-- Messages on their way. state: waiting, sent, given_up.
create table {sync}.notifications (
  notification_id text primary key,
  event text not null,
  job text not null,
  run_id text,
  channel text not null,
  message json not null,
  recipients json,
  state text not null,
  attempts bigint not null,
  next_try_at timestamptz not null,
  created_at timestamptz not null,
  sent_at timestamptz,
  error_text text
);
