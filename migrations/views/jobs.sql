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

grant select on pra.jobs to pra_submit, pra_worker, pra_read;

comment on view pra.jobs is 'One row per job';
comment on column pra.jobs.id is 'number of the job';
comment on column pra.jobs.run_id is 'its run';
comment on column pra.jobs.run_name is 'name of its run';
comment on column pra.jobs.kind is 'what it does: ingest, train, sample, evaluate ...';
comment on column pra.jobs.queue is 'queue in which it waits';
comment on column pra.jobs.state is
  'blocked, ready, running, succeeded, failed, cancelled or quarantined';
comment on column pra.jobs.priority is 'higher is claimed first';
comment on column pra.jobs.arguments is 'arguments of its kind';
comment on column pra.jobs.requirements is
  'what it asks of a worker''s labels: [{label, op, value}]';
comment on column pra.jobs.run_after is 'not claimed before';
comment on column pra.jobs.epoch is 'number of its latest attempt; 0 when never claimed';
comment on column pra.jobs.worker_id is 'worker that runs it';
comment on column pra.jobs.worker_name is 'name of that worker';
comment on column pra.jobs.depends_on is 'jobs that must succeed first';
comment on column pra.jobs.unmet is 'how many of them have not';
comment on column pra.jobs.time_limit is 'longest time one attempt may take; null for no limit';
comment on column pra.jobs.faults is 'faults since it was enqueued or retried by hand';
comment on column pra.jobs.fault_retries is 'faults after which it is run again';
comment on column pra.jobs.lost is 'attempts lost with their worker';
comment on column pra.jobs.lost_retries is
  'losses after which it is run again; one more and it is quarantined';
comment on column pra.jobs.timeouts is 'attempts over the time limit';
comment on column pra.jobs.timeout_retries is 'time-outs after which it is run again';
comment on column pra.jobs.preemptions is 'attempts preempted';
comment on column pra.jobs.preemption_retries is
  'preemptions after which it is run again; null for no limit';
comment on column pra.jobs.cancel_requested_at is 'when somebody cancelled it';
comment on column pra.jobs.preempt_requested_at is 'when its agent was asked to give it back';
comment on column pra.jobs.message is 'last failure, in words';
comment on column pra.jobs.result is 'what finish reported';
comment on column pra.jobs.progress_done is 'units done in the latest attempt that said';
comment on column pra.jobs.progress_total is 'units in all';
comment on column pra.jobs.progress_unit is 'the unit, such as steps';
comment on column pra.jobs.progress_at is 'when progress was last heard';
comment on column pra.jobs.idempotency_key is
  'key under which enqueuing it again returns this job';
comment on column pra.jobs.created_at is 'when it was enqueued';
comment on column pra.jobs.created_by is 'login that enqueued it';
comment on column pra.jobs.started_at is 'when it was first claimed';
comment on column pra.jobs.finished_at is 'when it reached its last state';
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
