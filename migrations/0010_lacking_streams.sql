-- Types of events that Iterable does not have for the project (a channel that it does not use): asked for once a day.
create table {sync}.lacking_streams (
  stream text primary key,
  asked_at timestamptz not null,
  answer text not null
);
