/*
# Who opened an e-mail in the last 30 days is on the list; who did not any more leaves it.
action: mirror
list_id: 100001
schedule: { cron: "0 6 * * *", timezone: Europe/Berlin, delay: 10m }
brakes: { removals: 30 }        # more than 30 % of the people would leave: wait for approval
*/
select email, count(*) as "opensLast30Days", max("createdAt") as "lastOpenAt"
from iterable.email_open
where "createdAt" >= $nominal_time - interval '30 days' and email is not null
group by email
