-- Cancel, retry, priority.

create or replace function pra_store.cancel_job(job bigint, with_dependents boolean default false)
returns integer
language plpgsql
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
  perform pra_store.reap_if_lost(job);
  for target in
    with recursive family (id) as (
      select job
      union
      select d.job_id
      from family join pra_store.job_dependencies as d on d.parent_id = family.id
      where with_dependents
    )
    select j.id, j.epoch, j.state, j.run_id, j.cancel_requested_at, j.array_first
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
        -- The row lock on the array keeps others from splitting off more of it.
        perform pra_store.cancel_job(c.id)
        from (
          select id from pra_store.jobs
          where array_id = target.id and state in ('blocked', 'ready', 'running') order by id
        ) as c;
      end if;
    elsif target.state = 'running' and target.cancel_requested_at is null then
      update pra_store.jobs set cancel_requested_at = clock_timestamp() where id = target.id;
      -- Then the reaper ends it, whatever its worker does.
      insert into pra_store.cancellations as c (job_id, epoch, deadline)
      values (target.id, target.epoch, clock_timestamp() + interval '30 seconds')
      on conflict (job_id) do update set epoch = excluded.epoch, deadline = excluded.deadline;
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

create or replace function pra.cancel(job bigint, with_dependents boolean default false)
returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  perform pra_store.require_own_jobs(case when not with_dependents then array[cancel.job] else array(
    with recursive family (id) as (
      select cancel.job
      union
      select d.job_id from family join pra_store.job_dependencies as d on d.parent_id = family.id
    )
    select f.id from family as f) end);
  return pra_store.cancel_job(job, with_dependents);
end
$$;

grant execute on function pra.cancel to pra_submit;

comment on function pra.cancel is
'Cancels a job and all elements of an array; with_dependents: also everything that waits for it,
which otherwise stays blocked until a retry makes the job succeed. The agent of a running job is
asked to stop it; a job whose worker is lost is taken back and ends at once.
Returns the number of jobs cancelled or asked to stop; the elements of an array are not counted.
Raises PR002 when there is no such job.';

create or replace function pra_store.cancel_jobs(jobs bigint[]) returns integer
language plpgsql
as $$
#variable_conflict use_column
declare
  touched integer;
  asked integer;
begin
  -- Arrays first: each holds its parts.
  select coalesce(sum(pra_store.cancel_job(a.id)), 0) into touched
  from (
    select j.id from pra_store.jobs as j
    where j.id = any(cancel_jobs.jobs) and j.array_first is not null and j.state in ('blocked', 'ready', 'running')
    order by j.id
  ) as a;
  perform from pra_store.jobs as j
  where j.id = any(cancel_jobs.jobs) and j.state in ('blocked', 'ready', 'running') and j.array_first is null
  order by j.id for no key update;
  with ended as (
    update pra_store.jobs as j
    set state = 'cancelled', finished_at = clock_timestamp(),
        cancel_requested_at = coalesce(j.cancel_requested_at, clock_timestamp())
    where j.id = any(cancel_jobs.jobs) and j.state in ('blocked', 'ready') and j.array_first is null
    returning j.id, j.run_id
  ),
  said as (
    insert into pra_store.events (kind, run_id, job_id)
    select 'job.cancelled', e.run_id, e.id from ended as e order by e.id
  )
  select touched + count(*) into touched from ended;
  with stopped as (
    update pra_store.jobs as j set cancel_requested_at = clock_timestamp()
    where j.id = any(cancel_jobs.jobs) and j.state = 'running' and j.array_first is null
      and j.cancel_requested_at is null
    returning j.id, j.epoch, j.run_id
  ),
  awaited as (
    insert into pra_store.cancellations (job_id, epoch, deadline)
    select s.id, s.epoch, clock_timestamp() + interval '30 seconds' from stopped as s
    on conflict (job_id) do update set epoch = excluded.epoch, deadline = excluded.deadline
  ),
  said as (
    insert into pra_store.events (kind, run_id, job_id)
    select 'job.cancel_requested', s.run_id, s.id from stopped as s order by s.id
  )
  select count(*) into asked from stopped;
  if asked > 0 then
    perform pg_notify('pra_ask', '');
  end if;
  return touched + asked;
