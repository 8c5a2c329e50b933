-- The reaper: what nobody else would notice.
--
-- Jobs and arrays that another transaction holds are left for the next call. Rows are looked up one by one: while a
-- snapshot is held open, one row looks to the planner like all that it was since.

create or replace function pra.reap() returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_mergejoin = off
set enable_hashjoin = off
set jit = off
as $$
declare
  taken integer := pra_store.reap_workers();
begin
  perform pra_store.reap_late_attempts();
  perform pra_store.reap_deadlines();
  perform pra_store.reap_arrays();
  perform pra_store.sweep_staged();
  perform pra_store.run_schedules();
  perform pra_store.forget_turns();
  perform pra_store.fold_counts();
  return taken;
end
$$;

grant execute on function pra.reap to pra_submit, pra_worker;

comment on function pra.reap is
  'Puts the jobs of workers whose lease is over back in line, ends what has missed a deadline, settles arrays, '
  'enqueues what schedules ask for. Returns how many attempts were lost. Anybody may call it, as often as they '
  'like: every agent does at each beat, so a dead worker''s jobs wait for lease + beat at most.';

-- Calls the reaper for a job whose worker is lost, since no agent may be alive to do so; returns whether the
-- job was taken back.
create or replace function pra_store.reap_if_lost(job bigint) returns boolean
language plpgsql
as $$
declare
  it pra_store.jobs;
begin
  select * into it from pra_store.jobs as j
  where j.id = reap_if_lost.job and j.state = 'running' and pra_store.is_lost(j.worker_id);
  if not found then
    return false;
  end if;
  perform pra.reap();
  return not exists (
    select from pra_store.jobs as j where j.id = it.id and j.state = 'running' and j.epoch = it.epoch);
end
$$;

-- Ends the attempts of workers whose lease is over; returns how many.
create or replace function pra_store.reap_workers() returns integer
language plpgsql
as $$
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
  return taken;
end
$$;

-- A gang of which a member was not fetched in time starts anew as a whole. A job that was asked to give way or to
-- stop and has not done so in time is taken away from its worker, however long the lease of that is. Its agent kills
-- the stage at the deadline, and has ten seconds more to say so.
create or replace function pra_store.reap_late_attempts() returns void
language plpgsql
as $$
declare
  late record;
  held pra_store.jobs;
begin
  for late in
    select g.job_id, g.epoch, 'released'::pra.attempt_outcome as how, 'the gang was not complete in time' as why
    from pra_store.gang_members as g where g.placed_at < clock_timestamp() - interval '30 seconds'
    union all
    select p.job_id, p.epoch, 'released', 'it did not give way in time'
    from pra_store.preemptions as p
    -- The limit keeps the planner from beginning with all that runs.
    cross join lateral (
      select j.state from pra_store.jobs as j
      where j.id = p.job_id and j.epoch = p.epoch limit 1
    ) as j
    where p.released_at is null and p.deadline < clock_timestamp() - interval '10 seconds' and j.state = 'running'
    union all
    select c.job_id, c.epoch, 'cancelled', 'its worker did not stop it in time'
    from pra_store.cancellations as c where c.deadline < clock_timestamp()
    order by 1
  loop
    select * into held from pra_store.jobs
    where id = late.job_id and epoch = late.epoch and state = 'running'
    for no key update skip locked;
    if found then
      perform pra_store.end_attempt(held, late.how, late.why, null, null, 'asked');
    end if;
  end loop;
  delete from pra_store.cancellations as c
  where not exists (
    select from pra_store.jobs as j
    where j.id = c.job_id and j.epoch = c.epoch and j.state = 'running');
end
$$;

-- Fails jobs whose deadline passed before they could run. By deadline and not by number: in that order the index
-- of deadlines serves.
create or replace function pra_store.reap_deadlines() returns void
language plpgsql
as $$
declare
  held pra_store.jobs;
begin
  for held in
    select * from pra_store.jobs
    where state in ('blocked', 'ready') and deadline <= clock_timestamp()
    order by deadline for no key update skip locked
  loop
    update pra_store.jobs
    set state = 'failed', finished_at = clock_timestamp(),
        message = format('its deadline %s passed before it could run', held.deadline)
    where id = held.id;
    perform pra_store.record_event('job.deadline', held.run_id, held.id, null, null);
  end loop;
end
$$;

-- Settles arrays that have no unfinished element: the last two of them, ending at the same moment, leave it to
-- each other.
create or replace function pra_store.reap_arrays() returns void
language plpgsql
as $$
declare
  complete bigint;
begin
  for complete in
    select a.id from pra_store.jobs as a
    left join lateral (
      -- The limit keeps the planner from reading the parts of all arrays for each of them.
      select 1 as part from pra_store.jobs as c
      where c.array_id = a.id and c.state in ('blocked', 'ready', 'running') limit 1
    ) as unfinished on true
    where a.array_first is not null and a.state = 'running' and unfinished.part is null
    order by a.id
  loop
    perform from pra_store.jobs where id = complete for no key update skip locked;
    if found then
      perform pra_store.settle_array(complete);
    end if;
  end loop;
end
$$;
