-- Cancel, retry, pause.

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

grant execute on function pra.cancel to pra_submit;

create or replace function pra.cancel_run(run bigint) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  perform from pra_store.runs where id = run;
  if not found then
    raise exception 'there is no run %', run using errcode = 'PR002';
  end if;
  return (
    select coalesce(sum(pra.cancel(id)), 0)
    from (
      select id from pra_store.jobs
      where run_id = run and state in ('blocked', 'ready', 'running')
      order by id
    ) as live);
end
$$;

grant execute on function pra.cancel_run to pra_submit;

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

grant execute on function pra.retry to pra_submit;

create or replace function pra.pause_run(run bigint) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  update pra_store.runs set paused_at = coalesce(paused_at, clock_timestamp()) where id = run;
  if not found then
    raise exception 'there is no run %', run using errcode = 'PR002';
  end if;
  perform pra_store.record_event('run.paused', run, null, null, null);
end
$$;

grant execute on function pra.pause_run to pra_submit;

create or replace function pra.resume_run(run bigint) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  update pra_store.runs set paused_at = null where id = run;
  if not found then
    raise exception 'there is no run %', run using errcode = 'PR002';
  end if;
  perform pra_store.record_event('run.resumed', run, null, null, null);
  perform pg_notify('pra_ready', '');
end
$$;

grant execute on function pra.resume_run to pra_submit;

create or replace function pra.pause_queue(queue text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  update pra_store.queues set paused_at = coalesce(paused_at, clock_timestamp())
  where name = queue;
  if not found then
    raise exception 'there is no queue "%"', queue using errcode = 'PR002';
  end if;
  perform pra_store.record_event(
    'queue.paused', null, null, null, null, jsonb_build_object('queue', queue));
end
$$;

grant execute on function pra.pause_queue to pra_submit;

create or replace function pra.resume_queue(queue text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  update pra_store.queues set paused_at = null where name = queue;
  if not found then
    raise exception 'there is no queue "%"', queue using errcode = 'PR002';
  end if;
  perform pra_store.record_event(
    'queue.resumed', null, null, null, null, jsonb_build_object('queue', queue));
  perform pg_notify('pra_ready', '');
end
$$;

grant execute on function pra.resume_queue to pra_submit;
