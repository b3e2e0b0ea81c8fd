-- What the pages look up: the latest runs, in all and of a state, the runs of an export, the latest steps of a stream, and how a
-- person came to a list.

create index if not exists runs_at on {sync}.runs (coalesce(started_at, due_at, finished_at) desc, run_id);
create index if not exists runs_state_at on {sync}.runs (state, coalesce(started_at, due_at, finished_at) desc, run_id);
create index if not exists runs_started_at on {sync}.runs (started_at desc);
create index if not exists export_runs_export_started_at on {sync}.export_runs (export, started_at desc);
create index if not exists list_changes_member on {sync}.list_changes (coalesce(email, user_id), list_id);
create index if not exists run_steps_stream_ended_at on {sync}.run_steps (stream, ended_at desc);
