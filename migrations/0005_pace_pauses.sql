-- A lane that the server has closed for a while (Retry-After) lets nobody through, whichever process was told.

alter table {sync}.paces add column closed_until timestamptz;
