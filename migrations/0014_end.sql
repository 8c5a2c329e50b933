-- How attempts end: classes, budgets, quarantine, blame; arrays and gangs after one of their elements.

set local role pra_owner;

-- Releases what waits for a job that has succeeded.
create function pra_store.release_dependents(parent bigint) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  released bigint;
begin
  if not exists (select from pra_store.job_dependencies where parent_id = parent) then
    return;
  end if;
  -- In the order of ids, as everybody locks.
  perform from pra_store.jobs as j
  where j.id in (select d.job_id from pra_store.job_dependencies as d where d.parent_id = parent)
  order by j.id for no key update;
  with freed as (
    update pra_store.jobs as j
    set unmet = j.unmet - 1,
        -- All elements of an array that follows its parent are cut already.
        state = case
          when j.state = 'blocked' and j.unmet = 1 and j.follows_id is not null then 'running'
          when j.state = 'blocked' and j.unmet = 1 then 'ready'
          else j.state end
    from pra_store.job_dependencies as d
    where d.parent_id = parent and d.job_id = j.id and j.unmet > 0
    returning j.state
  )
  select count(*) into released from freed where state = 'ready';
  perform pra_store.settle_array(j.id)
  from pra_store.jobs as j where j.follows_id = parent and j.state = 'running';
  if released > 0 then
    perform pg_notify('pra_ready', '');
  end if;
end
$$;

-- Ends an array whose elements have all ended. Once: whoever ends it holds its row and finds it running.
create function pra_store.settle_array(array_job bigint) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  a pra_store.jobs;
  bad bigint;
begin
  select * into a from pra_store.jobs where id = array_job for no key update;
  if a.state <> 'running' or exists (
    select from pra_store.jobs where array_id = array_job and state in ('blocked', 'ready', 'running')
  ) then
    return;
  end if;
  select coalesce(sum(element_end - element_first), 0) into bad
  from pra_store.jobs where array_id = array_job and state <> 'succeeded';
  if bad > 0 then
    update pra_store.jobs
    set state = 'failed', finished_at = clock_timestamp(),
        message = format('%s of %s elements did not succeed', bad, a.array_end - a.array_first)
    where id = array_job;
    perform pra_store.record_event('array.failed', a.run_id, array_job, null, null);
  else
    update pra_store.jobs
    set state = 'succeeded', finished_at = clock_timestamp(), message = null,
        result = jsonb_build_object('elements', a.array_end - a.array_first)
    where id = array_job;
    perform pra_store.record_event('array.succeeded', a.run_id, array_job, null, null);
    perform pra_store.release_dependents(array_job);
  end if;
end
$$;

-- After a member of a gang has left without success, the others are stopped too; when all are out,
-- those that have not succeeded go back into line together.
create function pra_store.settle_gang(a pra_store.jobs, member pra_store.jobs) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  if member.state = 'blocked' then
    update pra_store.jobs set preempt_requested_at = clock_timestamp()
    where array_id = a.id and state = 'running' and preempt_requested_at is null;
  elsif member.state <> 'succeeded' then
    update pra_store.jobs set state = 'cancelled', finished_at = clock_timestamp(),
      message = 'another member of its gang ended badly'
    where array_id = a.id and state = 'blocked';
    update pra_store.jobs set cancel_requested_at = clock_timestamp()
    where array_id = a.id and state = 'running' and cancel_requested_at is null;
  end if;
  if exists (select from pra_store.jobs where array_id = a.id and state = 'running') then
    perform pg_notify('pra_ask', '');
  elsif exists (select from pra_store.jobs where array_id = a.id and state = 'blocked') then
    update pra_store.jobs
    set state = 'ready', run_after = greatest(run_after, member.run_after),
        due = greatest(run_after, member.run_after) <= clock_timestamp()
    where id = a.id and state = 'running';
    perform pg_notify('pra_ready', '');
  else
    perform pra_store.settle_array(a.id);
  end if;
end
$$;

-- What follows when a job leaves its attempt or ends: slots go back, its array is looked after.
create function pra_store.after_attempt() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  a pra_store.jobs;
  follower bigint;
