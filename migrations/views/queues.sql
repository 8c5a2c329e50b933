create or replace view pra.queues as
select
  q.name, q.paused_at,
  count(*) filter (where j.state = 'blocked') as blocked,
  count(*) filter (where j.state = 'ready' and j.run_after <= clock_timestamp()) as ready,
  count(*) filter (where j.state = 'ready' and j.run_after > clock_timestamp()) as delayed,
  count(*) filter (where j.state = 'running') as running,
  min(j.run_after) filter (where j.state = 'ready' and j.run_after <= clock_timestamp())
    as oldest_ready_at,
  q.created_at
from pra_store.queues as q
left join pra_store.jobs as j on j.queue = q.name and j.state in ('blocked', 'ready', 'running')
group by q.name;

grant select on pra.queues to pra_submit, pra_worker, pra_read;

comment on view pra.queues is 'One row per queue';
comment on column pra.queues.name is 'name of the queue';
comment on column pra.queues.paused_at is
  'since when nothing is claimed from it; null when not paused';
comment on column pra.queues.blocked is 'jobs that wait for parents';
comment on column pra.queues.ready is 'jobs that could be claimed now';
comment on column pra.queues.delayed is 'jobs whose time has not come';
comment on column pra.queues.running is 'jobs at work';
comment on column pra.queues.oldest_ready_at is 'since when the oldest claimable job waits';
comment on column pra.queues.created_at is 'when it was first used';
