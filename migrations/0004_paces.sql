-- When requests to Iterable were let through, so that all workers of a warehouse keep one pace. Only a warehouse that
-- several processes can work on at once fills it.

-- A lane is a connection and an endpoint, e.g. `iterable/export`; sent_at are the latest slots, oldest first.
create table {sync}.paces (
  lane text primary key,
  sent_at timestamptz[] not null
);
