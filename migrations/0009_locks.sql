-- Who holds a job of the warehouse, where a pooler stands before the server and advisory locks hold nothing.
create table {sync}.locks (
  job text primary key,
  id text not null,
  holder text not null,
  beat_at timestamptz not null
);
