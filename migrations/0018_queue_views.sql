-- The public views, with what 0010 to 0017 have added: new columns come last.

set local role pra_owner;

-- An array counts as one job, whatever has been cut of it.
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
  r.weight
from pra_store.runs as r
left join pra_store.jobs as j on j.run_id = r.id and j.array_id is null
group by r.id;

create or replace view pra.jobs as
select
  j.id, j.run_id, r.name as run_name, j.kind, j.queue, j.state, j.priority,
  -- Written out: a view's functions run with the rights of its reader.
  case when j.array_id is null then j.arguments else (
    select case
      when a.has_element_arguments then (
        select case when j.element_end - j.element_first = 1 then jsonb_agg(own.value) -> 0
          else jsonb_build_object('elements', jsonb_agg(own.value order by own.i)) end
        from (
          select i, (
            select e.arguments -> (i - e.first)::integer
            from pra_store.element_arguments as e
            where e.array_id = a.id and e.first <= i
            order by e.first desc limit 1) as value
          from generate_series(j.element_first, j.element_end - 1) as i
        ) as own)
      when a.first_path is null and a.end_path is null then a.arguments
      when a.end_path is null then jsonb_set(a.arguments, a.first_path, to_jsonb(j.element_first))
      when a.first_path is null then jsonb_set(a.arguments, a.end_path, to_jsonb(j.element_end))
      else jsonb_set(
        jsonb_set(a.arguments, a.first_path, to_jsonb(j.element_first)), a.end_path,
        to_jsonb(j.element_end))
    end
    from pra_store.jobs as a where a.id = j.array_id) end as arguments,
  j.requirements, j.run_after, j.epoch, j.worker_id, w.name as worker_name,
  (select array_agg(d.parent_id order by d.parent_id)
   from pra_store.job_dependencies as d where d.job_id = j.id) as depends_on,
  j.unmet, j.time_limit, j.faults, j.fault_retries, j.lost, j.lost_retries, j.timeouts,
  j.timeout_retries, j.preemptions, j.preemption_retries,
  j.cancel_requested_at, j.preempt_requested_at, j.message, j.result,
  p.done as progress_done, p.total as progress_total, p.unit as progress_unit,
  p.updated_at as progress_at,
  j.idempotency_key, j.created_at, j.created_by, j.started_at, j.finished_at,
  j.limits, j.deadline, j.array_first, j.array_end - 1 as array_last, j.pack, j.gang,
  j.array_id, j.element_first, j.element_end - 1 as element_last, j.crash_hosts
from pra_store.jobs as j
join pra_store.runs as r on r.id = j.run_id
left join pra_store.workers as w on w.id = j.worker_id
left join pra_store.progress as p on p.job_id = j.id;

create or replace view pra.attempts as
select
  a.job_id, a.epoch, j.run_id, j.kind, a.worker_id, w.name as worker_name, a.started_at, a.ended_at,
  a.outcome, a.exit_code, a.exit_signal, a.message, a.from_step, a.continues_epoch,
  a.metric_batch, a.metric_high_water, a.cause
from pra_store.attempts as a
join pra_store.jobs as j on j.id = a.job_id
join pra_store.workers as w on w.id = a.worker_id;

create or replace view pra.workers as
select
  w.id, w.name, w.version, w.labels, w.queues, w.kinds, w.slots,
  (select count(*) from pra_store.jobs as j where j.worker_id = w.id and j.state = 'running')
    as running,
  case
    when w.stopped_at is not null then 'stopped'
    when greatest(w.lease_expires_at, pg_postmaster_start_time() + w.lease) <= clock_timestamp()
      then 'lost'
    when w.draining or w.drain_requested_at is not null then 'draining'
    when exists (
      select from pra_store.blamed_hosts as b
      where b.host = coalesce(w.labels ->> 'host', w.name) and b.until > clock_timestamp())
      then 'blamed'
    else 'live'
  end as state,
  w.lease, greatest(w.lease_expires_at, pg_postmaster_start_time() + w.lease) as lease_expires_at,
  w.registered_at, w.beat_at, w.stopped_at, w.stop_reason, w.drain_requested_at
