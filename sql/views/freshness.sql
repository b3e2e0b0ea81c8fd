-- How fresh each stream is: how far it has been read, when, what it holds, and what its last sweep found that came late.
-- Hours are counted back from as_of, when the newest sync of any stream began, not from the clock: the view says the
-- same until the next sync, and a stream that lags behind the others shows. It reads our own tables, which a lake has in
-- the database of its catalogue: attach these first, as docs/ducklake.md says.
--
-- Grain: one stream that has a table
-- Key: stream
-- Columns:
--   stream: the stream, by its table's name
--   bookmark: everything before it is in the table; NULL for a stream that is read whole, or not to an end yet
--   synced_at: when the last sync that read anything of the stream began; of more than 90 days ago, when the bookmark moved
--   run_id: that sync
--   rows_written: rows that it wrote into the table; NULL where that was more than 90 days ago
--   as_of: the instant that the hours are counted back from
--   hours_behind: hours from bookmark to as_of
--   hours_since_sync: hours from synced_at to as_of
--   events: events in the table; NULL for a stream of other things than events, and for a table without any
--   newest_event_on: UTC day of the newest event
--   swept_at: when events of the last 30 days were last read again; before the first sweep, when they were first read;
--     NULL for a stream that is not swept
--   rows_late: late rows that the last sweep found; NULL before the first
with syncs as (
  select s.stream, s.run_id, max(r.started_at) as started_at, cast(sum(s.rows_written) as bigint) as rows_written
  from {{sync.run_steps}} as s
    join {{sync.runs}} as r on r.run_id = s.run_id
  where r.kind = 'sync'
  group by 1, 2
),
last_syncs as (
  select *, row_number() over (partition by stream order by started_at desc, run_id) as place from syncs
),
newest as (
  select stream, cast(sum(events) as bigint) as events, max(day) filter (where events > 0) as newest_event_on
  from {{marts.daily_events}}
  group by 1
),
whole as (
  select max(started_at) as as_of from syncs
),
streams as (
  select
    c.stream,
    b.bookmark,
    coalesce(l.started_at, b.updated_at) as synced_at,
    coalesce(l.run_id, b.run_id) as run_id,
    l.rows_written,
    whole.as_of
  from (select distinct stream from {{sync.columns}}) as c
    cross join whole
    left join {{sync.bookmarks}} as b on b.stream = c.stream
    left join last_syncs as l on l.stream = c.stream and l.place = 1
)
select
  s.stream,
  s.bookmark,
  s.synced_at,
  s.run_id,
  s.rows_written,
  s.as_of,
  {{seconds(s.bookmark, s.as_of)}} / 3600 as hours_behind,
  {{seconds(s.synced_at, s.as_of)}} / 3600 as hours_since_sync,
  n.events,
  n.newest_event_on,
  p.swept_at,
  p.rows_late
from streams as s
  left join newest as n on n.stream = s.stream
  left join {{sync.sweeps}} as p on p.stream = s.stream
