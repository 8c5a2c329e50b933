-- Parts that were cut from an array are left out: the array counts as one job.
create or replace view pra.runs as
select
  r.id, r.name,
  case
    when count(j.id) = 0 then 'empty'
    when count(*) filter (where j.state = 'running') > 0 then 'running'
    when r.paused_at is not null and count(*) filter (where j.state in ('ready', 'blocked')) > 0
      then 'paused'
    when count(*) filter (where j.state = 'ready') > 0
      then case when min(j.started_at) is null then 'pending' else 'running' end
    when count(*) filter (where j.state in ('failed', 'quarantined')) > 0 then 'failed'
    when count(*) filter (where j.state = 'cancelled') > 0 then 'cancelled'
    when count(*) filter (where j.state = 'blocked') > 0 then 'blocked'
    else 'succeeded'
  end as state,
  count(j.id) as jobs,
  count(*) filter (where j.state = 'blocked') as blocked,
  count(*) filter (where j.state = 'ready') as ready,
  count(*) filter (where j.state = 'running') as running,
  count(*) filter (where j.state = 'succeeded') as succeeded,
  count(*) filter (where j.state = 'failed') as failed,
  count(*) filter (where j.state = 'cancelled') as cancelled,
  count(*) filter (where j.state = 'quarantined') as quarantined,
  r.configuration, r.code_version, r.data_fingerprint, r.idempotency_key,
  r.created_at, r.created_by, r.paused_at,
  min(j.started_at) as started_at,
  case when count(*) filter (where j.finished_at is null) = 0 then max(j.finished_at) end
    as finished_at,
  r.weight, r.removed
from pra_store.runs as r
left join pra_store.jobs as j on j.run_id = r.id and j.array_id is null
group by r.id;

grant select on pra.runs to pra_submit, pra_worker, pra_read;

comment on view pra.runs is
  'One row per run: an experiment and the state of its jobs; an array counts as one job';
comment on column pra.runs.id is 'number of the run';
comment on column pra.runs.name is 'name given by its creator; need not be unique';
comment on column pra.runs.state is
  'empty, pending (nothing started), running, paused, failed, cancelled, blocked or succeeded';
comment on column pra.runs.jobs is 'number of jobs';
comment on column pra.runs.blocked is 'number of jobs that wait for other jobs';
comment on column pra.runs.ready is 'number of jobs in line';
comment on column pra.runs.running is 'number of running jobs';
comment on column pra.runs.succeeded is 'number of jobs that succeeded';
comment on column pra.runs.failed is 'number of jobs that failed for good';
comment on column pra.runs.cancelled is 'number of cancelled jobs';
comment on column pra.runs.quarantined is
  'number of jobs that lost too many workers or crashed on two hosts';
comment on column pra.runs.configuration is 'complete resolved configuration';
comment on column pra.runs.code_version is 'version of the code that created the run';
comment on column pra.runs.data_fingerprint is 'fingerprint of the data set';
comment on column pra.runs.idempotency_key is 'key under which another creation returns this run';
comment on column pra.runs.created_at is 'time of creation';
comment on column pra.runs.created_by is 'login that created it';
comment on column pra.runs.paused_at is
  'time since which its jobs are not claimed; null when not paused';
comment on column pra.runs.started_at is 'time of the first claim of its jobs';
comment on column pra.runs.finished_at is
  'time when the last of its jobs ended; null while one may still run';
comment on column pra.runs.weight is
  'weight in fair sharing between the runs of a user; 1 by default';
comment on column pra.runs.removed is
  'what pra rm has taken from it: checkpoints (with features and references), images, data';
