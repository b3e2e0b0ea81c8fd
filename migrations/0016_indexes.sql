-- What is looked up by key while a plan is made and sent. (Earlier versions made these indexes with the first export.)

create index if not exists plan_run_id_seq on {sync}.plan (run_id, seq);
create index if not exists batches_run_id_batch_no on {sync}.batches (run_id, batch_no);
create index if not exists members_export_list_id_member_key on {sync}.members (export, list_id, member_key);
create index if not exists export_rejects_export_list_id_member_key on {sync}.export_rejects (export, list_id, member_key);
