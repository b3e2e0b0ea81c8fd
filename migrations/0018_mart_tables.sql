-- The views for analysts that are kept as tables (`marts.materialize`), and the messages that a refresh is about.

create table {sync}.mart_tables (
  view_name text primary key,
  -- In the schema of the views.
  table_name text not null,
  -- Of the select that fills it.
  hash text not null,
  -- Of the rows of the user that it reads: rules of bots.
  inputs text not null,
  -- Rows of later syncs are not in it.
  loaded_through timestamptz not null,
  refreshed_at timestamptz not null
);

create table {sync}.mart_messages (
  message_id text not null
);