begin
  if old.state = 'running' and new.limits <> '{}' and new.array_first is null then
    perform pra_store.give_slots(new.id, new.limits);
  end if;
  if new.array_id is null then
    return null;
  end if;
  select * into a from pra_store.jobs where id = new.array_id;
  if a.gang then
    if old.state = 'running' then
      select * into a from pra_store.jobs where id = new.array_id for no key update;
      if a.state = 'running' then
        perform pra_store.settle_gang(a, new);
      end if;
    end if;
    return null;
  end if;
  if new.state = 'succeeded' then
    for follower in
      select id from pra_store.jobs
      where follows_id = a.id and state not in ('succeeded', 'cancelled') order by id
    loop
      if exists (
        select from pra_store.jobs as p
        where p.array_id = a.id and p.id <> new.id and p.element_first >= new.element_first
          and p.element_end <= new.element_end and p.state <> 'succeeded'
      ) then
        perform pra_store.follow(follower, e, e + 1)
        from generate_series(new.element_first, new.element_end - 1) as e
        where not exists (
          select from pra_store.jobs as p
          where p.array_id = a.id and p.id <> new.id and p.element_first = e);
      else
        perform pra_store.follow(follower, new.element_first, new.element_end);
      end if;
    end loop;
    if follower is not null then
      perform pg_notify('pra_ready', '');
    end if;
  end if;
  -- Before all of it is cut there are elements left. The call of pra.reap that follows settles what
  -- two last elements at the same moment leave to each other.
  if a.state = 'running' then
    perform pra_store.settle_array(a.id);
  end if;
  return null;
end
$$;
create trigger after_attempt after update on pra_store.jobs for each row
when (
  old.state is distinct from new.state
  and (old.state = 'running' and new.limits <> '{}'
    or new.array_id is not null and (
      old.state = 'running' or new.state in ('failed', 'cancelled', 'quarantined')))
) execute function pra_store.after_attempt();

