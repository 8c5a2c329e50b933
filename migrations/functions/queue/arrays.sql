-- Arrays: one row, off which a claim cuts the next elements as a job of their own.

-- The arguments of a cut: the array's arguments with the cut's first element and its end put in, or the
-- arguments of its elements.
create or replace function pra_store.element_arguments(array_job pra_store.jobs, first bigint, last bigint)
returns jsonb
language plpgsql stable
as $$
declare
  whole jsonb := array_job.arguments;
  own jsonb;
begin
  if array_job.has_element_arguments then
    own := pra_store.arguments_of(array_job.id, first, last);
    return case when last - first = 1 then own -> 0 else jsonb_build_object('elements', own) end;
  end if;
  if array_job.first_path is not null then
    whole := jsonb_set(whole, array_job.first_path, to_jsonb(first));
  end if;
  if array_job.end_path is not null then
    whole := jsonb_set(whole, array_job.end_path, to_jsonb(last));
  end if;
  return whole;
end
$$;

-- Arguments of the elements [first, last) of an array with arguments of their own, as a JSON array.
create or replace function pra_store.arguments_of(array_job bigint, first bigint, last bigint) returns jsonb
language plpgsql stable
as $$
#variable_conflict use_column
begin
  return (
    select coalesce(
      -- As a rule they are one row as it is.
      (select e.arguments from pra_store.element_arguments as e
       where e.array_id = arguments_of.array_job and e.first = arguments_of.first
         and jsonb_array_length(e.arguments) = arguments_of.last - arguments_of.first),
      (select jsonb_agg(e.arguments -> (i - e.first)::integer order by i)
       from generate_series(arguments_of.first, arguments_of.last - 1) as i
       cross join lateral (
         select a.first, a.arguments from pra_store.element_arguments as a
         where a.array_id = arguments_of.array_job and a.first <= i
         order by a.first desc limit 1
       ) as e)));
end
$$;

-- The element at which the next cut of an array begins.
create or replace function pra_store.next_element(a pra_store.jobs) returns bigint
language plpgsql stable
as $$
#variable_conflict use_column
begin
  return (
    select coalesce(
      (select element_end from pra_store.jobs where array_id = a.id order by element_end desc limit 1),
      a.array_first));
end
$$;

-- Makes a cut of an array in a state; returns its number.
create or replace function pra_store.cut(
  a pra_store.jobs, made bigint, first bigint, last bigint, state pra.job_state,
  worker bigint default null, epoch bigint default 0, wait interval default '0'
) returns void
language plpgsql
as $$
#variable_conflict use_column
begin
  insert into pra_store.jobs (
    id, run_id, kind, queue, arguments, requirements, priority, state, run_after, due, epoch,
    worker_id, time_limit, fault_retries, lost_retries, timeout_retries, preemption_retries,
    created_by, started_at, lane_id, place, limits, deadline, array_id, element_first, element_end, token)
  overriding system value values (
    made, a.run_id, a.kind, a.queue, '{}', a.requirements, a.priority, state,
    clock_timestamp() + wait, wait <= interval '0', epoch, worker, a.time_limit, a.fault_retries,
    a.lost_retries, a.timeout_retries, a.preemption_retries, a.created_by,
    case when worker is not null then clock_timestamp() end, a.lane_id, a.place, a.limits,
    a.deadline, a.id, first, last, case when worker is not null then gen_random_uuid() end);
end
$$;

-- Cuts pieces off arrays, as many of each as "wanted" says, running on a worker from the start; returns
-- their numbers. The arrays are locked by number, and a session that splits one now is waited for: to
-- skip it would leave places empty.
create or replace function pra_store.split(arrays bigint[], wanted integer[], worker bigint) returns bigint[]
language plpgsql
as $$
declare
  a pra_store.jobs;
  next_first bigint;
  pieces integer;
  ids bigint[];
  cuts bigint[] := '{}';
  parents bigint[] := '{}';
  firsts bigint[] := '{}';
