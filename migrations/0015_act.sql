-- What people and agents do to running work: cancel, retry, preempt, drain; the heartbeat; the reaper.

set local role pra_owner;

-- Cancels a job, and at wish everything that waits for it. A running one is stopped by its agent; of an
-- array all elements are. Without the wish its dependents stay blocked, as after a failure: a retry
-- revives them.
create or replace function pra.cancel(job bigint, with_dependents boolean default false)
returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  target record;
  touched integer := 0;
  asked boolean := false;
begin
  perform from pra_store.jobs where id = job;
  if not found then
    raise exception 'there is no job %', job using errcode = 'PR002';
  end if;
  for target in
    with recursive family (id) as (
      select job
      union
      select d.job_id
      from family join pra_store.job_dependencies as d on d.parent_id = family.id
      where with_dependents
    )
    select j.id, j.state, j.run_id, j.cancel_requested_at, j.array_first
    from pra_store.jobs as j
    where j.id in (select id from family)
    order by j.id
    for no key update of j
  loop
    if target.state in ('blocked', 'ready')
      or target.state = 'running' and target.array_first is not null then
      perform pra_store.settle_cancelled(target.id);
      touched := touched + 1;
      if target.array_first is not null then
        -- No more are cut, as the array is held.
        perform pra.cancel(c.id)
        from (
          select id from pra_store.jobs
          where array_id = target.id and state in ('blocked', 'ready', 'running') order by id
        ) as c;
      end if;
    elsif target.state = 'running' and target.cancel_requested_at is null then
      update pra_store.jobs set cancel_requested_at = clock_timestamp() where id = target.id;
      perform pra_store.record_event(
        'job.cancel_requested', target.run_id, target.id, null, null);
      touched := touched + 1;
      asked := true;
    end if;
  end loop;
  if asked then
    perform pg_notify('pra_ask', '');
  end if;
  return touched;
end
$$;

-- Gives a job that ended badly fresh budgets and puts it back in line; one that waits out a delay
-- runs now. Its dependents were blocked all the time and are released when it succeeds. Of an array
-- the elements that did not succeed run again.
create or replace function pra.retry(job bigint) returns pra.job_state
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  old pra_store.jobs;
  whole pra_store.jobs;
  unmet_parents integer;
  next_state pra.job_state;
begin
  -- The parents first, in the order in which everybody locks: by id.
  perform from pra_store.jobs
  where id in (select parent_id from pra_store.job_dependencies where job_id = job)
  order by id for share;
  select * into old from pra_store.jobs where id = job for no key update;
  if not found then
    raise exception 'there is no job %', job using errcode = 'PR002';
  end if;
  if old.state in ('running', 'succeeded', 'blocked') then
    raise exception 'job % is %; only a failed, cancelled, quarantined or delayed job is retried',
      job, old.state using errcode = 'PR004';
  end if;
  if old.array_id is not null then
    select * into whole from pra_store.jobs where id = old.array_id for no key update;
    if whole.gang then
      raise exception 'job % is a member of gang %, which is retried whole', job, whole.id
        using errcode = 'PR004', hint = format('`pra retry %s` does that.', whole.id);
    end if;
  end if;
  select count(*) into unmet_parents
  from pra_store.job_dependencies as d join pra_store.jobs as p on p.id = d.parent_id
  where d.job_id = job and p.state <> 'succeeded';
  next_state := case
    when unmet_parents > 0 then 'blocked'
    when old.array_first is not null and not old.gang and (
      old.follows_id is not null or pra_store.next_element(old) >= old.array_end) then 'running'
    else 'ready' end;
  update pra_store.jobs
  set state = next_state, unmet = unmet_parents, run_after = clock_timestamp(), due = true,
      faults = 0, lost = 0, timeouts = 0, preemptions = 0, crash_hosts = '{}',
      cancel_requested_at = null, preempt_requested_at = null, message = null, finished_at = null
  where id = job;
  if old.array_first is not null then
    update pra_store.jobs
    set state = case when old.gang then 'blocked' else 'ready' end::pra.job_state,
        run_after = clock_timestamp(), due = true,
        faults = 0, lost = 0, timeouts = 0, preemptions = 0, crash_hosts = '{}',
        cancel_requested_at = null, message = null, finished_at = null
    where array_id = job and state in ('failed', 'cancelled', 'quarantined');
    if next_state = 'running' then
      perform pra_store.settle_array(job);
    end if;
  elsif whole.state in ('failed', 'cancelled') then
    update pra_store.jobs
    set state = case when follows_id is null and pra_store.next_element(whole) < array_end
          and whole.state = 'failed' then 'ready' else 'running' end::pra.job_state,
        finished_at = null, message = null, cancel_requested_at = null
    where id = whole.id;
  end if;
  perform pra_store.record_event('job.retried', old.run_id, job, null, null);
  if next_state = 'ready' or old.array_first is not null then
    perform pg_notify('pra_ready', '');
  end if;
  return next_state;