-- A host on which three jobs crash one after the other, none succeeding in between, gets no work for
-- an hour, if there is another host to do it.
create function pra_store.blame(host text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  here bigint[];
  crashed bigint;
begin
  select array_agg(w.id) into here
  from pra_store.workers as w where pra_store.host(w.labels, w.name) = blame.host;
  select count(distinct t.job_id) into crashed
  from pra_store.attempts as t
  where t.worker_id = any(here) and t.cause in ('signal', 'out-of-memory')
    and t.outcome = 'fault'
    and t.ended_at > clock_timestamp() - interval '1 hour'
    and t.ended_at > coalesce((
      select max(e.at) from pra_store.events as e
      where e.worker_id = any(here) and e.kind = 'attempt.succeeded'
        and e.at > clock_timestamp() - interval '1 hour'), '-infinity');
  if crashed >= 3 and exists (
    select from pra_store.workers as w
    where w.stopped_at is null and pra_store.host(w.labels, w.name) <> blame.host
      and pra_store.lease_end(w.lease_expires_at, w.lease) > clock_timestamp()
  ) then
    insert into pra_store.blamed_hosts as b (host, until, reason)
    values (blame.host, clock_timestamp() + interval '1 hour',
            format('%s jobs crashed there one after the other', crashed))
    on conflict (host) do update
    set until = excluded.until, reason = excluded.reason, blamed_at = clock_timestamp();
    perform pra_store.record_event('host.blamed', null, null, null, null,
      jsonb_build_object('host', blame.host, 'jobs', crashed));
  end if;
end
$$;
create index events_of_worker on pra_store.events (worker_id, at) where kind = 'attempt.succeeded';

create function pra.forgive_host(host text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  delete from pra_store.blamed_hosts as b where b.host = forgive_host.host;
  if not found then
    raise exception 'host "%" is not blamed for anything', host using errcode = 'PR002';
  end if;
  perform pra_store.record_event(
    'host.forgiven', null, null, null, null, jsonb_build_object('host', host));
  perform pg_notify('pra_ready', '');
end
$$;

drop function pra_store.end_attempt(
  pra_store.jobs, pra.attempt_outcome, text, integer, integer);

-- Ends the attempt of a running job that the caller holds, and moves the job where that leads it.
create function pra_store.end_attempt(
  held pra_store.jobs, outcome pra.attempt_outcome, message text, exit_code integer,
  exit_signal integer, cause text default null
) returns pra.job_state
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  how pra.attempt_outcome := outcome;
  why text := message;
  next_state pra.job_state := 'ready';
  wait interval := '0';
  known text := coalesce(cause, case
    when exit_signal is not null then 'signal'
    when outcome = 'timeout' then 'time-limit'
    when outcome = 'lost' then 'lease-lost'
    when exit_code is not null then 'exit-code'
    when outcome in ('released', 'preempted', 'cancelled') then 'asked' end);
  host text;
begin
  if held.cancel_requested_at is not null then
    how := 'cancelled';
  elsif held.deadline <= clock_timestamp() then
    how := 'timeout';
    known := 'deadline';
    why := format('its deadline %s is over', held.deadline);
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
      if held.timeouts > held.timeout_retries or known = 'deadline' then
        next_state := 'failed';
      end if;
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
  set ended_at = clock_timestamp(), outcome = how, message = why,
      exit_code = end_attempt.exit_code, exit_signal = end_attempt.exit_signal, cause = known
  where job_id = held.id and epoch = held.epoch;
  if how = 'fault' and known in ('signal', 'out-of-memory') then
    select pra_store.host(w.labels, w.name) into host
    from pra_store.workers as w where w.id = held.worker_id;
    if host <> all(held.crash_hosts) then
      held.crash_hosts := held.crash_hosts || host;
    end if;
    if cardinality(held.crash_hosts) >= 2 then
      next_state := 'quarantined';
      why := format('it crashes wherever it runs: on %s; %s',
        array_to_string(held.crash_hosts, ', '), message);
    end if;
    perform pra_store.blame(host);
  end if;
  -- A member of a gang goes back into line with all of it.
  if next_state = 'ready' and held.array_id is not null and (
    select a.gang from pra_store.jobs as a where a.id = held.array_id
  ) then
    next_state := 'blocked';
  end if;

  update pra_store.jobs
  set state = next_state, worker_id = null, run_after = clock_timestamp() + wait,
      due = wait <= interval '0',
      faults = held.faults, timeouts = held.timeouts, lost = held.lost,
      preemptions = held.preemptions, preempt_requested_at = null,
      crash_hosts = held.crash_hosts, message = coalesce(why, message),
      finished_at = case when next_state not in ('ready', 'blocked') then clock_timestamp() end
  where id = held.id;
  update pra_store.preemptions as p set released_at = clock_timestamp(), outcome = how
  where p.job_id = held.id and p.epoch = held.epoch and p.released_at is null;
  delete from pra_store.gang_members as g
  where g.worker_id = held.worker_id and g.job_id = held.id;
  perform pra_store.record_event(
    'attempt.' || how, held.run_id, held.id, held.epoch, held.worker_id,
    jsonb_strip_nulls(jsonb_build_object(
      'message', why, 'exit_code', end_attempt.exit_code,
      'exit_signal', end_attempt.exit_signal, 'cause', known, 'next', next_state)));
  if next_state = 'ready' and wait <= interval '0' or held.limits <> '{}' then
    perform pg_notify('pra_ready', '');
  end if;
  return next_state;
end
$$;

drop function pra.report_exit(bigint, bigint, pra.attempt_outcome, text, integer, integer);

-- How an attempt ended that did not finish: class is fault, permanent, timeout, released, cancelled
-- or lost; cause is exit-code, signal, out-of-memory, time-limit, lease-lost, not-started or asked.
-- Returns the job's next state. A job that somebody cancelled is cancelled, whatever its class.
create function pra.report_exit(
  job bigint, epoch bigint, class pra.attempt_outcome, message text default null,
  exit_code integer default null, exit_signal integer default null, cause text default null
) returns pra.job_state
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  held pra_store.jobs := pra_store.hold(job, epoch, true);
begin
  if class is null or class in ('succeeded', 'preempted') then
    raise exception 'class: "%" is not for a worker to report', class using errcode = 'PR003';
  end if;
  if cause not in ('exit-code', 'signal', 'out-of-memory', 'time-limit', 'lease-lost',
                   'not-started', 'asked') then
    raise exception 'cause: "%" is not one of exit-code, signal, out-of-memory, time-limit, lease-lost, not-started, asked',
      cause using errcode = 'PR003';
  end if;
  return pra_store.end_attempt(held, class, left(message, 4000), exit_code, exit_signal, cause);
end
$$;

-- Commits attempts that have nothing to store but that they are done, in one statement; best for many
-- short ones. Returns the jobs that were accepted: an attempt that is no longer the job's is left out,
-- and nothing of it is stored. PR001 when the lease of the worker is over.
--   failures  [{"job", "element", "message"}]: elements of a cut that did not succeed; each is retried by
--             itself as far as its budget of faults goes
create function pra.finish_many(
  worker bigint, jobs bigint[], epochs bigint[], failures jsonb default '[]'
) returns setof bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  accepted bigint[];
  failure record;
  made bigint;
  wait interval;
begin
  if coalesce(cardinality(jobs), 0) <> coalesce(cardinality(epochs), 0) then
    raise exception 'epochs: % epochs for % jobs', cardinality(epochs), cardinality(jobs)
      using errcode = 'PR003';
  end if;
  if not exists (
    select from pra_store.workers as w
    where w.id = worker and w.stopped_at is null
      and pra_store.lease_end(w.lease_expires_at, w.lease) > clock_timestamp()
  ) then
    raise exception 'lease lost: worker % may do no more', worker using errcode = 'PR001';
  end if;
  with held as (
    select j.id
    from unnest(jobs, epochs) as m (job, epoch)
    join pra_store.jobs as j on j.id = m.job
    where j.epoch = m.epoch and j.state = 'running' and j.worker_id = worker
      and j.cancel_requested_at is null
    order by j.id
    for no key update of j
  )
  select coalesce(array_agg(id), '{}') into accepted from held;

  if failures <> '[]' then
    for failure in
      select p.*, f ->> 'message' as said, (f ->> 'element')::bigint as element
      from jsonb_array_elements(failures) as f
      join pra_store.jobs as p on p.id = (f ->> 'job')::bigint
      where p.id = any(accepted)
    loop
      if failure.element is null or failure.array_id is null
        or failure.element not between failure.element_first and failure.element_end - 1 then
        raise exception 'failures: job % has no element %', failure.id, failure.element
          using errcode = 'PR003';
      end if;
      made := nextval('pra_store.jobs_id_seq');
      wait := pra_store.backoff(1);
      perform pra_store.cut(
        a, made, failure.element, failure.element + 1, 'ready', null, failure.epoch, wait)
      from pra_store.jobs as a where a.id = failure.array_id;
      update pra_store.jobs
      set faults = failure.faults + 1, message = left(failure.said, 4000),
          state = case when failure.faults + 1 > fault_retries then 'failed' else state end,
          finished_at = case when failure.faults + 1 > fault_retries then clock_timestamp() end
      where id = made;
      perform pra_store.record_event(
        'element.fault', failure.run_id, made, failure.epoch, worker,
        jsonb_build_object('element', failure.element, 'message', left(failure.said, 4000)));
    end loop;
  end if;

  update pra_store.attempts as t
  set ended_at = clock_timestamp(), outcome = 'succeeded', exit_code = 0, cause = 'exit-code'
  from unnest(jobs, epochs) as m (job, epoch)
  where t.job_id = m.job and t.epoch = m.epoch and t.job_id = any(accepted);
  insert into pra_store.events (kind, run_id, job_id, epoch, worker_id)
  select 'attempt.succeeded', j.run_id, j.id, j.epoch, worker
  from pra_store.jobs as j where j.id = any(accepted);
  update pra_store.jobs as j
  set state = 'succeeded', worker_id = null, finished_at = clock_timestamp(), message = null,
      result = '{}', preempt_requested_at = null
  where j.id = any(accepted);
  perform pra_store.release_dependents(d.parent_id)
  from (
    select distinct parent_id from pra_store.job_dependencies where parent_id = any(accepted)
    order by parent_id
  ) as d;
  return query select unnest(accepted);
end
$$;

grant execute on function pra.report_exit, pra.finish_many to pra_worker;
grant execute on function pra.forgive_host to pra_submit;
