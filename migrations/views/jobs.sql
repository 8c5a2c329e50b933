-- With statement_timestamp(), which is stable: PostgreSQL works a view with a volatile column out for all jobs before
-- it joins it.
create or replace view pra.jobs as
select
  j.id, j.run_id, r.name as run_name, j.kind, j.queue, j.state, j.priority,
  -- pra_store.element_arguments written out, since functions in a view run with the rights of its reader.
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
  j.array_id, j.element_first, j.element_end - 1 as element_last, j.crash_hosts,
  -- pra_store.is_lost written out, for the same reason.
  case when j.state = 'running' and w.stopped_at is null
      and greatest(w.lease_expires_at, pg_postmaster_start_time() + w.lease) <= statement_timestamp()
    then greatest(w.lease_expires_at, pg_postmaster_start_time() + w.lease) end as worker_lost_at,
  p.rate as progress_rate,
  case
    when p.unit like 'bytes %' then concat_ws(', ',
      case p.unit when 'bytes fetched' then 'fetching ' when 'bytes checked' then 'checking ' else 'storing ' end
        || pra.size_text(p.done, p.total),
      pra.size_text(p.rate) || '/s')
    when p.total > 0 then concat_ws(', ',
      format('%s of %s %s', p.done, p.total, p.unit),
      trim_scale(round(p.rate::numeric, case when p.rate < 10 then 2 else 0 end)) || '/s')
  end as progress,
  j.preview_of
from pra_store.jobs as j
-- Each job has a run; an outer join is left out of plans that do not ask for its name.
left join pra_store.runs as r on r.id = j.run_id
left join pra_store.workers as w on w.id = j.worker_id
left join pra_store.progress as p on p.job_id = j.id;

grant select on pra.jobs to pra_submit, pra_worker, pra_read;

comment on view pra.jobs is
  'One row per job; an array is one, and so is each part of it that was started';
comment on column pra.jobs.id is 'number of the job';
comment on column pra.jobs.run_id is 'run of the job';
comment on column pra.jobs.run_name is 'name of the run';
comment on column pra.jobs.kind is 'kind of work: ingest, train, sample, evaluate ...';
comment on column pra.jobs.queue is 'queue in which it waits';
comment on column pra.jobs.state is
  'blocked, ready, running, succeeded, failed, cancelled or quarantined';
comment on column pra.jobs.priority is 'priority; higher is claimed first';
comment on column pra.jobs.arguments is 'arguments of the job, by the schema of its kind';
comment on column pra.jobs.requirements is 'conditions on a worker''s labels: [{label, op, value}]';
comment on column pra.jobs.run_after is 'earliest time of the next claim';
comment on column pra.jobs.epoch is 'number of its latest attempt; 0 when never claimed';
comment on column pra.jobs.worker_id is 'worker that runs it';
comment on column pra.jobs.worker_name is 'name of that worker';
comment on column pra.jobs.depends_on is 'jobs that must succeed first';
comment on column pra.jobs.unmet is 'number of those that have not succeeded';
comment on column pra.jobs.time_limit is 'longest duration of an attempt; null for no limit';
comment on column pra.jobs.faults is
  'number of faults since it was enqueued or last retried by hand';
comment on column pra.jobs.fault_retries is 'number of faults after which it still runs again';
comment on column pra.jobs.lost is 'number of attempts lost with their worker';
comment on column pra.jobs.lost_retries is
  'number of losses after which it still runs again; one more quarantines it';
comment on column pra.jobs.timeouts is 'number of attempts over the time limit';
comment on column pra.jobs.timeout_retries is 'number of time-outs after which it still runs again';
comment on column pra.jobs.preemptions is 'number of preempted attempts';
comment on column pra.jobs.preemption_retries is
  'number of preemptions after which it still runs again; null for no limit';
comment on column pra.jobs.cancel_requested_at is 'time when its cancellation was requested';
comment on column pra.jobs.preempt_requested_at is 'time when its agent was asked to give it back';
comment on column pra.jobs.message is 'description of its latest failure';
comment on column pra.jobs.result is 'result that pra.finish stored';
comment on column pra.jobs.progress_done is
  'number of units done, by the attempt that reported last';
comment on column pra.jobs.progress_total is 'number of units in all';
comment on column pra.jobs.progress_unit is 'name of the unit, such as steps';
comment on column pra.jobs.progress_at is 'time of the latest progress report';
comment on column pra.jobs.idempotency_key is 'key under which another enqueue returns this job';
comment on column pra.jobs.created_at is 'time when it was enqueued';
comment on column pra.jobs.created_by is 'login that enqueued it';
comment on column pra.jobs.started_at is 'time of its first claim';
comment on column pra.jobs.finished_at is 'time when it reached its final state';
comment on column pra.jobs.limits is 'limits of which each of its attempts takes a slot';
comment on column pra.jobs.deadline is 'time by which it must have ended';
comment on column pra.jobs.array_first is 'index of the first element of an array';
comment on column pra.jobs.array_last is 'index of the last element of an array';
comment on column pra.jobs.pack is 'number of elements of an array that one attempt does';
comment on column pra.jobs.gang is
  'true when the elements of the array start together or not at all';
comment on column pra.jobs.array_id is 'array of which this job is a part';
comment on column pra.jobs.element_first is 'index of the first element that this part does';
comment on column pra.jobs.element_last is 'index of the last element that this part does';
comment on column pra.jobs.crash_hosts is 'hosts on which it crashed; a second one quarantines it';
comment on column pra.jobs.progress_rate is 'number of units in a second, lately';
comment on column pra.jobs.progress is
  'the progress as a sentence, such as "fetching 31 of 252 GB, 420 MB/s" or "1200 of 3000 steps, 4.1/s"';
comment on column pra.jobs.worker_lost_at is
  'time when the lease of the worker that runs it ran out, until somebody puts it back in line';
comment on column pra.jobs.preview_of is
  'training whose checkpoint it draws as a preview; null for every other job. Runs do not wait for previews';