begin
  for a in
    select * from pra_store.jobs where id = any(arrays) order by id for no key update
  loop
    continue when a.state <> 'ready' or not a.due or a.deadline <= clock_timestamp();
    next_first := pra_store.next_element(a);
    pieces := least(
      wanted[array_position(arrays, a.id)], (a.array_end - next_first + a.pack - 1) / a.pack);
    if pieces > 0 then
      ids := array(select nextval('pra_store.jobs_id_seq') from generate_series(1, pieces));
      if a.limits <> '{}' then
        ids := ids[1 : pra_store.take_slots(ids, array_fill(1::bigint, array[pieces]), a.limits)];
      end if;
      pieces := cardinality(ids);
    end if;
    if pieces > 0 then
      cuts := cuts || ids;
      parents := parents || array_fill(a.id, array[pieces]);
      firsts := firsts
        || array(select next_first + i * a.pack from generate_series(0, pieces - 1) as i);
      next_first := next_first + pieces::bigint * a.pack;
    end if;
    if next_first >= a.array_end then
      update pra_store.jobs
      set state = 'running', started_at = coalesce(started_at, clock_timestamp()) where id = a.id;
    elsif a.started_at is null and pieces > 0 then
      update pra_store.jobs set started_at = clock_timestamp() where id = a.id;
    end if;
  end loop;
  if cuts <> '{}' then
    insert into pra_store.jobs (
      id, run_id, kind, queue, arguments, requirements, priority, state, run_after, epoch,
      worker_id, time_limit, fault_retries, lost_retries, timeout_retries, preemption_retries,
      created_by, started_at, lane_id, place, limits, deadline, array_id, element_first, element_end, token)
    overriding system value
    select c.id, p.run_id, p.kind, p.queue, '{}', p.requirements, p.priority, 'running',
      clock_timestamp(), 1, worker, p.time_limit, p.fault_retries, p.lost_retries,
      p.timeout_retries, p.preemption_retries, p.created_by, clock_timestamp(), p.lane_id,
      p.place, p.limits, p.deadline, p.id, c.first, least(c.first + p.pack, p.array_end),
      gen_random_uuid()
    from unnest(cuts, parents, firsts) as c (id, parent, first)
    join pra_store.jobs as p on p.id = c.parent;
  end if;
  return cuts;
end
$$;

-- Makes elements of an array ready that follow those of another, which have succeeded.
create or replace function pra_store.follow(follower bigint, first bigint, last bigint) returns void
language plpgsql
as $$
declare
  a pra_store.jobs;
begin
  select * into a from pra_store.jobs where id = follower;
  perform pra_store.cut(
    a, nextval(pg_get_serial_sequence('pra_store.jobs', 'id')), first, last, 'ready');
end
$$;

-- Makes elements ready that follow those of a cut that has succeeded; returns whether an array follows.
create or replace function pra_store.follow_cut(
  array_job bigint, cut bigint, element_first bigint, element_end bigint
) returns boolean
language plpgsql
as $$
#variable_conflict use_column
declare
  follower bigint;
begin
  for follower in
    select f.id from pra_store.jobs as f
    where f.follows_id = array_job and f.state not in ('succeeded', 'cancelled') order by f.id
  loop
    if exists (
      select from pra_store.jobs as p
      where p.array_id = array_job and p.id <> cut and p.element_first >= follow_cut.element_first
        and p.element_end <= follow_cut.element_end and p.state <> 'succeeded'
    ) then
      perform pra_store.follow(follower, e, e + 1)
      from generate_series(follow_cut.element_first, follow_cut.element_end - 1) as e
      where not exists (
        select from pra_store.jobs as p
        where p.array_id = array_job and p.id <> cut and p.element_first = e);
    else
      perform pra_store.follow(follower, follow_cut.element_first, follow_cut.element_end);
    end if;
  end loop;
  return follower is not null;
end
$$;

-- Whether a gang has worked as one: it has attempts, metrics and a result of its own.
create or replace function pra_store.has_series(a pra_store.jobs) returns boolean
language sql stable
as $$
  select a.gang and exists (select from pra_store.attempts as t where t.job_id = a.id and t.epoch = a.epoch);
$$;

-- Ends an array whose elements have all ended. It happens once, since the row is locked and found running.
create or replace function pra_store.settle_array(array_job bigint) returns void
language plpgsql
as $$
declare
  a pra_store.jobs;
  bad bigint;
begin
  select * into a from pra_store.jobs where id = array_job for no key update;
  if a.state <> 'running' and not (a.gang and a.state in ('ready', 'blocked')) or exists (
    select from pra_store.jobs where array_id = array_job and state in ('blocked', 'ready', 'running')
  ) then
    return;
  end if;
  select coalesce(sum(element_end - element_first), 0) into bad
  from pra_store.jobs where array_id = array_job and state <> 'succeeded';
  if bad > 0 and not (a.gang_sizes is not null and exists (
    select from pra_store.jobs where array_id = array_job and state = 'succeeded'
  )) then
    update pra_store.jobs
    set state = 'failed', finished_at = clock_timestamp(),
        message = case when pra_store.has_series(a) then (
            select coalesce(t.message, 'its ranks did not succeed')
            from pra_store.attempts as t where t.job_id = a.id and t.epoch = a.epoch)
          else format('%s of %s elements did not succeed', bad, a.array_end - a.array_first) end
    where id = array_job;
    perform pra_store.record_event('array.failed', a.run_id, array_job, null, null);
  else
    update pra_store.jobs
    set state = 'succeeded', finished_at = clock_timestamp(), message = null,
        result = case when pra_store.has_series(a) then (
            select m.result from pra_store.jobs as m
            where m.array_id = a.id and m.result is not null order by m.id limit 1)
          else jsonb_build_object('elements', a.array_end - a.array_first) end
    where id = array_job;
    perform pra_store.record_event('array.succeeded', a.run_id, array_job, null, null);
    perform pra_store.release_dependents(array_job);
  end if;
end
$$;
