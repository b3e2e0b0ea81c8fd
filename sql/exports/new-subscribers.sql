/*
# Adds who subscribed since the last run that succeeded; each person once.
action: add
list_id: 100002
skip_invalid_data: true
on_duplicate: first
columns: [email, { source: subscribed_at, as: welcomedFor }]
constants:
  - { as: welcomeSource, string: warehouse }
schedule: { cron: "@hourly", catchup: all }
*/
select email, "createdAt" as subscribed_at
from iterable.email_subscribe
where "createdAt" >= coalesce($last_success_time, $nominal_time - interval '1 day')
  and "createdAt" < $nominal_time
  and email is not null
