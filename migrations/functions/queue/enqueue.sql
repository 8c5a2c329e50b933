-- Enqueue: one job, an array, a gang, or many jobs with arguments of their own.

create or replace function pra.enqueue(
  kind text, run bigint, arguments jsonb, queue text default 'default',
  priority integer default 0, delay interval default '0', after bigint[] default '{}',
  requirements text[] default '{}', idempotency_key text default null,
  time_limit interval default null, fault_retries integer default 3,
  lost_retries integer default 5, timeout_retries integer default 1,
  preemption_retries integer default null, limits text[] default '{}',
  deadline timestamptz default null, array_first bigint default null,
  array_last bigint default null, array_limit integer default null, pack integer default null,
  first_path text[] default null, end_path text[] default null,
  elementwise boolean default false, gang boolean default false
) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  if arguments is null or jsonb_typeof(arguments) <> 'object' then
    raise exception 'arguments: must be a JSON object' using errcode = 'PR003';
  end if;
  perform pra_store.check_arguments(kind, arguments);
  return pra_store.enqueue(
    kind, run, arguments, false, queue, priority, delay, after, requirements, idempotency_key, time_limit,
    fault_retries, lost_retries, timeout_retries, preemption_retries, limits, deadline, array_first,
    array_last, array_limit, pack, first_path, end_path, elementwise, gang);
end
$$;

grant execute on function pra.enqueue to pra_submit;

comment on function pra.enqueue is
  'Enqueues one job or, with array_first and array_last, an array of elements that is one row; returns its '
  'number. limits: names of limits of which each attempt takes a slot. deadline: the moment by which it must have '
  'ended. array_limit: how many parts of the array may run at once. pack: elements that one attempt does, 1 to '
  '1,000,000. first_path, end_path: where the arguments take the first element of a part, and its end. elementwise: '
  'each element waits for its own in the one array of "after", not for all of it. gang: the elements start all at '
  'once or not at all. With an idempotency_key that was used before it returns the job of that time. Errors: PR002 '
  'for a run, limit or parent that is not there, PR003 for an argument that cannot be, PR004 for a key that another '
  'job has.';

-- Enqueues with arguments that have been checked.
create or replace function pra_store.enqueue(
  kind text, run bigint, arguments jsonb, has_element_arguments boolean, queue text, priority integer,
  delay interval, after bigint[], requirements text[], idempotency_key text, time_limit interval,
  fault_retries integer, lost_retries integer, timeout_retries integer, preemption_retries integer,
  limits text[], deadline timestamptz, array_first bigint, array_last bigint, array_limit integer,
  pack integer, first_path text[], end_path text[], elementwise boolean, gang boolean
) returns bigint
language plpgsql
as $$
#variable_conflict use_column
declare
  made bigint;
  parents bigint[] := '{}';
  asked jsonb := '[]';
  named text[] := '{}';
  unmet_parents integer := 0;