end
$$;

create or replace function pra.cancel_many(jobs bigint[]) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  perform pra_store.require_own_jobs(array(
    select j.id from pra_store.jobs as j
    where j.id = any(cancel_many.jobs) and j.state in ('blocked', 'ready', 'running')));
  return pra_store.cancel_jobs(jobs);
end
$$;

grant execute on function pra.cancel_many to pra_submit;

comment on function pra.cancel_many is
'Cancels many jobs, arrays with their elements; those that have ended, and numbers of no job, are passed
over. Returns the number of jobs cancelled or asked to stop, as pra.cancel counts them.';

create or replace function pra.cancel_run(run bigint) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  perform from pra_store.runs where id = run;
  if not found then
    raise exception 'there is no run %', run using errcode = 'PR002';
  end if;
  perform pra_store.require_own_run(run);
  -- Parts of an array are the array's.
  return pra_store.cancel_jobs(array(
    select id from pra_store.jobs
    where run_id = run and array_id is null and state in ('blocked', 'ready', 'running')
      and id not in (select pra.jobs_needed_elsewhere(run))
    order by id));
end
$$;

grant execute on function pra.cancel_run to pra_submit;

comment on function pra.cancel_run is
'Cancels every job of a run that has not ended, in one transaction, and returns what pra.cancel_many does. Data sets that
jobs of other runs wait for are ingested on (pra.jobs_needed_elsewhere).
Raises PR002 when there is no such run.';

create or replace function pra_store.retry_job(job bigint) returns pra.job_state
language plpgsql
as $$
#variable_conflict use_column
declare
  old pra_store.jobs;
  whole pra_store.jobs;
  unmet_parents integer;
  next_state pra.job_state;
  refusal text;
begin
  perform pra_store.reap_if_lost(job);
  -- Locks the parents first and by id, as every function does: no two calls wait for each other.
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
  refusal := pra_store.retry_refusal(old);
  if refusal is not null then
    raise exception '%', refusal using errcode = 'PR004';
  end if;
  if old.array_id is not null then
    select * into whole from pra_store.jobs where id = old.array_id for no key update;
    if whole.gang then
      raise exception 'job % is a member of gang %, which is retried whole', job, whole.id
        using errcode = 'PR004', hint = format('`pra retry %s` does that.', whole.id);
    end if;
  end if;
  unmet_parents := pra_store.unmet_parents(job);
  next_state := case
    when unmet_parents > 0 then 'blocked'
    when old.array_first is not null and not old.gang and (
      old.follows_id is not null or pra_store.next_element(old) >= old.array_end) then 'running'
    else 'ready' end;
  update pra_store.jobs
  set state = next_state, unmet = unmet_parents, run_after = clock_timestamp(), due = true,
      faults = 0, lost = 0, timeouts = 0, preemptions = 0, crash_hosts = '{}',
      host_faults = 0, avoided_host = null, avoided_until = null,
      cancel_requested_at = null, preempt_requested_at = null, message = null, finished_at = null
  where id = job;
  if old.array_first is not null then
    perform pra_store.retry_elements(old);
    if next_state = 'running' then
      perform pra_store.settle_array(job);
    end if;
  elsif whole.state in ('failed', 'cancelled') then
    perform pra_store.reopen_array(whole);
  end if;
  perform pra_store.record_event('job.retried', old.run_id, job, null, null);
  if next_state = 'ready' or old.array_first is not null then
    perform pg_notify('pra_ready', '');
  end if;
  return next_state;
end
$$;

create or replace function pra.retry(job bigint) returns pra.job_state
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  perform pra_store.require_own_jobs(array[retry.job]);
  return pra_store.retry_job(job);
end
$$;

grant execute on function pra.retry to pra_submit;

comment on function pra.retry is
'Puts a failed, cancelled or quarantined job back in line with fresh budgets, or ends the delay of a
waiting one; of an array the elements run again that did not succeed. Jobs that wait for it were
blocked all the time and are released when it succeeds.
A job whose worker is lost is taken back first.
Returns its new state: ready, blocked (parents have not succeeded) or running (an array).
Raises PR002 when there is no such job, PR004 when it is running, succeeded or blocked, when its deadline is over,
when elements of a cancelled array have not stopped yet, or for a member of a gang, which is retried as a whole.';

