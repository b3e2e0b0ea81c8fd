-- The views for analysts (`<schema>_marts`) as they were last made.

-- hash is that of the view's text and comments; problem says why the last text could not be made.
create table {sync}.marts (
  view_name text primary key,
  hash text not null,
  problem text,
  changed_at timestamptz not null
);