end
$$;

drop function pra.preempt(bigint);

-- Asks the agent of a running job to checkpoint and give it back. When the grace is over it is taken
-- away: pra.preemptions shows how far it came. No try is spent.
create function pra.preempt(
  job bigint, grace interval default '60 seconds', reason text default null
) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  old pra_store.jobs;
begin
  if grace is null or grace < interval '0' then
    raise exception 'grace: %, must not be negative', grace using errcode = 'PR003';
  end if;
  select * into old from pra_store.jobs where id = job for no key update;
  if not found then
    raise exception 'there is no job %', job using errcode = 'PR002';
  end if;
  if old.array_first is not null then
    perform pra.preempt(c.id, grace, reason)
    from (select id from pra_store.jobs
          where array_id = job and state = 'running' order by id) as c;
    return;
  end if;
  if old.state <> 'running' then
    raise exception 'job % is %, not running', job, old.state using errcode = 'PR004';
  end if;
  update pra_store.jobs
  set preempt_requested_at = coalesce(preempt_requested_at, clock_timestamp()) where id = job;
  insert into pra_store.preemptions as p (job_id, epoch, reason, deadline)
  values (preempt.job, old.epoch, preempt.reason, clock_timestamp() + preempt.grace)
  on conflict (job_id, epoch) do update set deadline = least(p.deadline, excluded.deadline);
  perform pra_store.record_event('job.preempt_requested', old.run_id, job, old.epoch, null);
  perform pg_notify('pra_ask', '');
end
$$;

-- A checkpoint that a job registers on its way out belongs to the request.
create function pra_store.note_checkpoint() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  update pra_store.preemptions as p
  set checkpoint_step = new.step, checkpoint_at = clock_timestamp()
  where p.job_id = new.job_id and p.epoch = new.epoch and p.released_at is null;
  return null;
end
$$;
create trigger note_checkpoint after insert on pra_store.checkpoints
for each row execute function pra_store.note_checkpoint();

-- A worker that shall get no more work and give back what it has, each job by a preemption.
create function pra.drain(worker bigint, grace interval default '60 seconds') returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  held bigint;
  asked integer := 0;
begin
  update pra_store.workers
  set drain_requested_at = coalesce(drain_requested_at, clock_timestamp())
  where id = worker and stopped_at is null;
  if not found then
    raise exception 'there is no live worker %', worker using errcode = 'PR002';
  end if;
  for held in
    select id from pra_store.jobs where worker_id = worker and state = 'running' order by id
  loop
    perform pra.preempt(held, grace, format('worker %s is drained', worker));
    asked := asked + 1;
  end loop;
  perform pra_store.record_event('worker.drain_requested', null, null, null, worker);
  return asked;
end
$$;

create function pra.undrain(worker bigint) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  update pra_store.workers set drain_requested_at = null where id = worker and stopped_at is null;
  if not found then
    raise exception 'there is no live worker %', worker using errcode = 'PR002';
  end if;
  perform pra_store.record_event('worker.undrained', null, null, null, worker);
  perform pg_notify('pra_ready', '');
end
$$;

drop function pra.heartbeat(bigint, bigint[], bigint[], boolean);