-- The reason, in a sentence, why a job that has ended cannot run again; null if it can.
create or replace function pra_store.retry_refusal(old pra_store.jobs) returns text
language plpgsql stable
as $$
declare
  stopping bigint;
  missing text;
begin
  if old.deadline <= clock_timestamp() then
    return format('job %s had to end by %s, which is over; enqueue it anew', old.id, old.deadline);
  end if;
  select min(l) into missing from unnest(old.limits) as l
  where not exists (select from pra_store.limits as known where known.name = l);
  if missing is not null then
    return format('job %s needs a slot of limit "%s", which is gone; `pra limits --set %s=SLOTS` makes it', old.id, missing, missing);
  end if;
  if old.array_first is not null then
    -- It would end as cancelled, and the array with it.
    select j.id into stopping from pra_store.jobs as j
    where j.array_id = old.id and j.state = 'running' and j.cancel_requested_at is not null order by j.id limit 1;
    if found then
      return format('job %s of array %s is being stopped; retry the array when it has ended', stopping, old.id);
    end if;
  end if;
  return null;
end
$$;

-- The number of a job's parents that have not succeeded.
create or replace function pra_store.unmet_parents(job bigint) returns integer
language plpgsql stable
as $$
begin
  return (
    select count(*)
    from pra_store.job_dependencies as d
    cross join lateral (select p.state from pra_store.jobs as p where p.id = d.parent_id limit 1) as p
    where d.job_id = job and p.state <> 'succeeded');
end
$$;

create or replace function pra_store.retry_jobs(jobs bigint[]) returns integer
language plpgsql
as $$
#variable_conflict use_column
declare
  retried integer;
  others integer;
begin
  -- Parents first and by id, as every function locks.
  perform from pra_store.jobs
  where id in (select parent_id from pra_store.job_dependencies where job_id = any(retry_jobs.jobs))
  order by id for share;
  perform from pra_store.jobs as j
  where j.id = any(retry_jobs.jobs) and j.state in ('failed', 'cancelled', 'quarantined')
  order by j.id for no key update;
  with again as (
    update pra_store.jobs as j
    set state = case when pra_store.unmet_parents(j.id) > 0 then 'blocked' else 'ready' end::pra.job_state,
        unmet = pra_store.unmet_parents(j.id),
        run_after = clock_timestamp(), due = true,
        faults = 0, lost = 0, timeouts = 0, preemptions = 0, crash_hosts = '{}',
        host_faults = 0, avoided_host = null, avoided_until = null,
        cancel_requested_at = null, preempt_requested_at = null, message = null, finished_at = null
    where j.id = any(retry_jobs.jobs) and j.state in ('failed', 'cancelled', 'quarantined')
      and j.array_first is null and j.array_id is null and pra_store.retry_refusal(j) is null
    returning j.id, j.run_id
  ),
  said as (
    insert into pra_store.events (kind, run_id, job_id)
    select 'job.retried', a.run_id, a.id from again as a order by a.id
  )
  select count(*) into retried from again;
  -- Arrays and their parts, one by one; members of gangs come with their gang.
  select count(pra_store.retry_job(a.id)) into others
  from (
    select j.id from pra_store.jobs as j
    left join pra_store.jobs as whole on whole.id = j.array_id
    where j.id = any(retry_jobs.jobs) and j.state in ('failed', 'cancelled', 'quarantined')
      and (j.array_first is not null or j.array_id is not null and not whole.gang)
      and pra_store.retry_refusal(j) is null
    order by j.id
  ) as a;
  if retried > 0 then
    perform pg_notify('pra_ready', '');
  end if;
  return retried + others;
end
$$;

create or replace function pra.retry_many(jobs bigint[]) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  perform pra_store.require_own_jobs(array(
    select j.id from pra_store.jobs as j
    where j.id = any(retry_many.jobs) and j.state in ('failed', 'cancelled', 'quarantined')));
  return pra_store.retry_jobs(jobs);
end
$$;

grant execute on function pra.retry_many to pra_submit;

comment on function pra.retry_many is
'Retries many jobs as pra.retry does; those that are not failed, cancelled or quarantined, or that it refuses, are passed
over.
Returns the number of jobs that were put back in line.';

