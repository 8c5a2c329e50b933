-- Functions of workers: register, beat, claim, end an attempt.
--
-- PR001 "lease lost": the attempt is not the job's latest, has ended, or its worker's lease is
-- over. A write that raises it has changed nothing, and its writer must stop at once.

set local role pra_owner;

-- A restart of the server does not count against a lease: for a lease's time after it all may beat.
create function pra_store.lease_end(expires_at timestamptz, lease interval) returns timestamptz
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$ select greatest(expires_at, pg_postmaster_start_time() + lease); $$;

-- Holds a running job for a write of its attempt, until the transaction ends: the reaper passes by.
-- Exclusive when the write ends the attempt, shared otherwise.
create function pra_store.hold(job bigint, epoch bigint, exclusive boolean)
returns pra_store.jobs
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  held pra_store.jobs;
begin
  if exclusive then
    select * into held from pra_store.jobs where id = job for no key update;
  else
    select * into held from pra_store.jobs where id = job for share;
  end if;
  if held.id is null or held.state <> 'running' or held.epoch <> hold.epoch or not exists (
    select from pra_store.workers as w
    where w.id = held.worker_id and w.stopped_at is null
      and pra_store.lease_end(w.lease_expires_at, w.lease) > clock_timestamp()
  ) then
    raise exception 'lease lost: attempt % of job % may write no more', hold.epoch, job
      using errcode = 'PR001';
  end if;
  return held;
end
$$;

create function pra.register_worker(
  name text, labels jsonb, queues text[], kinds text[], slots integer default 1,
  lease interval default '30 seconds', version text default null
) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  made bigint;
begin
  if coalesce(cardinality(queues), 0) = 0 then
    raise exception 'queues: a worker serves at least one' using errcode = 'PR003';
  end if;
  if coalesce(cardinality(kinds), 0) = 0 then
    raise exception 'kinds: a worker runs at least one' using errcode = 'PR003';
  end if;
  if slots is null or slots < 1 then
    raise exception 'slots: %, must be 1 or more', slots using errcode = 'PR003';
  end if;
  if lease is null or lease < interval '1 second' then
    raise exception 'lease: %, must be a second or more', lease using errcode = 'PR003';
  end if;
  insert into pra_store.workers (
    name, labels, queues, kinds, slots, lease, version, lease_expires_at)
  values (register_worker.name, register_worker.labels, register_worker.queues,
          register_worker.kinds, register_worker.slots, register_worker.lease,
          register_worker.version, clock_timestamp() + register_worker.lease)
  returning id into made;
  perform pra_store.record_event('worker.registered', null, null, null, made);
  return made;
end
$$;

-- Locks a live worker or raises PR001: an expired lease is never renewed, even if nobody has reaped
-- it yet. The agent then kills its stages and registers anew.
create function pra_store.hold_worker(worker bigint) returns pra_store.workers
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  held pra_store.workers;
begin
  select * into held from pra_store.workers where id = worker for no key update;
  if held.id is null or held.stopped_at is not null
    or pra_store.lease_end(held.lease_expires_at, held.lease) <= clock_timestamp() then
    raise exception 'lease lost: worker % may do no more', worker using errcode = 'PR001';
  end if;
  return held;
end
$$;

-- One beat for all jobs of a worker. Says of which of them something is asked: 'lost' kill it, it
-- belongs to another attempt or nobody; 'cancel' stop and report; 'timeout' likewise; 'preempt'
-- checkpoint and release.
create function pra.heartbeat(
  worker bigint, running_jobs bigint[], running_epochs bigint[], draining boolean default false
) returns table (job bigint, epoch bigint, ask text)
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  if cardinality(running_jobs) <> cardinality(running_epochs) then
    raise exception 'running_epochs: % epochs for % jobs',
      cardinality(running_epochs), cardinality(running_jobs) using errcode = 'PR003';
  end if;
  perform pra_store.hold_worker(worker);
  update pra_store.workers
  set beat_at = clock_timestamp(), lease_expires_at = clock_timestamp() + lease,
      draining = heartbeat.draining
  where id = worker;
  return query
    select asked.job, asked.epoch, asked.ask
    from (
      select
        mine.job, mine.epoch,
        case
          when j.id is null or j.state <> 'running' or j.epoch <> mine.epoch
            or j.worker_id <> worker then 'lost'
          when j.cancel_requested_at is not null then 'cancel'
          when a.started_at + j.time_limit <= clock_timestamp() then 'timeout'
          when j.preempt_requested_at is not null then 'preempt'
        end as ask
      from unnest(running_jobs, running_epochs) as mine (job, epoch)
      left join pra_store.jobs as j on j.id = mine.job
      left join pra_store.attempts as a on a.job_id = mine.job and a.epoch = mine.epoch
    ) as asked
    where asked.ask is not null;
