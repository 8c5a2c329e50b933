create or replace view pra.queues as
select
  q.name, q.paused_at,
  count(*) filter (where j.state = 'blocked') as blocked,
  count(*) filter (where j.state = 'ready' and j.run_after <= statement_timestamp()) as ready,
  count(*) filter (where j.state = 'ready' and j.run_after > statement_timestamp()) as delayed,
  count(*) filter (where j.state = 'running') as running,
  min(j.run_after) filter (where j.state = 'ready' and j.run_after <= statement_timestamp())
    as oldest_ready_at,
  q.created_at
from pra_store.queues as q
left join pra_store.jobs as j on j.queue = q.name and j.state in ('blocked', 'ready', 'running')
group by q.name;

grant select on pra.queues to pra_submit, pra_worker, pra_read;

comment on view pra.queues is 'One row per queue: its waiting and running jobs counted';
comment on column pra.queues.name is 'name of the queue';
comment on column pra.queues.paused_at is
  'time since which nothing is claimed from it; null when not paused';
comment on column pra.queues.blocked is 'number of jobs that wait for other jobs';
comment on column pra.queues.ready is 'number of jobs that may be claimed now';
comment on column pra.queues.delayed is 'number of jobs that may be claimed later';
comment on column pra.queues.running is 'number of running jobs';
comment on column pra.queues.oldest_ready_at is 'time since which the oldest claimable job waits';
comment on column pra.queues.created_at is 'time of its first use';
