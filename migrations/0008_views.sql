-- The public views: stable names and columns, each column with a comment. And pra.why_pending.

set local role pra_owner;

create view pra.runs as
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
    as finished_at
from pra_store.runs as r left join pra_store.jobs as j on j.run_id = r.id
group by r.id;

create view pra.jobs as
select
  j.id, j.run_id, r.name as run_name, j.kind, j.queue, j.state, j.priority, j.arguments,
  j.requirements, j.run_after, j.epoch, j.worker_id, w.name as worker_name,
  (select array_agg(d.parent_id order by d.parent_id)
   from pra_store.job_dependencies as d where d.job_id = j.id) as depends_on,
  j.unmet, j.time_limit, j.faults, j.fault_retries, j.lost, j.lost_retries, j.timeouts,
  j.timeout_retries, j.preemptions, j.preemption_retries,
  j.cancel_requested_at, j.preempt_requested_at, j.message, j.result,
  p.done as progress_done, p.total as progress_total, p.unit as progress_unit,
  p.updated_at as progress_at,
  j.idempotency_key, j.created_at, j.created_by, j.started_at, j.finished_at
from pra_store.jobs as j
join pra_store.runs as r on r.id = j.run_id
left join pra_store.workers as w on w.id = j.worker_id
left join pra_store.progress as p on p.job_id = j.id;

create view pra.attempts as
select
  a.job_id, a.epoch, j.run_id, j.kind, a.worker_id, w.name as worker_name, a.started_at, a.ended_at,
  a.outcome, a.exit_code, a.exit_signal, a.message, a.from_step, a.continues_epoch,
  a.metric_batch, a.metric_high_water
from pra_store.attempts as a
join pra_store.jobs as j on j.id = a.job_id
join pra_store.workers as w on w.id = a.worker_id;

-- pra_store.lease_end written out: a view's functions run with the rights of its reader.
create view pra.workers as
select
  w.id, w.name, w.version, w.labels, w.queues, w.kinds, w.slots,
  (select count(*) from pra_store.jobs as j where j.worker_id = w.id and j.state = 'running')
    as running,
  case
    when w.stopped_at is not null then 'stopped'
    when greatest(w.lease_expires_at, pg_postmaster_start_time() + w.lease) <= clock_timestamp()
      then 'lost'
    when w.draining then 'draining'
    else 'live'
  end as state,
  w.lease, greatest(w.lease_expires_at, pg_postmaster_start_time() + w.lease) as lease_expires_at,
  w.registered_at, w.beat_at, w.stopped_at, w.stop_reason
from pra_store.workers as w;

create view pra.queues as
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

create view pra.metrics_raw as
select
  j.run_id, r.name as run_name, m.job_id, m.epoch, n.name, m.step, m.value, m.recorded_at
from pra_store.metrics as m
join pra_store.metric_names as n on n.id = m.name_id
join pra_store.jobs as j on j.id = m.job_id
join pra_store.runs as r on r.id = j.run_id;

create view pra.metrics as
select
  j.run_id, r.name as run_name, m.job_id, m.epoch, n.name, m.step, m.value, m.recorded_at
from pra_store.metrics as m
join pra_store.metric_ranges as s
  on s.job_id = m.job_id and s.epoch = m.epoch and m.step >= s.from_step and m.step < s.to_step
join pra_store.metric_names as n on n.id = m.name_id
join pra_store.jobs as j on j.id = m.job_id
join pra_store.runs as r on r.id = j.run_id;

create view pra.artifacts as
select
  encode(a.sha256, 'hex') as sha256, a.size, a.media_type,
  case when a.upload_id is null then 'inline' else 'chunks' end as storage,
  case when a.upload_id is null then 1 else (a.size + 1048575) / 1048576 end as chunks,
  a.created_at
from pra_store.artifacts as a;

create view pra.outputs as
select
  o.job_id, j.run_id, j.kind, o.name, o.epoch, encode(o.sha256, 'hex') as sha256, a.size,
  o.media_type
from pra_store.job_outputs as o
join pra_store.jobs as j on j.id = o.job_id
join pra_store.artifacts as a on a.sha256 = o.sha256;

create view pra.checkpoints as
select
  c.id, c.job_id, j.run_id, c.epoch, c.step, c.registered_at,
  (select jsonb_agg(
     jsonb_build_object(
       'name', f.name, 'sha256', encode(f.sha256, 'hex'), 'size', a.size,
       'media_type', a.media_type)
     order by f.name)
   from pra_store.checkpoint_files as f join pra_store.artifacts as a on a.sha256 = f.sha256
   where f.checkpoint_id = c.id) as files
