-- How each channel of notifications has answered last.

-- channel is email, webhook or webhook:NAME; error_text is null where the last message was taken.
create table {sync}.channels (
  channel text primary key,
  answered_at timestamptz not null,
  error_text text,
  -- The first refusal since a message was last taken.
  refusing_since timestamptz
);
