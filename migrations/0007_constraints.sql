-- Rows of schedules and run_requests that are inserted by SQL: values that no job can have are refused, where the
-- warehouse can add a constraint to a table that exists (DuckDB cannot: there, they are told of when they are read).

-- What stands there already is taken out, and the schedule is paused with the reason.
update {sync}.schedules
set paused_at = current_timestamp, paused_reason = 'start_at was out of bounds (years 1 to 9999) and is taken out',
  start_at = null
where start_at < '0001-01-01' or start_at >= '10000-01-01';
update {sync}.schedules
set paused_at = current_timestamp, paused_reason = 'end_at was out of bounds (years 1 to 9999) and is taken out',
  end_at = null
where end_at < '0001-01-01' or end_at >= '10000-01-01';
update {sync}.schedules
set paused_at = current_timestamp, paused_reason = 'delay_seconds was out of bounds (100 years) and is now 0',
  delay_seconds = 0
where delay_seconds not between -3153600000 and 3153600000;
update {sync}.schedules
set paused_at = current_timestamp, paused_reason = 'jitter_seconds was out of bounds (0 to 100 years) and is now 0',
  jitter_seconds = 0
where jitter_seconds not between 0 and 3153600000;
update {sync}.schedules
set paused_at = current_timestamp,
  paused_reason = 'catchup_window_seconds was out of bounds (0 to 100 years) and is now 7 days',
  catchup_window_seconds = 604800
where catchup_window_seconds not between 0 and 3153600000;
update {sync}.schedules
set paused_at = current_timestamp,
  paused_reason = 'timeout_seconds was out of bounds (0 to 100 years) and is taken out', timeout_seconds = null
where timeout_seconds not between 0 and 3153600000;
update {sync}.schedules
set paused_at = current_timestamp, paused_reason = 'cron or timezone was longer than any is and is taken out',
  cron = '', timezone = 'UTC'
where length(cron) > 1000 or length(timezone) > 100;
update {sync}.schedules
set planned_for = null, last_nominal_at = null, next_nominal_at = null, next_due_at = null, retry_at = null,
  paused_at = case when paused_at is null then null else current_timestamp end,
  revision = 0, consecutive_failures = 0, transient_failures = 0
where last_nominal_at < '0001-01-01' or last_nominal_at >= '10000-01-01'
  or next_nominal_at < '0001-01-01' or next_nominal_at >= '10000-01-01'
  or next_due_at < '0001-01-01' or next_due_at >= '10000-01-01'
  or retry_at < '0001-01-01' or retry_at >= '10000-01-01'
  or paused_at < '0001-01-01' or paused_at >= '10000-01-01'
  or revision not between 0 and 4503599627370496
  or consecutive_failures not between 0 and 4503599627370496
  or transient_failures not between 0 and 4503599627370496;
update {sync}.run_requests
set nominal_at = null, taken_at = coalesce(taken_at, current_timestamp),
  error_text = coalesce(error_text, 'nominal_at was out of bounds (years 1 to 9999)')
where nominal_at < '0001-01-01' or nominal_at >= '10000-01-01';
update {sync}.run_requests set job = substr(job, 1, 200) where length(job) > 200;

-- Not valid: nothing is read again, and a row that was overlooked does not stop the migration.
alter table {sync}.schedules add constraint schedules_sound check (
  delay_seconds between -3153600000 and 3153600000
  and jitter_seconds between 0 and 3153600000
  and catchup_window_seconds between 0 and 3153600000
  and timeout_seconds between 0 and 3153600000
  and start_at >= '0001-01-01' and start_at < '10000-01-01'
  and end_at >= '0001-01-01' and end_at < '10000-01-01'
  and last_nominal_at >= '0001-01-01' and last_nominal_at < '10000-01-01'
  and next_nominal_at >= '0001-01-01' and next_nominal_at < '10000-01-01'
  and next_due_at >= '0001-01-01' and next_due_at < '10000-01-01'
  and retry_at >= '0001-01-01' and retry_at < '10000-01-01'
  and paused_at >= '0001-01-01' and paused_at < '10000-01-01'
  and revision between 0 and 4503599627370496
  and consecutive_failures between 0 and 4503599627370496
  and transient_failures between 0 and 4503599627370496
  and length(cron) <= 1000 and length(timezone) <= 100
) not valid;
alter table {sync}.run_requests add constraint run_requests_sound check (
  nominal_at >= '0001-01-01' and nominal_at < '10000-01-01' and length(job) <= 200
) not valid;