from pra_store.checkpoints as c join pra_store.jobs as j on j.id = c.job_id;

create view pra.images as
select
  j.run_id, i.job_id, i.number, i.label, i.class_name, i.seed, encode(i.sha256, 'hex') as sha256,
  a.size, i.epoch
from pra_store.images as i
join pra_store.jobs as j on j.id = i.job_id
join pra_store.artifacts as a on a.sha256 = i.sha256;

create view pra.evaluations as
select
  j.run_id, r.name as run_name, e.job_id, e.metric, e.scope, e.value, e.images, e.details, e.epoch
from pra_store.evaluations as e
join pra_store.jobs as j on j.id = e.job_id
join pra_store.runs as r on r.id = j.run_id;

create view pra.events as
select e.id, e.at, e.kind, e.run_id, e.job_id, e.epoch, e.worker_id, e.actor, e.detail
from pra_store.events as e;

create view pra.schema_versions as
select m.version, m.name, encode(m.sha256, 'hex') as sha256, m.applied_at
from pra_store.migrations as m;

grant select on all tables in schema pra to pra_submit, pra_worker, pra_read;

-- Why a job does not run: one row per reason, in words for a person. Reasons: dependency, delayed,
-- run-paused, queue-paused, no-worker (none alive serves its queue and kind), no-matching-worker
-- (none of them fits its requirements), busy (all that fit are full), in-line, not-pending.
create function pra.why_pending(job bigint) returns table (reason text, detail text)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  it pra_store.jobs;
  ahead bigint;
  serving integer;
  fitting integer;
  free integer;
begin
  select * into it from pra_store.jobs as j where j.id = job;
  if not found then
    raise exception 'there is no job %', job using errcode = 'PR002';
  end if;
  if it.state not in ('blocked', 'ready') then
    return query select 'not-pending', format('job %s is %s', job, it.state)
      || coalesce(': ' || it.message, '');
    return;
  end if;
  return query
    select 'dependency', format('waits for job %s (%s), which is %s', p.id, p.kind, p.state)
      || case
        when p.state in ('failed', 'cancelled', 'quarantined')
          then format(': `pra retry %s` runs it again', p.id)
        else ''
      end
    from pra_store.job_dependencies as d join pra_store.jobs as p on p.id = d.parent_id
    where d.job_id = job and p.state <> 'succeeded'
    order by p.id;
  return query
    select 'run-paused', format('run %s "%s" is paused since %s', r.id, r.name, r.paused_at)
    from pra_store.runs as r where r.id = it.run_id and r.paused_at is not null;
  return query
    select 'queue-paused', format('queue "%s" is paused since %s', q.name, q.paused_at)
    from pra_store.queues as q where q.name = it.queue and q.paused_at is not null;
  if it.state = 'blocked' then
    return;
  end if;
  if it.run_after > clock_timestamp() then
    return query select 'delayed', format('not before %s', it.run_after)
      || coalesce(', after: ' || it.message, '');
  end if;

  select count(*), count(*) filter (where fits),
    coalesce(sum(w.slots - w.running) filter (where fits), 0)
  into serving, fitting, free
  from (
    select w.slots, w.running, pra_store.satisfies(w.labels, it.requirements) as fits
    from pra.workers as w
    where w.state = 'live' and it.queue = any(w.queues) and it.kind = any(w.kinds)
  ) as w;
  if serving = 0 then
    return query select 'no-worker',
      format('no live worker serves queue "%s" and kind "%s"', it.queue, it.kind);
  elsif fitting = 0 then
    return query select 'no-matching-worker',
      format('none of %s live workers fits %s', serving,
        (select string_agg(format('%s%s%s', r ->> 'label', r ->> 'op', r ->> 'value'), ', ')
         from jsonb_array_elements(it.requirements) as r));
  else
    select count(*) into ahead from pra_store.jobs as j
    where j.state = 'ready' and j.queue = it.queue and j.run_after <= clock_timestamp()
      and (-j.priority, j.run_after, j.id) < (-it.priority, it.run_after, it.id);
    return query select case when free > 0 then 'in-line' else 'busy' end,
      format('%s workers fit, %s of their slots are free; %s jobs are ahead in queue "%s"',
        fitting, free, ahead, it.queue);
  end if;
end
$$;
grant execute on function pra.why_pending to pra_submit, pra_worker, pra_read;
