/*
# Takes people whose address bounced three times off the list, without touching their channel.
action: remove
list_id: 100001
channel_unsubscribe: false
skip_invalid_data: true
*/
select email
from iterable.email_bounce
where email is not null
group by email
having count(*) >= 3
