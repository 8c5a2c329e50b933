-- Parts that were cut from an array are left out: the array counts as one job. So are previews: a run is over without
-- them.
-- Aggregated run by run: a page of runs looks at the jobs of that page alone, and a query of names at none.
create or replace view pra.runs as
select
  r.id, r.name,
  case
    when j.jobs = 0 then 'empty'
    when j.running > 0 then 'running'
    when r.paused_at is not null and j.ready + j.blocked > 0 then 'paused'
    when j.ready > 0 then case when j.started_at is null then 'pending' else 'running' end
    when j.failed + j.quarantined > 0 then 'failed'
    when j.cancelled > 0 then 'cancelled'
    when j.blocked > 0 then 'blocked'
    else 'succeeded'
  end as state,
  j.jobs, j.blocked, j.ready, j.running, j.succeeded, j.failed, j.cancelled, j.quarantined,
  r.configuration, r.code_version,
  (select d.result ->> 'fingerprint' from pra_store.jobs as d where d.id = r.data_job) as data_fingerprint,
  r.idempotency_key,
  r.created_at, r.created_by, r.paused_at, j.started_at,
  case when j.unfinished = 0 then j.finished_at end as finished_at,
  r.weight, r.removed, r.tags, r.note, r.archived_at, r.deleted_at, lost.at as lost_at,
  r.data_fingerprint as source_fingerprint, r.data_job
from pra_store.runs as r
left join lateral (
  select
    count(*) as jobs,
    count(*) filter (where j.state = 'blocked') as blocked,
    count(*) filter (where j.state = 'ready') as ready,
    count(*) filter (where j.state = 'running') as running,
    count(*) filter (where j.state = 'succeeded') as succeeded,
    count(*) filter (where j.state = 'failed') as failed,
    count(*) filter (where j.state = 'cancelled') as cancelled,
    count(*) filter (where j.state = 'quarantined') as quarantined,
    min(j.started_at) as started_at, max(j.finished_at) as finished_at,
    count(*) filter (where j.finished_at is null) as unfinished
  from pra_store.jobs as j where j.run_id = r.id and j.array_id is null and j.preview_of is null
) as j on true
-- pra_store.lease_end written out, since functions in a view run with the rights of its reader.
left join lateral (
  select case
    when bool_and(w.stopped_at is null
      and greatest(w.lease_expires_at, pg_postmaster_start_time() + w.lease) <= statement_timestamp())
    then max(greatest(w.lease_expires_at, pg_postmaster_start_time() + w.lease)) end as at
  from pra_store.jobs as k join pra_store.workers as w on w.id = k.worker_id
  where j.running > 0 and k.run_id = r.id and k.state = 'running' and k.array_first is null
) as lost on true;

grant select on pra.runs to pra_submit, pra_worker, pra_read;

comment on view pra.runs is
  'One row per run: an experiment and the state of its jobs; an array counts as one job, previews as none';
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
comment on column pra.runs.data_fingerprint is
  'fingerprint of the images it trains on, as in checkpoints and `pra data`; null until they are ingested';
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
  'what pra delete --only has taken from it: checkpoints (with features and references), images, data';
comment on column pra.runs.tags is 'words by which people find it';
comment on column pra.runs.note is 'text that somebody keeps with it';
comment on column pra.runs.archived_at is 'time when it was archived; lists leave it out since';
comment on column pra.runs.deleted_at is
  'time when it was deleted; its rows go with pra.purge_runs, and pra.undelete_run brings it back before';
comment on column pra.runs.lost_at is
  'time since which no worker that runs a job of it has beaten, until somebody puts the jobs back in line';
comment on column pra.runs.source_fingerprint is 'digest of the archives that its images come from';
comment on column pra.runs.data_job is
  'ingest job of its images, perhaps of another run; the first one where its variants need several';