-- One beat for all jobs of a worker. Says of which of them something is asked: 'lost' kill it, it
-- belongs to another attempt or nobody; 'cancel' stop and report; 'timeout' likewise; 'preempt'
-- checkpoint and release, within so many seconds.
create function pra.heartbeat(
  worker bigint, running_jobs bigint[], running_epochs bigint[], draining boolean default false
) returns table (job bigint, epoch bigint, ask text, seconds double precision)
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
  update pra_store.preemptions as p set acknowledged_at = clock_timestamp()
  from unnest(running_jobs, running_epochs) as mine (job, epoch)
  where p.job_id = mine.job and p.epoch = mine.epoch and p.acknowledged_at is null;
  return query
    select asked.job, asked.epoch, asked.ask, asked.seconds
    from (
      select
        mine.job, mine.epoch,
        case
          when j.id is null or j.state <> 'running' or j.epoch <> mine.epoch
            or j.worker_id <> worker then 'lost'
          when j.cancel_requested_at is not null then 'cancel'
          when a.started_at + j.time_limit <= clock_timestamp()
            or j.deadline <= clock_timestamp() then 'timeout'
          when j.preempt_requested_at is not null then 'preempt'
        end as ask,
        greatest(0, extract(epoch from p.deadline - clock_timestamp()))::double precision as seconds
      from unnest(running_jobs, running_epochs) as mine (job, epoch)
      left join pra_store.jobs as j on j.id = mine.job
      left join pra_store.attempts as a on a.job_id = mine.job and a.epoch = mine.epoch
      left join pra_store.preemptions as p on p.job_id = mine.job and p.epoch = mine.epoch
    ) as asked
    where asked.ask is not null;
end
$$;

-- Puts the jobs of workers whose lease is over back in line, ends what has missed a deadline, settles
-- arrays, enqueues what schedules ask for. Anybody may call it, as often as they like: every agent does
-- at each beat, so a dead worker's jobs wait for lease + beat at most.
create or replace function pra.reap() returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  dead pra_store.workers;
  held pra_store.jobs;
  late record;
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
        held, 'lost', format('worker %s (%s) was lost', dead.id, dead.name), null, null,
        'host-lost');
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

  -- A gang of which a member was not fetched in time starts anew as a whole. What a preempted job has
  -- not given back a lease after its deadline is taken away from it.
  for late in
    select g.job_id, g.epoch, 'the gang was not complete in time' as why
    from pra_store.gang_members as g where g.placed_at < clock_timestamp() - interval '30 seconds'
    union all
    select p.job_id, p.epoch, 'it did not give way in time'
    from pra_store.preemptions as p
    join pra_store.jobs as j on j.id = p.job_id and j.epoch = p.epoch and j.state = 'running'
    join pra_store.workers as w on w.id = j.worker_id
    where p.released_at is null and p.deadline + w.lease < clock_timestamp()
    order by 1
  loop
    select * into held from pra_store.jobs
    where id = late.job_id and epoch = late.epoch and state = 'running'
    for no key update skip locked;
    if found then
      perform pra_store.end_attempt(held, 'released', late.why, null, null, 'asked');
    end if;
  end loop;

  for held in
    select * from pra_store.jobs
    where state in ('blocked', 'ready') and deadline <= clock_timestamp()
    order by id for no key update skip locked
  loop
    update pra_store.jobs
    set state = 'failed', finished_at = clock_timestamp(),
        message = format('its deadline %s passed before it could run', held.deadline)
    where id = held.id;
    perform pra_store.record_event('job.deadline', held.run_id, held.id, null, null);
  end loop;

  perform pra_store.settle_array(a.id)
  from (
    select j.id from pra_store.jobs as j
    where j.array_first is not null and j.state = 'running'
      and not exists (
        select from pra_store.jobs as c
        where c.array_id = j.id and c.state in ('blocked', 'ready', 'running'))
    order by j.id
  ) as a;
  perform pra_store.run_schedules();
  return taken;
end
$$;

grant execute on function pra.heartbeat to pra_worker;
grant execute on function pra.preempt, pra.drain, pra.undrain to pra_submit;
