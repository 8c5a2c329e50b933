-- Enqueue: one job, an array, a gang, or many jobs with arguments of their own.

set local role pra_owner;

-- The lane of a job, made where there is none yet.
create function pra_store.lane(
  run bigint, queue text, kind text, requirements jsonb, limits text[]
) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  word text := case when requirements = '[]' and limits = '{}' then ''
    else md5(requirements::text || limits::text) end;
  known integer;
begin
  select id into known from pra_store.lanes
  where run_id = run and queue = lane.queue and kind = lane.kind and key = word;
  if not found then
    insert into pra_store.lanes (run_id, queue, kind, requirements, limits, key)
    values (run, lane.queue, lane.kind, lane.requirements, lane.limits, word)
    on conflict (run_id, queue, kind, key) do nothing
    returning id into known;
    if known is null then
      select id into known from pra_store.lanes
      where run_id = run and queue = lane.queue and kind = lane.kind and key = word;
    end if;
  end if;
  return known;
end
$$;

-- A call of the enqueue of version 0.1.0 that waited for this migration goes on in its old text.
create function pra_store.give_lane() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  new.lane_id := pra_store.lane(new.run_id, new.queue, new.kind, new.requirements, new.limits);
  new.place := extract(epoch from clock_timestamp()) - 600.0 * new.priority;
  new.due := new.run_after <= clock_timestamp();
  return new;
end
$$;
create trigger give_lane before insert on pra_store.jobs for each row
when (new.lane_id is null) execute function pra_store.give_lane();

-- Makes a limit, or changes how many may run under it at once. Lowered below what runs, it takes
-- effect as jobs end; nobody is stopped.
create function pra.set_limit(name text, slots integer) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  there integer;
  removed integer;
begin
  if name is null or name !~ '^[A-Za-z0-9][A-Za-z0-9_.:-]{0,99}$' then
    raise exception 'name: "%" is not a name of letters, digits, _, ., : and -', name
      using errcode = 'PR003';
  end if;
  if slots is null or slots not between 0 and 100000 then
    raise exception 'slots: %, must be from 0 to 100000', slots using errcode = 'PR003';
  end if;
  insert into pra_store.limits (name, slots) values (set_limit.name, 0) on conflict do nothing;
  if not found then
    perform from pra_store.limits as l where l.name = set_limit.name for update;
    -- Whoever takes or gives a slot at this moment ends first and is counted.
    lock table pra_store.limit_slots in share row exclusive mode;
  end if;
  select count(*) into there from pra_store.limit_slots where limit_name = set_limit.name;
  insert into pra_store.limit_slots (limit_name, ordinal)
  select set_limit.name, free.ordinal
  from (
    select o as ordinal
    from generate_series(1, there + set_limit.slots) as o
    where not exists (
      select from pra_store.limit_slots where limit_name = set_limit.name and ordinal = o)
    order by o limit greatest(0, set_limit.slots - there)
  ) as free;
  delete from pra_store.limit_slots where limit_name = set_limit.name and ordinal in (
    select ordinal from pra_store.limit_slots
    where limit_name = set_limit.name and job_id is null
    order by ordinal desc limit greatest(0, there - set_limit.slots));
  get diagnostics removed = row_count;
  update pra_store.limits as l
  set slots = set_limit.slots, excess = greatest(0, there - removed - set_limit.slots)
  where l.name = set_limit.name;
  perform pra_store.record_event('limit.set', null, null, null, null,
    jsonb_build_object('limit', set_limit.name, 'slots', set_limit.slots));
  perform pg_notify('pra_ready', '');
end
$$;

-- A slot of each limit, or none at all.
create function pra_store.take_slots(job bigint, epoch bigint, limits text[]) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  wanted text;
  taken integer;
begin
  foreach wanted in array limits loop
    update pra_store.limit_slots
    set job_id = take_slots.job, epoch = take_slots.epoch, taken_at = clock_timestamp()
    where limit_name = wanted and ordinal = (
      select ordinal from pra_store.limit_slots
      where limit_name = wanted and job_id is null
      order by ordinal limit 1
      for update skip locked)
    returning ordinal into taken;
    if taken is null then
      update pra_store.limit_slots set job_id = null, epoch = null, taken_at = null
      where limit_name = any(limits) and job_id = take_slots.job;
      return false;
    end if;
  end loop;
  return true;
end
$$;

create function pra_store.give_slots(job bigint, limits text[]) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  held text;
begin
  foreach held in array limits loop
    update pra_store.limits set excess = excess - 1 where name = held and excess > 0;
    if found then
      delete from pra_store.limit_slots where limit_name = held and job_id = give_slots.job;
    else
      update pra_store.limit_slots set job_id = null, epoch = null, taken_at = null
      where limit_name = held and job_id = give_slots.job;
    end if;
  end loop;
end
$$;

drop function pra.enqueue(
  text, bigint, jsonb, text, integer, interval, bigint[], text[], text, interval, integer, integer,
  integer, integer);