begin
  perform pra_store.check_run(run);
  if after <> '{}' then
    parents := array(select distinct p from unnest(after) as p);
  end if;
  perform
    pra_store.check_budgets(
      priority, idempotency_key, time_limit, fault_retries, lost_retries, timeout_retries,
      preemption_retries),
    pra_store.check_array(
      array_first, array_last, array_limit, pack, coalesce(first_path, end_path) is not null,
      elementwise, gang, cardinality(parents));
  if requirements <> '{}' then
    asked := pra_store.parse_requirements(requirements);
  end if;
  if limits <> '{}' then
    named := pra_store.known_limits(limits);
    if gang then
      perform pra_store.check_gang(array_last - array_first + 1, named);
    end if;
  end if;
  if parents <> '{}' then
    unmet_parents := pra_store.hold_parents(parents, elementwise, array_first, array_last);
  end if;
  if array_first is not null and coalesce(first_path, end_path) is not null then
    perform pra_store.check_paths(arguments, first_path, end_path);
  end if;
  if delay is null or delay > interval '100 years' then
    raise exception 'delay: %, must be at most 100 years', delay using errcode = 'PR003';
  end if;
  if not isfinite(deadline) then
    raise exception 'deadline: %, is no moment', deadline using errcode = 'PR003';
  end if;
  if deadline <= clock_timestamp() + greatest(delay, interval '0')
    -- The job of that key is returned, whatever has passed since.
    and not exists (select from pra_store.jobs as j where j.idempotency_key = enqueue.idempotency_key) then
    raise exception 'deadline: %, is over%', deadline,
      case when delay > interval '0' then format(' before the delay of %s lets the job start', delay) else '' end
      using errcode = 'PR003';
  end if;
  if array_limit is not null then
    named := named || concat(
      'array-', nextval(pg_get_serial_sequence('pra_store.lanes', 'id')), '-', run)::text;
    perform pra_store.put_limit(named[cardinality(named)], array_limit);
  end if;

  insert into pra_store.jobs (
    run_id, kind, queue, arguments, requirements, priority, idempotency_key, state, run_after, due,
    unmet, time_limit, fault_retries, lost_retries, timeout_retries, preemption_retries, lane_id,
    place, limits, deadline, array_first, array_end, pack, first_path, end_path, gang, follows_id,
    has_element_arguments)
  values (
    run, enqueue.kind, enqueue.queue, enqueue.arguments, asked,
    enqueue.priority, enqueue.idempotency_key,
    case when unmet_parents > 0 then 'blocked' else 'ready' end::pra.job_state,
    clock_timestamp() + enqueue.delay, enqueue.delay <= interval '0', unmet_parents,
    enqueue.time_limit, enqueue.fault_retries, enqueue.lost_retries, enqueue.timeout_retries,
    enqueue.preemption_retries,
    pra_store.lane(run, enqueue.queue, enqueue.kind, asked, named),
    extract(epoch from clock_timestamp()) - 600.0 * enqueue.priority, named, enqueue.deadline,
    enqueue.array_first, enqueue.array_last + 1,
    case when enqueue.array_first is not null then coalesce(enqueue.pack, 1) end,
    enqueue.first_path, enqueue.end_path, enqueue.gang,
    case when elementwise then parents[1] end, enqueue.has_element_arguments)
  on conflict (idempotency_key) do nothing
  returning id into made;
  if made is null then
    if array_limit is not null then
      perform pra_store.drop_limits(named[cardinality(named):]);
    end if;
    return pra_store.earlier_job(
      idempotency_key, kind, run, arguments, array_first, array_last, has_element_arguments);
  end if;

  if parents <> '{}' then
    insert into pra_store.job_dependencies (job_id, parent_id)
    select made, p from unnest(parents) as p;
  end if;
  if elementwise then
    perform pra_store.follow(made, f.element_first, f.element_end)
    from pra_store.jobs as f where f.array_id = parents[1] and f.state = 'succeeded';
    if unmet_parents = 0 then
      update pra_store.jobs set state = 'running', started_at = clock_timestamp() where id = made;
    end if;
  end if;
  if unmet_parents = 0 and delay <= interval '0' then
    perform pg_notify('pra_ready', '');
  end if;
  return made;
end
$$;

create or replace function pra_store.check_budgets(
  priority integer, idempotency_key text, time_limit interval, fault_retries integer,
  lost_retries integer, timeout_retries integer, preemption_retries integer
) returns void
language plpgsql immutable
as $$
begin
  if length(idempotency_key) not between 1 and 500 then
    raise exception 'idempotency_key: must have 1 to 500 characters' using errcode = 'PR003';
  end if;
  if time_limit <= interval '0' or time_limit > interval '100 years' then
    raise exception 'time_limit: %, must be above 0 and at most 100 years', time_limit using errcode = 'PR003';
  end if;
  if priority is null or priority not between -1000000 and 1000000 then
    raise exception 'priority: %, must be from -1000000 to 1000000', priority using errcode = 'PR003';
  end if;
  if least(fault_retries, lost_retries, timeout_retries, preemption_retries) < 0
    or fault_retries is null or lost_retries is null or timeout_retries is null then
    raise exception 'fault_retries, lost_retries, timeout_retries, preemption_retries: must not be negative'
      using errcode = 'PR003';
  end if;
end
$$;