end
$$;

create function pra.claim(worker bigint, count integer default 1)
returns table (
  job bigint, epoch bigint, run bigint, run_name text, kind text, queue text, arguments jsonb,
  priority integer, time_limit interval
)
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  me pra_store.workers;
  free integer;
begin
  me := pra_store.hold_worker(worker);
  -- Exact, since whoever claims for this worker holds its row.
  select least(claim.count, me.slots - count(*)) into free
  from pra_store.jobs where worker_id = worker and state = 'running';
  if free <= 0 or me.draining then
    return;
  end if;
  return query
    -- Materialized: without the fence the planner may run the limited scan again and take too many.
    with claimable as materialized (
      select j.id
      from pra_store.jobs as j
      where j.state = 'ready'
        and j.queue = any(me.queues)
        and j.kind = any(me.kinds)
        and j.run_after <= clock_timestamp()
        and not exists (
          select from pra_store.queues as q where q.name = j.queue and q.paused_at is not null)
        and not exists (
          select from pra_store.runs as r where r.id = j.run_id and r.paused_at is not null)
        and (j.requirements = '[]' or pra_store.satisfies(me.labels, j.requirements))
      order by j.priority desc, j.run_after, j.id
      limit free
      for no key update of j skip locked
    ),
    claimed as (
      update pra_store.jobs as j
      set state = 'running', epoch = j.epoch + 1, worker_id = worker,
          started_at = coalesce(j.started_at, clock_timestamp()), preempt_requested_at = null
      from claimable
      where j.id = claimable.id
      returning j.*
    ),
    attempt as (
      insert into pra_store.attempts (job_id, epoch, worker_id)
      select c.id, c.epoch, worker from claimed as c
    ),
    event as (
      insert into pra_store.events (kind, run_id, job_id, epoch, worker_id)
      select 'job.claimed', c.run_id, c.id, c.epoch, worker from claimed as c
    )
    select c.id, c.epoch, c.run_id, r.name, c.kind, c.queue, c.arguments, c.priority, c.time_limit
    from claimed as c join pra_store.runs as r on r.id = c.run_id
    order by c.priority desc, c.run_after, c.id;
end
$$;

-- 2 s, 4 s, 8 s ... to 10 minutes, a quarter more or less so that failures do not return in step.
create function pra_store.backoff(tries integer) returns interval
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
  select least(600, 2 ^ least(tries, 10)) * (0.75 + 0.5 * random()) * interval '1 second';
$$;

-- Ends the attempt of a running job that the caller holds, and moves the job where that leads it.
create function pra_store.end_attempt(
  held pra_store.jobs, outcome pra.attempt_outcome, message text, exit_code integer,
  exit_signal integer
) returns pra.job_state
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  how pra.attempt_outcome := outcome;
  next_state pra.job_state := 'ready';
  wait interval := '0';
