-- The comments on the stream tables and their columns, as they were last set; those that somebody else has set stay.
create table {sync}.table_comments (
  stream text primary key,
  -- Of the comments and of the names of the columns.
  hash text not null
);