create or replace function pra_store.check_array(
  array_first bigint, array_last bigint, array_limit integer, pack integer, has_path boolean,
  elementwise boolean, gang boolean, parents integer
) returns void
language plpgsql immutable
as $$
begin
  if (array_first is null) <> (array_last is null) then
    raise exception 'array_last: an array has both ends' using errcode = 'PR003';
  end if;
  if array_first is null and (
    array_limit is not null or pack is not null or elementwise or gang or has_path) then
    raise exception 'array_first: array_limit, pack, paths, elementwise and gang are for arrays alone'
      using errcode = 'PR003';
  end if;
  if array_first < 0 or array_last < array_first or array_last > 1000000000000000 then
    raise exception 'array_last: %-% is no range of elements from 0 to 1000000000000000', array_first, array_last
      using errcode = 'PR003';
  end if;
  if gang is null or elementwise is null then
    raise exception 'gang, elementwise: must be true or false' using errcode = 'PR003';
  end if;
  if pack not between 1 and 1000000 then
    raise exception 'pack: %, must be from 1 to 1000000', pack using errcode = 'PR003';
  end if;
  if array_limit < 1 or array_limit > 100000 then
    raise exception 'array_limit: %, must be from 1 to 100000', array_limit using errcode = 'PR003';
  end if;
  if gang and (coalesce(pack, 1) <> 1 or array_limit is not null or elementwise
    or array_last - array_first >= 10000) then
    raise exception 'gang: its members, at most 10000, start together, one by one: no pack, no array_limit, no elementwise'
      using errcode = 'PR003';
  end if;
  if elementwise and parents <> 1 then
    raise exception 'after: an array waits elementwise for one other array' using errcode = 'PR003';
  end if;
end
$$;

-- Refuses paths at which the arguments cannot take a number: the claim that wrote it there would fail.
create or replace function pra_store.check_paths(arguments jsonb, first_path text[], end_path text[]) returns void
language plpgsql immutable
as $$
declare
  reached jsonb := arguments;
begin
  if first_path is not null then
    reached := jsonb_set(reached, first_path, '0');
  end if;
  if end_path is not null then
    reached := jsonb_set(reached, end_path, '0');
  end if;
exception
  when data_exception then
    raise exception 'first_path, end_path: no place in the arguments: %', sqlerrm using errcode = 'PR003';
end
$$;

-- Names of limits, each once and in order; PR002 for one that is not there.
create or replace function pra_store.known_limits(limits text[]) returns text[]
language plpgsql stable
as $$
declare
  named text[] := array(select distinct l from unnest(limits) as l order by l);
  unknown text[] := array(
    select n from unnest(named) as n
    where not exists (select from pra_store.limits as l where l.name = n) order by n);
begin
  if unknown <> '{}' then
    raise exception 'limits: there is no limit "%"', unknown[1]
      using errcode = 'PR002', hint = 'pra.set_limit makes one.';
  end if;
  return named;
end
$$;

-- Refuses a gang whose members can never hold a slot each at the same time.
create or replace function pra_store.check_gang(members bigint, named text[]) returns void
language plpgsql stable
as $$
declare
  small record;
begin
  select l.name, l.slots into small from pra_store.limits as l
  where l.name = any(named) and l.slots < members order by l.slots, l.name limit 1;
  if found then
    raise exception 'gang: its % members start together and need % slots of limit "%", which has %',
      members, members, small.name, small.slots
      using errcode = 'PR003', hint = format('`pra limits --set %s=%s` makes room.', small.name, members);
  end if;
end
$$;

-- Locks the parents of a job to come; returns how many of them have not succeeded. A parent's success and
-- this count must not pass each other: finish waits for the share lock.
create or replace function pra_store.hold_parents(
  parents bigint[], elementwise boolean, array_first bigint, array_last bigint
) returns integer
language plpgsql
as $$
declare
  existing bigint[];
  unmet integer;
begin
  perform from pra_store.jobs as j where j.id = any(parents) order by j.id for share;
  select coalesce(array_agg(j.id), '{}'), count(*) filter (where j.state <> 'succeeded')
  into existing, unmet
  from pra_store.jobs as j where j.id = any(parents);
  if cardinality(existing) <> cardinality(parents) then
    raise exception 'after: there is no job %',
      (select min(p) from unnest(parents) as p where p <> all(existing)) using errcode = 'PR002';
  end if;
  if elementwise and not exists (
    select from pra_store.jobs as p
    where p.id = parents[1] and p.array_first = hold_parents.array_first
      and p.array_end = array_last + 1 and not p.gang
  ) then
    raise exception 'after: job % is no array of the elements %-%', parents[1], array_first,
      array_last using errcode = 'PR004';
  end if;
  return unmet;
end
$$;

-- The job that has an idempotency key already; PR004 when it was enqueued as another.
create or replace function pra_store.earlier_job(
  key text, kind text, run bigint, arguments jsonb, array_first bigint, array_last bigint,
  has_element_arguments boolean
) returns bigint
language plpgsql stable
as $$
declare
  earlier pra_store.jobs;