from pra_store.workers as w;

create view pra.arrays as
select
  a.id, a.run_id, a.kind, a.state, a.array_first, a.array_end - 1 as array_last, a.pack, a.gang,
  a.array_end - a.array_first as elements,
  a.array_end - a.array_first - c.running - c.bad - c.succeeded as waiting,
  c.running, c.succeeded, c.bad as ended_badly
from pra_store.jobs as a
cross join lateral (
  select
    coalesce(sum(c.element_end - c.element_first) filter (where c.state = 'running'), 0) as running,
    coalesce(sum(c.element_end - c.element_first)
      filter (where c.state in ('failed', 'cancelled', 'quarantined')), 0) as bad,
    -- What was cut, and has no later part that is still to succeed: such a part is for one element
    -- that was taken out of its cut, or for the cut itself.
    coalesce(
      case when a.follows_id is null then max(c.element_end) - a.array_first
        else sum(c.element_end - c.element_first) end
      - sum(c.element_end - c.element_first) filter (where c.state <> 'succeeded'),
      case when a.follows_id is null then max(c.element_end) - a.array_first
        else sum(c.element_end - c.element_first) end, 0) as succeeded
  from pra_store.jobs as c where c.array_id = a.id
) as c
where a.array_first is not null;

create view pra.limits as
select
  l.name, l.slots,
  count(s.job_id) as taken,
  array_agg(s.job_id order by s.taken_at) filter (where s.job_id is not null) as held_by,
  l.created_at
from pra_store.limits as l
left join pra_store.limit_slots as s on s.limit_name = l.name
group by l.name;

create view pra.preemptions as
select
  p.id, p.job_id, p.epoch, p.reason, p.requested_at, p.requested_by, p.deadline,
  p.acknowledged_at, p.checkpoint_at, p.checkpoint_step, p.released_at, p.outcome,
  case
    when p.released_at is not null then 'released'
    when p.checkpoint_at is not null then 'checkpointed'
    when p.acknowledged_at is not null then 'acknowledged'
    else 'requested'
  end as state
from pra_store.preemptions as p;

create view pra.schedules as
select
  s.name, s.cron, s.time_zone, s.catch_up, s.run_id, r.name as run_name, s.kind, s.arguments,
  s.queue, s.priority, s.next_at, s.last_at, s.last_job, s.paused_at, s.created_at, s.created_by
from pra_store.schedules as s join pra_store.runs as r on r.id = s.run_id;

create view pra.blamed_hosts as
select b.host, b.blamed_at, b.until, b.reason from pra_store.blamed_hosts as b
where b.until > clock_timestamp();

grant select on pra.arrays, pra.limits, pra.preemptions, pra.schedules, pra.blamed_hosts
  to pra_submit, pra_worker, pra_read;

comment on column pra.runs.weight is 'its part of the places where several runs wait alike';
comment on column pra.jobs.limits is 'limits of which each of its attempts takes a slot';
comment on column pra.jobs.deadline is 'moment by which it must have ended';
comment on column pra.jobs.array_first is 'of an array: its first element';
comment on column pra.jobs.array_last is 'of an array: its last element';
comment on column pra.jobs.pack is 'of an array: elements that one attempt does';
comment on column pra.jobs.gang is 'whether the elements of the array start all at once';
comment on column pra.jobs.array_id is 'the array of which this is a part';
comment on column pra.jobs.element_first is 'first element of the array that this part does';
comment on column pra.jobs.element_last is 'last element of the array that this part does';
comment on column pra.jobs.crash_hosts is
  'hosts on which it crashed; with a second one it is quarantined';
comment on column pra.attempts.cause is
  'how its process ended: exit-code, signal, out-of-memory, time-limit, deadline, lease-lost, host-lost, not-started or asked';