begin
  if held.cancel_requested_at is not null then
    how := 'cancelled';
  elsif how = 'released' and held.preempt_requested_at is not null then
    how := 'preempted';
  end if;
  case how
    when 'fault' then
      held.faults := held.faults + 1;
      wait := pra_store.backoff(held.faults);
      if held.faults > held.fault_retries then next_state := 'failed'; end if;
    when 'timeout' then
      held.timeouts := held.timeouts + 1;
      wait := pra_store.backoff(held.timeouts);
      if held.timeouts > held.timeout_retries then next_state := 'failed'; end if;
    when 'lost' then
      held.lost := held.lost + 1;
      if held.lost > held.lost_retries then next_state := 'quarantined'; end if;
    when 'preempted' then
      held.preemptions := held.preemptions + 1;
      if held.preemptions > held.preemption_retries then next_state := 'failed'; end if;
    when 'permanent' then next_state := 'failed';
    when 'cancelled' then next_state := 'cancelled';
    when 'released' then null;
    else
      raise exception 'class: an attempt does not end as % here', how using errcode = 'PR003';
  end case;

  update pra_store.attempts
  set ended_at = clock_timestamp(), outcome = how, message = end_attempt.message,
      exit_code = end_attempt.exit_code, exit_signal = end_attempt.exit_signal
  where job_id = held.id and epoch = held.epoch;
  update pra_store.jobs
  set state = next_state, worker_id = null, run_after = clock_timestamp() + wait,
      faults = held.faults, timeouts = held.timeouts, lost = held.lost,
      preemptions = held.preemptions, preempt_requested_at = null,
      message = coalesce(end_attempt.message, message),
      finished_at = case when next_state <> 'ready' then clock_timestamp() end
  where id = held.id;
  perform pra_store.record_event(
    'attempt.' || how, held.run_id, held.id, held.epoch, held.worker_id,
    jsonb_strip_nulls(jsonb_build_object(
      'message', end_attempt.message, 'exit_code', end_attempt.exit_code,
      'exit_signal', end_attempt.exit_signal, 'next', next_state)));
  if next_state = 'ready' and wait <= interval '0' then
    perform pg_notify('pra_ready', '');
  end if;
  return next_state;
end
$$;

-- How an attempt ended that did not finish: class is fault, permanent, timeout, released, cancelled
-- or lost. Returns the job's next state. A job that somebody cancelled is cancelled, whatever its
-- class.
create function pra.report_exit(
  job bigint, epoch bigint, class pra.attempt_outcome, message text default null,
  exit_code integer default null, exit_signal integer default null
) returns pra.job_state
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  held pra_store.jobs := pra_store.hold(job, epoch, true);
begin
  if class is null or class in ('succeeded', 'preempted') then
    raise exception 'class: "%" is not for a worker to report', class using errcode = 'PR003';
  end if;
  return pra_store.end_attempt(held, class, left(message, 4000), exit_code, exit_signal);
end
$$;

-- Gives a job back: no budget spent.
create function pra.release(job bigint, epoch bigint, message text default null)
returns pra.job_state
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  return pra.report_exit(job, epoch, 'released', message);
end
$$;

create function pra.deregister_worker(worker bigint) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  held pra_store.jobs;
begin
  perform pra_store.hold_worker(worker);
  for held in
    select * from pra_store.jobs
    where worker_id = worker and state = 'running' order by id for no key update
  loop
    perform pra_store.end_attempt(held, 'released', 'the worker left', null, null);
  end loop;
  update pra_store.workers
  set stopped_at = clock_timestamp(), stop_reason = 'deregistered' where id = worker;
  perform pra_store.record_event('worker.deregistered', null, null, null, worker);
end
$$;

-- Puts the jobs of workers whose lease is over back in line. Anybody may call it, as often as they
-- like: every agent does at each beat, so a dead worker's jobs wait for lease + beat at most.
create function pra.reap() returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  dead pra_store.workers;
  held pra_store.jobs;
  taken integer := 0;
begin
  for dead in
    select * from pra_store.workers
    where stopped_at is null
      and pra_store.lease_end(lease_expires_at, lease) <= clock_timestamp()
    order by id for no key update skip locked
  loop
    for held in
      select * from pra_store.jobs
      where worker_id = dead.id and state = 'running' order by id for no key update skip locked
    loop
      perform pra_store.end_attempt(
        held, 'lost', format('worker %s (%s) was lost', dead.id, dead.name), null, null);
      taken := taken + 1;
    end loop;
    -- A job that another transaction held is left for the next call, and so is the worker.
    if not exists (
      select from pra_store.jobs where worker_id = dead.id and state = 'running'
    ) then
      update pra_store.workers
      set stopped_at = clock_timestamp(), stop_reason = 'lease lost' where id = dead.id;
      perform pra_store.record_event('worker.lost', null, null, null, dead.id);
    end if;
  end loop;
  return taken;
end
$$;

grant execute on function pra.register_worker, pra.heartbeat, pra.claim, pra.report_exit,
  pra.release, pra.deregister_worker to pra_worker;
grant execute on function pra.reap to pra_worker, pra_submit;