-- One job; with array_first and array_last, one row for as many as that.
--   limits       names of limits of which each attempt takes a slot
--   deadline     the moment by which it must have ended
--   array_limit  how many cuts of the array may run at once
--   pack         elements that one attempt does
--   first_path, end_path   where the arguments take the first element of a cut, and its end
--   elementwise  each element waits for its own in the one array of "after", not for all of it
--   gang         the elements start all at once or not at all
create function pra.enqueue(
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
#variable_conflict use_column
declare
  made bigint;
  earlier pra_store.jobs;
  parents bigint[] := '{}';
  asked jsonb := '[]';
  named text[] := '{}';
  existing bigint[];
  unmet_parents integer := 0;
  own_limit text;
begin
  if after <> '{}' then
    parents := array(select distinct p from unnest(after) as p);
  end if;
  if enqueue.requirements <> '{}' then
    select jsonb_agg(pra_store.parse_requirement(r) order by i) into asked
    from unnest(enqueue.requirements) with ordinality as u(r, i);
  end if;
  if limits <> '{}' then
    named := array(select distinct l from unnest(limits) as l order by l);
  end if;
  if kind is null or kind !~ '^[a-z][a-z0-9-]{0,62}$' then
    raise exception 'kind: "%" is not a name of lower-case letters, digits and -', kind
      using errcode = 'PR003';
  end if;
  if enqueue.queue is null or enqueue.queue !~ '^[a-z0-9][a-z0-9_.-]{0,62}$' then
    raise exception 'queue: "%" is not a name of lower-case letters, digits, _, . and -',
      enqueue.queue using errcode = 'PR003';
  end if;
  if arguments is null or jsonb_typeof(arguments) <> 'object' then
    raise exception 'arguments: must be a JSON object' using errcode = 'PR003';
  end if;
  if octet_length(arguments::text) > 1048576 then
    raise exception 'arguments: % bytes, more than 1048576; store an artifact and name its sha256',
      octet_length(arguments::text) using errcode = 'PR003';
  end if;
  if length(idempotency_key) not between 1 and 500 then
    raise exception 'idempotency_key: must have 1 to 500 characters' using errcode = 'PR003';
  end if;
  if time_limit <= interval '0' then
    raise exception 'time_limit: %, must be above 0', time_limit using errcode = 'PR003';
  end if;
  if priority is null or priority not between -1000000 and 1000000 then
    raise exception 'priority: %, must be from -1000000 to 1000000', priority using errcode = 'PR003';
  end if;
  if least(fault_retries, lost_retries, timeout_retries, preemption_retries) < 0
    or fault_retries is null or lost_retries is null or timeout_retries is null then
    raise exception 'fault_retries, lost_retries, timeout_retries, preemption_retries: must not be negative'
      using errcode = 'PR003';
  end if;
  if (array_first is null) <> (array_last is null) then
    raise exception 'array_last: an array has both ends' using errcode = 'PR003';
  end if;
  if array_first is null and (array_limit is not null or pack is not null or elementwise or gang
    or first_path is not null or end_path is not null) then
    raise exception 'array_first: array_limit, pack, paths, elementwise and gang are for arrays alone'
      using errcode = 'PR003';
  end if;
  if array_first < 0 or array_last < array_first then
    raise exception 'array_last: %-% is no range of elements', array_first, array_last
      using errcode = 'PR003';
  end if;
  if pack not between 1 and 10000 then
    raise exception 'pack: %, must be from 1 to 10000', pack using errcode = 'PR003';
  end if;
  if array_limit < 1 or array_limit > 100000 then
    raise exception 'array_limit: %, must be from 1 to 100000', array_limit using errcode = 'PR003';
  end if;
  if gang and (coalesce(pack, 1) <> 1 or array_limit is not null or elementwise
    or array_last - array_first >= 10000) then
    raise exception 'gang: its members, at most 10000, start together, one by one: no pack, no array_limit, no elementwise'
      using errcode = 'PR003';
  end if;
  if elementwise and cardinality(parents) <> 1 then
    raise exception 'after: an array waits elementwise for one other array' using errcode = 'PR003';
  end if;
  perform from pra_store.runs where id = run;
  if not found then
    raise exception 'run: there is no run %', run using errcode = 'PR002';
  end if;
  if named <> '{}' and exists (
    select from unnest(named) as n where not exists (select from pra_store.limits where name = n)
  ) then
    raise exception 'limits: there is no limit "%"', (
      select min(n) from unnest(named) as n
      where not exists (select from pra_store.limits where name = n))
      using errcode = 'PR002', hint = 'pra.set_limit makes one.';
  end if;

  if cardinality(parents) > 0 then
    -- A parent's success and this count must not pass each other: finish waits for the share lock.
    perform from pra_store.jobs where id = any(parents) order by id for share;
    select coalesce(array_agg(id), '{}'), count(*) filter (where state <> 'succeeded')
    into existing, unmet_parents
    from pra_store.jobs where id = any(parents);
    if cardinality(existing) <> cardinality(parents) then
      raise exception 'after: there is no job %',
        (select min(p) from unnest(parents) as p where p <> all(existing)) using errcode = 'PR002';
    end if;
    if elementwise and not exists (
      select from pra_store.jobs as p
      where p.id = parents[1] and p.array_first = enqueue.array_first
        and p.array_end = array_last + 1 and not p.gang
    ) then
      raise exception 'after: job % is no array of the elements %-%', parents[1], array_first,
        array_last using errcode = 'PR004';
    end if;
  end if;

  if not exists (select from pra_store.queues where name = enqueue.queue) then
    insert into pra_store.queues (name) values (enqueue.queue) on conflict do nothing;
  end if;
  if array_limit is not null then
    own_limit := 'array-' || nextval(pg_get_serial_sequence('pra_store.lanes', 'id'))
      || '-' || run;
    perform pra.set_limit(own_limit, array_limit);
    named := named || own_limit;
  end if;
  insert into pra_store.jobs (
    run_id, kind, queue, arguments, requirements, priority, idempotency_key, state, run_after, due,
    unmet, time_limit, fault_retries, lost_retries, timeout_retries, preemption_retries, lane_id,
    place, limits, deadline, array_first, array_end, pack, first_path, end_path, gang, follows_id)
  values (
    run, enqueue.kind, enqueue.queue, enqueue.arguments, asked,
    enqueue.priority, enqueue.idempotency_key,
    case when unmet_parents > 0 then 'blocked' else 'ready' end::pra.job_state,
    clock_timestamp() + enqueue.delay, enqueue.delay <= interval '0', unmet_parents,
    enqueue.time_limit, enqueue.fault_retries,
    enqueue.lost_retries, enqueue.timeout_retries, enqueue.preemption_retries,
    pra_store.lane(run, enqueue.queue, enqueue.kind, asked, named),
    extract(epoch from clock_timestamp()) - 600.0 * enqueue.priority, named, enqueue.deadline,
    enqueue.array_first, enqueue.array_last + 1,
    case when enqueue.array_first is not null then coalesce(enqueue.pack, 1) end,
    enqueue.first_path, enqueue.end_path, enqueue.gang,
    case when elementwise then parents[1] end)
  on conflict (idempotency_key) do nothing
  returning id into made;

  if made is null then
    select * into earlier
    from pra_store.jobs where idempotency_key = enqueue.idempotency_key;
    if (earlier.kind, earlier.run_id, earlier.arguments, earlier.array_first, earlier.array_end)
      is distinct from (enqueue.kind, enqueue.run, enqueue.arguments, enqueue.array_first,
                        enqueue.array_last + 1) then
      raise exception
        'idempotency_key: "%" is that of job %, which has another kind, run or arguments',
        enqueue.idempotency_key, earlier.id using errcode = 'PR004';
    end if;
    return earlier.id;
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
  insert into pra_store.events (kind, run_id, job_id) values ('job.enqueued', run, made);
  if unmet_parents = 0 and enqueue.delay <= interval '0' then
    perform pg_notify('pra_ready', '');
  end if;
  return made;
end
$$;

-- Many jobs of one kind, each with arguments of its own: an array whose element i has arguments[i + 1].
-- Returns the array.
create function pra.enqueue_many(
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
  fresh boolean;
begin
  if coalesce(size, 0) = 0 then
    raise exception 'arguments: none' using errcode = 'PR003';
  end if;
  if exists (select from unnest(arguments) as a where jsonb_typeof(a) is distinct from 'object') then
    raise exception 'arguments: each must be a JSON object' using errcode = 'PR003';
  end if;
  if exists (select from unnest(arguments) as a where pg_column_size(a) > 1048576) then
    raise exception 'arguments: one has more than 1048576 bytes' using errcode = 'PR003';
  end if;
  made := pra.enqueue(
    kind => enqueue_many.kind, run => enqueue_many.run, arguments => '{}',
    queue => enqueue_many.queue, priority => enqueue_many.priority,
    requirements => enqueue_many.requirements, limits => enqueue_many.limits,
    idempotency_key => enqueue_many.idempotency_key, fault_retries => enqueue_many.fault_retries,
    time_limit => enqueue_many.time_limit, array_limit => enqueue_many.array_limit,
    array_first => 0, array_last => size - 1, pack => enqueue_many.pack);
  update pra_store.jobs set has_element_arguments = true
  where id = made and not has_element_arguments returning true into fresh;
  if fresh then
    insert into pra_store.element_arguments (array_id, first, arguments)
    select made, first, to_jsonb(enqueue_many.arguments[first + 1 : first + enqueue_many.pack])
    from generate_series(0, size - 1, enqueue_many.pack) as first;
  elsif exists (
    select from pra_store.element_arguments as e
    where e.array_id = made
      and e.arguments <> to_jsonb(enqueue_many.arguments[e.first + 1 : e.first + enqueue_many.pack])
  ) then
    raise exception 'idempotency_key: "%" is that of array %, which has other arguments',
      idempotency_key, made using errcode = 'PR004';
  end if;
  return made;
end
$$;

grant execute on function pra.set_limit, pra.enqueue, pra.enqueue_many to pra_submit;
