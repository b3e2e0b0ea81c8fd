-- Who said yes to a held plan, when and why; and what each plan does to the fields of the project.

create table if not exists {sync}.approvals (
  run_id text primary key,
  export text not null,
  approved_at timestamptz not null,
  approved_by text not null,
  note text
);
insert into {sync}.approvals (run_id, export, approved_at, approved_by, note)
select run_id, export, approved_at, coalesce(approved_by, 'unknown'), approval_note
from {sync}.export_runs where approved_at is not null
on conflict do nothing;

alter table {sync}.export_runs add column if not exists fields json;
