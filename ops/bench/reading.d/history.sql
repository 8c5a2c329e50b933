-- Fills a database in which one run of four jobs (ingest, train, sample, evaluate) is done with copies of it.
-- :runs runs, :each jobs of each (4 or more), :points metric points, 1,000,000 of them in one series of run 3.
set session_replication_role = replica;
set synchronous_commit = off;
set work_mem = '256MB';
set jit = off;
set intervalstyle = postgres;

-- Jobs of run i: first(i) + 1 to first(i) + :each, the first four as those of run 1.
create function pg_temp.first(run bigint) returns bigint language sql immutable
as $$ select 4 + (run - 2) * current_setting('bench.each')::bigint $$;
select set_config('bench.each', :'each', false);

insert into pra_store.runs (id, name, configuration, code_version, data_fingerprint, created_at, created_by)
overriding system value
select i, 'run-' || i, jsonb_set(r.configuration, '{config,training,lr}', to_jsonb(1e-4 * (1 + i % 10))),
  r.code_version, r.data_fingerprint, r.created_at - (:runs - i) * interval '1 s', 'user-' || i % 20
from pra_store.runs as r cross join generate_series(2, :runs) as i where r.id = 1;

create temp table pattern as
select row_number() over (order by id) as nth, j.* from pra_store.jobs as j where run_id = 1;

insert into pra_store.lanes (run_id, queue, kind, requirements, limits, key)
select i, 'default', p.kind, '[]', '{}', '' from generate_series(2, :runs) as i cross join pattern as p;

-- Live workers, and those of the past.
update pra_store.workers set stopped_at = coalesce(stopped_at, clock_timestamp()),
  stop_reason = coalesce(stop_reason, 'deregistered');
insert into pra_store.workers (name, labels, queues, kinds, slots, lease, lease_expires_at, stopped_at, stop_reason)
select 'worker-' || n, jsonb_build_object('host', 'host-' || n % 50), '{default}', '{ingest,train,sample,evaluate}', 4,
  '1 day', clock_timestamp() + interval '1 day', case when n <= 2000 then clock_timestamp() end,
  case when n <= 2000 then 'deregistered' end
from generate_series(1, 2016) as n;

-- Trainings run in the newest 50 runs, the further jobs of a tenth of the runs wait, and one evaluation in 50 failed.
insert into pra_store.jobs (
  id, run_id, kind, queue, arguments, state, run_after, epoch, unmet, worker_id, fault_retries, lost_retries,
  timeout_retries, message, result, created_at, created_by, started_at, finished_at, lane_id, place)
overriding system value
select
  pg_temp.first(r.id) + k, r.id, p.kind, 'default',
  p.arguments || case p.kind
    when 'ingest' then '{}' when 'train' then jsonb_build_object('data', pg_temp.first(r.id) + 1)
    else jsonb_build_object('data', pg_temp.first(r.id) + 1, 'train', pg_temp.first(r.id) + 2) end
  || case p.kind when 'evaluate' then jsonb_build_object('samples', jsonb_build_array(pg_temp.first(r.id) + 3)) else '{}' end,
  s.state, p.run_after,
  case when s.state in ('ready', 'blocked') then 0 else 1 end, case when s.state = 'blocked' then 1 else 0 end,
  case when s.state = 'running' then (select max(id) from pra_store.workers) - r.id % 16 end,
  p.fault_retries, p.lost_retries, p.timeout_retries, case when s.state = 'failed' then 'no memory' end,
  case when s.state = 'succeeded' and k <= 4 then p.result end, r.created_at, r.created_by,
  case when s.state not in ('ready', 'blocked') then r.created_at + interval '1 s' end,
  case when s.state in ('succeeded', 'failed') then r.created_at + interval '9 s' end,
  l.id, extract(epoch from r.created_at)
from pra_store.runs as r
cross join generate_series(1, :each) as k
join pattern as p on p.nth = case when k <= 4 then k else 3 end
join pra_store.lanes as l on l.run_id = r.id and l.kind = p.kind
cross join lateral (
  select (case
    when r.id > :runs - 50 and k = 2 then 'running'
    when r.id > :runs - 50 and k > 2 then 'blocked'
    when r.id > :runs * 9 / 10 and k > 4 then 'ready'
    when r.id % 50 = 7 and k = 4 then 'failed'
    else 'succeeded' end)::pra.job_state as state) as s
where r.id > 1
order by 1;

insert into pra_store.job_dependencies (job_id, parent_id)
select pg_temp.first(i) + k, pg_temp.first(i) + k - 1 from generate_series(2, :runs) as i, generate_series(2, 4) as k;

insert into pra_store.attempts (job_id, epoch, worker_id, started_at, ended_at, outcome, from_step)
select id, 1, coalesce(worker_id, 1 + id % 2000), started_at, finished_at,
  case state when 'succeeded' then 'succeeded' when 'failed' then 'permanent' end::pra.attempt_outcome,
  case when kind = 'train' then 0 end
