-- The view of each custom event (`<schema>_views.custom_event_<name>`), with the columns that its rows have filled.

create table {sync}.custom_event_views (
  event_name text primary key,
  view_name text not null,
  columns json not null,
  hash text not null,
  changed_at timestamptz not null
);

-- The last weekly sweep of each stream, and the late rows that it found, by their age in whole days. Null: none yet.

create table {sync}.sweeps (
  stream text primary key,
  swept_at timestamptz not null,
  rows_late bigint,
  lateness json
);
