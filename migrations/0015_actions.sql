-- What people did on the operations page, and what became of it. A held plan that is cancelled is on record beside those
-- that were approved.

alter table {sync}.approvals add column decision text default 'approved';

create table {sync}.actions (
  action_id text primary key,
  begun_at timestamptz not null,
  actor text not null,
  role text not null,
  -- approve, cancel, pause, resume, run, backfill, refresh or save_query
  action text not null,
  -- A run, a schedule or a query.
  subject text not null,
  note text,
  -- Null while it is under way; `done`, or why it came to nothing.
  outcome text,
  ended_at timestamptz
);