-- Puts the elements of a retried array that ended badly back in line with fresh budgets; those of a gang
-- wait for each other.
create or replace function pra_store.retry_elements(whole pra_store.jobs) returns void
language plpgsql
as $$
begin
  update pra_store.jobs
  set state = case when whole.gang then 'blocked' else 'ready' end::pra.job_state,
      run_after = clock_timestamp(), due = true,
      faults = 0, lost = 0, timeouts = 0, preemptions = 0, crash_hosts = '{}',
      host_faults = 0, avoided_host = null, avoided_until = null,
      cancel_requested_at = null, message = null, finished_at = null
  where array_id = whole.id and state in ('failed', 'cancelled', 'quarantined');
end
$$;

-- Reopens an array that has ended, for one of its elements that is retried. An array that failed also
-- goes on with the elements that had not started; those of a cancelled one stay cancelled.
create or replace function pra_store.reopen_array(whole pra_store.jobs) returns void
language plpgsql
as $$
begin
  update pra_store.jobs
  set state = case when follows_id is null and pra_store.next_element(whole) < array_end
        and whole.state = 'failed' then 'ready' else 'running' end::pra.job_state,
      finished_at = null, message = null, cancel_requested_at = null
  where id = whole.id;
end
$$;

create or replace function pra.set_priority(job bigint, priority integer) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  old pra_store.jobs;
begin
  perform pra_store.check_budgets(set_priority.priority, null, null, 0, 0, 0, null);
  perform pra_store.require_own_jobs(array[set_priority.job]);
  select * into old from pra_store.jobs where id = job for no key update;
  if not found then
    raise exception 'there is no job %', job using errcode = 'PR002';
  end if;
  if old.finished_at is not null then
    raise exception 'job % is %, and stands in no line', job, old.state using errcode = 'PR004';
  end if;
  perform from pra_store.jobs where array_id = job and finished_at is null order by id for no key update;
  update pra_store.jobs as j
  set priority = set_priority.priority, place = j.place - 600.0 * (set_priority.priority - j.priority)
  where j.id = job or j.array_id = job and j.finished_at is null;
  perform pra_store.record_event(
    'job.priority_set', old.run_id, job, null, null, jsonb_build_object('priority', set_priority.priority));
  perform pg_notify('pra_ready', '');
end
$$;

grant execute on function pra.set_priority to pra_submit;

comment on function pra.set_priority is
'Gives a job that has not ended another priority, and with it another place in line; of an array all elements get it. A
job that runs goes on, and stands in line with it if it comes back.
Raises PR003 for a priority out of range, PR002 when there is no such job, PR004 when it has ended.';

create or replace function pra.set_priority_many(jobs bigint[], priority integer) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  moved record;
  touched integer := 0;
begin
  perform pra_store.check_budgets(set_priority_many.priority, null, null, 0, 0, 0, null);
  perform pra_store.require_own_jobs(array(
    select j.id from pra_store.jobs as j where j.id = any(set_priority_many.jobs) and j.finished_at is null));
  perform from pra_store.jobs as j
  where (j.id = any(set_priority_many.jobs) or j.array_id = any(set_priority_many.jobs)) and j.finished_at is null
  order by j.id for no key update;
  for moved in
    update pra_store.jobs as j
    set priority = set_priority_many.priority, place = j.place - 600.0 * (set_priority_many.priority - j.priority)
    where (j.id = any(set_priority_many.jobs) or j.array_id = any(set_priority_many.jobs)) and j.finished_at is null
    returning j.id, j.run_id
  loop
    continue when moved.id <> all(set_priority_many.jobs);
    touched := touched + 1;
    perform pra_store.record_event(
      'job.priority_set', moved.run_id, moved.id, null, null, jsonb_build_object('priority', set_priority_many.priority));
  end loop;
  perform pg_notify('pra_ready', '');
  return touched;
end
$$;

grant execute on function pra.set_priority_many to pra_submit;

comment on function pra.set_priority_many is
'Gives many jobs another priority, as pra.set_priority does, arrays with their elements; those that have ended, and numbers
of no job, are passed over. Returns the number of jobs that have it.
Raises PR003 for a priority out of range.';