comment on column pra.workers.drain_requested_at is
  'since when an operator wants it to give its work back';

comment on view pra.arrays is 'One row per array, with its elements by what became of them';
comment on column pra.arrays.id is 'number of the array, which is a job';
comment on column pra.arrays.run_id is 'its run';
comment on column pra.arrays.kind is 'kind of its elements';
comment on column pra.arrays.state is 'ready while some is not cut, running while some has not ended';
comment on column pra.arrays.array_first is 'its first element';
comment on column pra.arrays.array_last is 'its last element';
comment on column pra.arrays.pack is 'elements that one attempt does';
comment on column pra.arrays.gang is 'whether the elements start all at once';
comment on column pra.arrays.elements is 'number of elements';
comment on column pra.arrays.waiting is 'elements that have not started, or will start again';
comment on column pra.arrays.running is 'elements in running attempts';
comment on column pra.arrays.succeeded is 'elements done';
comment on column pra.arrays.ended_badly is 'elements failed, cancelled or quarantined';

comment on view pra.limits is 'One row per limit on what may run at once';
comment on column pra.limits.name is 'name of the limit';
comment on column pra.limits.slots is 'how many jobs may run under it at once';
comment on column pra.limits.taken is 'how many do';
comment on column pra.limits.held_by is 'which, the longest first';
comment on column pra.limits.created_at is 'when it was made';

comment on view pra.preemptions is 'One row per request to a running job to give way';
comment on column pra.preemptions.id is 'number of the request';
comment on column pra.preemptions.job_id is 'the job';
comment on column pra.preemptions.epoch is 'its attempt';
comment on column pra.preemptions.reason is 'why, in words';
comment on column pra.preemptions.requested_at is 'when it was asked';
comment on column pra.preemptions.requested_by is 'login that asked';
comment on column pra.preemptions.deadline is 'when it is taken away if it has not been given back';
comment on column pra.preemptions.acknowledged_at is 'when its agent had heard of it';
comment on column pra.preemptions.checkpoint_at is 'when its last checkpoint after that was registered';
comment on column pra.preemptions.checkpoint_step is 'step of that checkpoint';
comment on column pra.preemptions.released_at is 'when the attempt had ended';
comment on column pra.preemptions.outcome is 'how the attempt ended';
comment on column pra.preemptions.state is 'requested, acknowledged, checkpointed or released';

comment on view pra.schedules is 'One row per schedule';
comment on column pra.schedules.name is 'name of the schedule';
comment on column pra.schedules.cron is 'minute, hour, day, month, weekday, as in crontab(5)';
comment on column pra.schedules.time_zone is 'on whose calendar';
comment on column pra.schedules.catch_up is
  'which of the times that passed unseen are made up for: all, last or none';
comment on column pra.schedules.run_id is 'run that gets the jobs';
comment on column pra.schedules.run_name is 'name of that run';
comment on column pra.schedules.kind is 'kind of the jobs';
comment on column pra.schedules.arguments is 'arguments of the jobs';
comment on column pra.schedules.queue is 'queue of the jobs';
comment on column pra.schedules.priority is 'priority of the jobs';
comment on column pra.schedules.next_at is 'when it fires next';
comment on column pra.schedules.last_at is 'when it fired last';
comment on column pra.schedules.last_job is 'the job it made then';
comment on column pra.schedules.paused_at is 'since when it does not fire; null when it does';
comment on column pra.schedules.created_at is 'when it was made';
comment on column pra.schedules.created_by is 'login that made it';

comment on view pra.blamed_hosts is 'Hosts that get no work because jobs crash there';
comment on column pra.blamed_hosts.host is 'label host of its workers, else their name';
comment on column pra.blamed_hosts.blamed_at is 'since when';
comment on column pra.blamed_hosts.until is 'until when; pra.forgive_host ends it earlier';
comment on column pra.blamed_hosts.reason is 'why, in words';