from pra_store.jobs where run_id > 1 and epoch = 1;

insert into pra_store.progress (job_id, epoch, done, total, unit, rate)
select id, 1, 500, 1500, 'steps', 7.5 from pra_store.jobs where run_id > 1 and state = 'running';

insert into pra_store.job_outputs (job_id, name, epoch, sha256, media_type)
select pg_temp.first(i) + o.job_id, o.name, 1, o.sha256, o.media_type
from pra_store.job_outputs as o cross join generate_series(2, :runs - 50) as i where o.job_id <= 4;

insert into pra_store.checkpoints (job_id, epoch, step, since)
select pg_temp.first(i) + 2, 1, n * 500, n * 500 - 500
from generate_series(2, :runs) as i cross join generate_series(1, 3) as n order by i, n;
insert into pra_store.checkpoint_files (checkpoint_id, name, sha256)
select c.id, f.name, f.sha256
from pra_store.checkpoints as c
join pra_store.checkpoint_files as f
  on f.checkpoint_id = (select max(id) from pra_store.checkpoints where job_id = 2)
where c.job_id > 4;

insert into pra_store.image_sets
select pg_temp.first(i) + 3, 1, s.first, s.seed, s.sha256, s.place, s.side, s.channels, s.labels, s.class_names, s.digests
from pra_store.image_sets as s cross join generate_series(2, :runs - 50) as i where s.job_id = 3;

insert into pra_store.evaluations (job_id, metric, scope, epoch, value, images, details)
select pg_temp.first(i) + 4, e.metric, e.scope, 1, e.value * (1 + i % 7), e.images, e.details
from pra_store.evaluations as e cross join generate_series(2, :runs - 50) as i where e.job_id = 4 and i % 50 <> 7;

insert into pra_store.log_chunks (job_id, epoch, ordinal, bytes)
select pg_temp.first(3) + 2, 1, n, convert_to(repeat('step ' || n || ' loss 0.5' || chr(10), 20), 'utf8')
from generate_series(0, 999) as n;

-- Four series of each training, equally long, but for one of a million points.
select pra_store.ensure_metric_partition(clock_timestamp());
create temp table series as
select pg_temp.first(i) + 2 as job_id, n.id as name_id,
  case when i = 3 and n.name = 'loss' then 1000000 else greatest(1, (:points - 1000000) / (:runs - 1) / 4) end as points
from generate_series(2, :runs) as i
join pra_store.metric_names as n on n.name in ('loss', 'loss.flow', 'loss.rec', 'lr')
order by 1, 2;
insert into pra_store.metric_ranges (job_id, epoch, from_step) select distinct job_id, 1, 0 from series;
insert into pra_store.metrics (recorded_at, job_id, epoch, name_id, step, value)
select clock_timestamp(), s.job_id, 1, s.name_id, step, 3 / (1 + step * 0.01) + 0.1 * sin(step)
from series as s cross join lateral generate_series(0, s.points - 1) as step
order by s.job_id, s.name_id, step;
-- A rollup's figures are of its first, middle and last step: reading them takes as long as reading true ones.
insert into pra_store.metric_rollups (
  job_id, name_id, bucket, points, not_finite, total, last_step, last_value, min_step, min_value, max_step, max_value)
select s.job_id, s.name_id, b, e.last - b * 256 + 1, 0, (e.last - b * 256 + 1) * 3 / (1 + (b * 256 + e.last) * 0.005),
  e.last, 3 / (1 + e.last * 0.01), e.last, 3 / (1 + e.last * 0.01), b * 256, 3 / (1 + b * 2.56)
from series as s cross join lateral generate_series(0, (s.points - 1) / 256) as b
cross join lateral (select least(b * 256 + 255, s.points - 1) as last) as e
order by 1, 2, 3;
insert into pra_store.metric_summaries (
  job_id, name_id, points, not_finite, last_step, last_value, min_step, min_value, max_step, max_value, end_value,
  end_steps)
select s.job_id, s.name_id, s.points, 0, s.points - 1, 3 / (1 + s.points * 0.01), s.points - 1,
  3 / (1 + s.points * 0.01), 0, 3,
  case when j.state <> 'running' then 3 / (1 + s.points * 0.01) end,
  case when j.state <> 'running' then greatest(1, least(100, s.points / 10)) end
from series as s join pra_store.jobs as j on j.id = s.job_id;

select setval(pg_get_serial_sequence('pra_store.runs', 'id'), (select max(id) from pra_store.runs)),
  setval(pg_get_serial_sequence('pra_store.jobs', 'id'), (select max(id) from pra_store.jobs));
set session_replication_role = origin;
vacuum (analyze);
