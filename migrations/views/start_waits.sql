-- pra_store.wait_bounds written out, since functions in a view run with the rights of its reader.
create or replace view pra.start_waits as
select c.queue, c.kind, b.le,
  coalesce(sum(c.number) filter (where c.bucket < b.bucket_end), 0)::bigint as starts, sum(c.seconds) as seconds
from (
  select s.queue, s.kind, s.bucket, s.number, s.seconds from pra_store.count_steps as s where s.outcome = ''
  union all
  select t.queue, t.kind, t.bucket, t.number, t.seconds from pra_store.counters as t where t.outcome = ''
) as c
cross join unnest('{1,5,15,60,300,900,3600,14400,86400,Infinity}'::double precision[])
  with ordinality as b (le, bucket_end)
group by c.queue, c.kind, b.le;

grant select on pra.start_waits to pra_submit, pra_worker, pra_read;

comment on view pra.start_waits is
  'Histogram of the time from ready to start, as Prometheus has it: rows whose numbers only rise';
comment on column pra.start_waits.queue is 'queue of the jobs';
comment on column pra.start_waits.kind is 'kind of the jobs';
comment on column pra.start_waits.le is 'upper end of the waits that are counted, in seconds; Infinity in the last row';
comment on column pra.start_waits.starts is 'number of attempts that started after a wait of no more than that';
comment on column pra.start_waits.seconds is 'sum of all waits of the queue and kind';