begin
  select * into earlier from pra_store.jobs as j where j.idempotency_key = key;
  if (earlier.kind, earlier.run_id, earlier.arguments, earlier.array_first, earlier.array_end,
      earlier.has_element_arguments)
    is distinct from (kind, run, arguments, array_first, array_last + 1, has_element_arguments) then
    raise exception
      'idempotency_key: "%" is that of job %, which has another kind, run or arguments',
      key, earlier.id using errcode = 'PR004';
  end if;
  return earlier.id;
end
$$;

-- Arguments by the attempts that take them, from the number of their first element on.
create or replace function pra_store.packs(own jsonb[], pack integer)
returns table (first bigint, arguments jsonb)
language plpgsql immutable
as $$
begin
  if pack = 1 then
    return query
      select u.n - 1, jsonb_build_array(u.one) from unnest(own) with ordinality as u (one, n);
    return;
  end if;
  return query
    select (u.n - 1) / pack * pack, jsonb_agg(u.one order by u.n)
    from unnest(own) with ordinality as u (one, n)
    group by (u.n - 1) / pack;
end
$$;

create or replace function pra.enqueue_many(
  kind text, run bigint, arguments jsonb[], queue text default 'default',
  priority integer default 0, pack integer default 1, requirements text[] default '{}',
  limits text[] default '{}', idempotency_key text default null, fault_retries integer default 3,
  time_limit interval default null, array_limit integer default null
) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  made bigint;
  size integer := cardinality(arguments);
  one jsonb;
  i integer := 0;
begin
  if coalesce(size, 0) = 0 then
    raise exception 'arguments: none' using errcode = 'PR003';
  end if;
  if enqueue_many.pack not between 1 and 10000 then
    raise exception 'pack: %, must be from 1 to 10000', enqueue_many.pack using errcode = 'PR003';
  end if;
  if exists (select from unnest(arguments) as a where jsonb_typeof(a) is distinct from 'object') then
    raise exception 'arguments: each must be a JSON object' using errcode = 'PR003';
  end if;
  if exists (select from pra_store.kinds as k where k.kind = enqueue_many.kind) then
    -- One after the other: to reach an element by its number all before it are passed.
    foreach one in array arguments loop
      i := i + 1;
      perform pra_store.check_arguments(kind, one, format('arguments[%s]', i));
    end loop;
  else
    if exists (select from unnest(arguments) as a where pg_column_size(a) > 1048576) then
      raise exception 'arguments: one has more than 1048576 bytes' using errcode = 'PR003';
    end if;
    -- No contract, no secret.
    for i in 1..size loop
      if arguments[i]::text ~* '"\s*secret://' then
        perform pra_store.check_arguments(kind, arguments[i], format('arguments[%s]', i));
      end if;
    end loop;
  end if;
  made := pra_store.enqueue(
    kind => enqueue_many.kind, run => enqueue_many.run, arguments => '{}',
    queue => enqueue_many.queue, priority => enqueue_many.priority, delay => '0', after => '{}',
    requirements => enqueue_many.requirements, idempotency_key => enqueue_many.idempotency_key,
    time_limit => enqueue_many.time_limit, fault_retries => enqueue_many.fault_retries,
    lost_retries => 5, timeout_retries => 1, preemption_retries => null,
    limits => enqueue_many.limits, deadline => null, array_first => 0, array_last => size - 1,
    array_limit => enqueue_many.array_limit, pack => enqueue_many.pack, first_path => null,
    end_path => null, elementwise => false, gang => false, has_element_arguments => true);
  if not exists (select from pra_store.element_arguments where array_id = made) then
    insert into pra_store.element_arguments (array_id, first, arguments)
    select made, p.first, p.arguments from pra_store.packs(arguments, enqueue_many.pack) as p;
  elsif exists (
    select from pra_store.packs(arguments, enqueue_many.pack) as p
    left join pra_store.element_arguments as e on e.array_id = made and e.first = p.first
    where e.arguments is distinct from p.arguments
  ) then
    raise exception 'idempotency_key: "%" is that of array %, which has other arguments',
      idempotency_key, made using errcode = 'PR004';
  end if;
  return made;
end
$$;

grant execute on function pra.enqueue_many to pra_submit;

comment on function pra.enqueue_many is
  'Enqueues many jobs of one kind, each with arguments of its own, as an array whose element i has '
  'arguments[i + 1]; returns the number of the array. pack: elements that one attempt does. Errors: as pra.enqueue.';
