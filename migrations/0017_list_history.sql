-- Who came to which list and who left it, from the first read of its members on. What a read finds unchanged leaves no
-- rows; those who are members now are in the stream table list_users.

create table {sync}.list_reads (
  list_id bigint primary key,
  -- Its members of then have no row in list_changes: when they came is not known.
  first_read_at timestamptz not null,
  last_read_at timestamptz not null,
  -- Of the members of the last read, whatever their order; null where it had none.
  fingerprint text,
  -- When the list was found to exist no longer.
  gone_at timestamptz
);

create table {sync}.list_changes (
  list_id bigint not null,
  email text,
  user_id text,
  -- joined or left
  change text not null,
  -- It happened between two reads: after the one that began here, before the one that found it.
  since timestamptz not null,
  found_at timestamptz not null,
  run_id text not null
);
