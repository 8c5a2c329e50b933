-- The claim.
--
-- All of it in plpgsql, which keeps the plans of its statements for the session: a function in SQL that
-- is not inlined is planned anew at every call, for more than it takes to run it.

set local role pra_owner;

create or replace function pra_store.lease_end(expires_at timestamptz, lease interval)
returns timestamptz
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$ begin return greatest(expires_at, pg_postmaster_start_time() + lease); end $$;

-- Arguments of the elements [first, last) of an array with arguments of their own, as a JSON array.
create function pra_store.arguments_of(array_job bigint, first bigint, last bigint) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  return (
    select coalesce(
      -- As a rule they are a row as it is.
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

-- What a cut of an array is told: the array's arguments with its first element and its end put in, or
-- the arguments of its elements.
create function pra_store.element_arguments(array_job pra_store.jobs, first bigint, last bigint)
returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
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

create function pra_store.host(labels jsonb, name text) returns text
language plpgsql immutable security definer set search_path = pg_catalog, pg_temp
as $$ begin return coalesce(labels ->> 'host', name); end $$;

-- Delayed jobs whose time has come stand in line from now on.
create function pra_store.make_due() returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  update pra_store.jobs set due = true
  where id = any(array(
    select id from pra_store.jobs
    where state = 'ready' and not due and run_after <= clock_timestamp()
    order by run_after limit 1000
    for no key update skip locked));
end
$$;

-- Makes a cut of an array in a state; returns its number.
create function pra_store.cut(
  a pra_store.jobs, made bigint, first bigint, last bigint, state pra.job_state,
  worker bigint default null, epoch bigint default 0, wait interval default '0'
) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  insert into pra_store.jobs (
    id, run_id, kind, queue, arguments, requirements, priority, state, run_after, due, epoch,
    worker_id, time_limit, fault_retries, lost_retries, timeout_retries, preemption_retries,
    created_by, started_at, lane_id, place, limits, deadline, array_id, element_first, element_end)
  overriding system value values (
    made, a.run_id, a.kind, a.queue, '{}', a.requirements, a.priority, state,
    clock_timestamp() + wait, wait <= interval '0', epoch, worker, a.time_limit, a.fault_retries,
    a.lost_retries, a.timeout_retries, a.preemption_retries, a.created_by,
    case when worker is not null then clock_timestamp() end, a.lane_id, a.place, a.limits,
    a.deadline, a.id, first, last);
end
$$;

-- The element at which the next cut of an array begins.
create function pra_store.next_element(a pra_store.jobs) returns bigint
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  return (
    select coalesce(
      (select element_end from pra_store.jobs where array_id = a.id order by element_end desc limit 1),
      a.array_first));
end
$$;

-- Elements of an array that follows another, ready because theirs have succeeded.
create function pra_store.follow(follower bigint, first bigint, last bigint) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  a pra_store.jobs;
begin
  select * into a from pra_store.jobs where id = follower;
  perform pra_store.cut(
    a, nextval(pg_get_serial_sequence('pra_store.jobs', 'id')), first, last, 'ready');
end
$$;

-- Cuts up to "wanted" pieces off an array, running on a worker from the start; returns their numbers.
create function pra_store.split(array_job bigint, worker bigint, wanted integer) returns bigint[]
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  a pra_store.jobs;
  next_first bigint;
  cuts bigint[] := '{}';
  made bigint;
begin
  -- Whoever splits it now is waited for: to pass by would leave a place empty.
  select * into a from pra_store.jobs where id = array_job for no key update;
  if a.state <> 'ready' or not a.due or a.deadline <= clock_timestamp() then
    return cuts;
  end if;
  next_first := pra_store.next_element(a);
  if a.limits = '{}' then
    with made as (
      insert into pra_store.jobs (
        run_id, kind, queue, arguments, requirements, priority, state, run_after, epoch, worker_id,
        time_limit, fault_retries, lost_retries, timeout_retries, preemption_retries, created_by,
        started_at, lane_id, place, deadline, array_id, element_first, element_end)
      select a.run_id, a.kind, a.queue, '{}', a.requirements, a.priority, 'running',
        clock_timestamp(), 1, worker, a.time_limit, a.fault_retries, a.lost_retries,
        a.timeout_retries, a.preemption_retries, a.created_by, clock_timestamp(), a.lane_id,
        a.place, a.deadline, a.id, piece, least(piece + a.pack, a.array_end)
      from generate_series(
        next_first, least(a.array_end, next_first + wanted::bigint * a.pack) - 1, a.pack) as piece
      returning id, element_end
    )
    select coalesce(array_agg(id), '{}'), coalesce(max(element_end), next_first)
    into cuts, next_first from made;
  end if;
  while a.limits <> '{}' and cardinality(cuts) < wanted and next_first < a.array_end loop
    made := nextval('pra_store.jobs_id_seq');
    exit when not pra_store.take_slots(made, 1, a.limits);
    perform pra_store.cut(
      a, made, next_first, least(next_first + a.pack, a.array_end), 'running', worker, 1);
    cuts := cuts || made;
    next_first := next_first + a.pack;
  end loop;
  if next_first >= a.array_end then
    update pra_store.jobs
    set state = 'running', started_at = coalesce(started_at, clock_timestamp())
    where id = array_job;
  elsif a.started_at is null and cuts <> '{}' then
    update pra_store.jobs set started_at = clock_timestamp() where id = array_job;
  end if;
  return cuts;
end
$$;

-- Takes what it can of some jobs, in order; returns their numbers.
create function pra_store.take(candidates bigint[], worker bigint, wanted integer) returns bigint[]
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  taken bigint[];
begin
  -- Materialized: without the fence the planner may run the limited scan again and take too many.
  with mine as materialized (
    select j.id, j.epoch, j.limits
    from unnest(candidates) with ordinality as c (id, n)
    join pra_store.jobs as j on j.id = c.id
    where j.state = 'ready' and j.due
      and (j.deadline is null or j.deadline > clock_timestamp())
    order by c.n
    limit wanted
    for no key update of j skip locked
  ),
  allowed as materialized (
    select m.id from mine as m
    where m.limits = '{}' or pra_store.take_slots(m.id, m.epoch + 1, m.limits)
  ),
  claimed as (
    update pra_store.jobs as j
    set state = 'running', epoch = j.epoch + 1, worker_id = worker,
        started_at = coalesce(j.started_at, clock_timestamp()), preempt_requested_at = null
    from allowed
    where j.id = allowed.id
    returning j.id
  )
  select coalesce(array_agg(id), '{}') into taken from claimed;
  return taken;
end
$$;

-- The lanes that a worker may serve now.
create function pra_store.open_lanes(me pra_store.workers) returns integer[]
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  return (
    with recursive present (lane_id) as (
      (select lane_id from pra_store.jobs where state = 'ready' and due order by lane_id limit 1)
      union all
      select next.lane_id
      from present cross join lateral (
        select j.lane_id from pra_store.jobs as j
        where j.state = 'ready' and j.due and j.lane_id > present.lane_id
        order by j.lane_id limit 1
      ) as next
    )
    select array_agg(l.id)
    from present
    join pra_store.lanes as l on l.id = present.lane_id
    join pra_store.runs as r on r.id = l.run_id
    join pra_store.queues as q on q.name = l.queue
    where l.queue = any(me.queues) and l.kind = any(me.kinds)
      and r.paused_at is null and q.paused_at is null
      and (l.requirements = '[]' or pra_store.satisfies(me.labels, l.requirements))
      and (l.limits = '{}' or not exists (
        select from unnest(l.limits) as n
        where not exists (
          select from pra_store.limit_slots as s where s.limit_name = n and s.job_id is null))));
end
$$;

-- The heads of some lanes from a place on, in the order in which they are to start.
--
-- By effective priority (a whole point for each ten minutes of waiting), then the user and the run
-- with the least running for their weight, then place. Between lanes that wait alike this is weighted
-- fair sharing; in one lane it is the order of the lane.
create function pra_store.heads(lanes integer[], from_place double precision, depth integer)
returns table (id bigint, is_array boolean, is_gang boolean, run_id bigint, ending interval)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  if cardinality(lanes) = 1 then
    return query
      select j.id, j.array_first is not null, j.gang, j.run_id, j.time_limit
      from pra_store.jobs as j
      where j.lane_id = lanes[1] and j.state = 'ready' and j.due and j.place >= from_place
      order by j.place, j.id
      limit depth;
    return;
  end if;
  return query
    with used as materialized (
      select j.run_id, r.created_by as owner, count(*) as running
      from pra_store.jobs as j join pra_store.runs as r on r.id = j.run_id
      where j.state = 'running' and j.worker_id is not null
      group by j.run_id, r.created_by
    ),
    heads as (
      select j.*, r.created_by as owner,
        floor((extract(epoch from clock_timestamp()) - j.place) / 600) as urgency,
        -- What its run would hold of its weight if it started, those before it in the run as well.
        (coalesce(used.running, 0)
          + row_number() over (partition by j.run_id order by j.place, j.id)) / r.weight as run_part
      from unnest(lanes) as lane
      cross join lateral (
        select j.id, j.place, j.run_id, j.array_first is not null as is_array, j.gang, j.time_limit
        from pra_store.jobs as j
        where j.lane_id = lane and j.state = 'ready' and j.due and j.place >= from_place
        order by j.place, j.id
        limit depth
      ) as j
      join pra_store.runs as r on r.id = j.run_id
      left join used on used.run_id = j.run_id
    ),
    parts as (
      select h.*,
        (coalesce(o.running, 0) + row_number() over (
          partition by h.owner order by h.urgency desc, h.run_part, h.place, h.id))
          / coalesce(u.weight, 1) as user_part
      from heads as h
      left join (select used.owner, sum(used.running) as running from used group by used.owner) as o
        on o.owner = h.owner
      left join pra_store.users as u on u.name = h.owner
    )
    select p.id, p.is_array, p.gang, p.run_id, p.time_limit
    from parts as p
    order by p.urgency desc, p.user_part, p.place, p.id
    limit depth;
end
$$;

-- What a worker may start, in order.
--
-- While a snapshot is held open nothing can be cleaned, and each look at the head of the line walks
-- over all that stood there since. When that has become slow the session remembers for a second where
-- it got to, in a setting of its own, and looks from there. Nothing depends on that memory: it finds
-- fewer than asked for, or grows old, and the whole line is looked at.
create function pra_store.candidates(me pra_store.workers, depth integer)
returns table (
  ids bigint[], arrays boolean[], gangs boolean[], endings interval[], runs bigint,
  array_count bigint
)
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  -- Moment, worker, place, lanes.
  memory text[] := string_to_array(nullif(current_setting('pra.line', true), ''), ' ');
  started timestamptz := clock_timestamp();
  lanes integer[];
  from_place double precision := '-infinity';
  found_ids bigint[];
begin
  if memory[2]::bigint = me.id
    and extract(epoch from started) - memory[1]::double precision between 0 and 1 then
    lanes := memory[4]::integer[];
    from_place := memory[3]::double precision;
  end if;
  loop
    if lanes is null then
      lanes := pra_store.open_lanes(me);
      if lanes is null then
        return;
      end if;
    end if;
    select array_agg(h.id order by n), array_agg(h.is_array order by n),
      array_agg(h.is_gang order by n), array_agg(h.ending order by n),
      count(distinct h.run_id) filter (where h.is_array), count(*) filter (where h.is_array)
    into ids, arrays, gangs, endings, runs, array_count
    from pra_store.heads(lanes, from_place, depth)
      with ordinality as h (id, is_array, is_gang, run_id, ending, n);
    exit when from_place = '-infinity' or cardinality(ids) >= depth;
    lanes := null;
    from_place := '-infinity';
  end loop;
  if ids is not null
    and (from_place > '-infinity' or clock_timestamp() - started > interval '2 milliseconds') then
    perform set_config('pra.line', format('%s %s %s %s',
      case when from_place > '-infinity' then memory[1] else extract(epoch from started)::text end,
      me.id,
      (select min(j.place) from pra_store.jobs as j where j.id = any(ids)),
      lanes), false);
  end if;
  return next;
end
$$;

-- What the claimer of some jobs is told of them.
create function pra_store.claimed(taken bigint[])
returns table (
  job bigint, epoch bigint, run bigint, run_name text, kind text, queue text, arguments jsonb,
  priority integer, time_limit interval, array_job bigint, element_first bigint, element_end bigint
)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  return query
    select j.id, j.epoch, j.run_id, r.name, j.kind, j.queue,
      case when j.array_id is null then j.arguments
        else pra_store.element_arguments(a, j.element_first, j.element_end) end,
      j.priority, j.time_limit, j.array_id, j.element_first, j.element_end
    from pra_store.jobs as j
    join pra_store.runs as r on r.id = j.run_id
    left join pra_store.jobs as a on a.id = j.array_id
    where j.id = any(taken)
    order by j.place, j.id;
end
$$;

drop function pra.claim(bigint, integer);

-- Up to "count" jobs for a worker, and no more than it has places.
--   oldest    the lowest number among the jobs that the caller knows to run on it: what ran and ended
--             before is not looked at again
-- Of a cut of an array: array_job and its elements [element_first, element_end).
create function pra.claim(worker bigint, count integer default 1, oldest bigint default 0)
returns table (
  job bigint, epoch bigint, run bigint, run_name text, kind text, queue text, arguments jsonb,
  priority integer, time_limit interval, array_job bigint, element_first bigint, element_end bigint
)
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  me pra_store.workers := pra_store.hold_worker(worker);
  free integer;
  assigned bigint[];
  taken bigint[] := '{}';
  got bigint[];
  heads record;
  plain bigint[] := '{}';
  part integer;
  -- Whether a gang waits at the head, and from when it can start.
  blocks boolean := false;
  starts timestamptz;
begin
  -- Members of gangs that others have placed here.
  if exists (select from pra_store.gang_members as g where g.worker_id = worker) then
    with fetched as materialized (
      delete from pra_store.gang_members as g where g.worker_id = worker
      returning g.job_id, g.epoch
    )
    select array_agg(j.id) into assigned
    from fetched as f join pra_store.jobs as j on j.id = f.job_id
    where j.epoch = f.epoch and j.state = 'running' and j.worker_id = worker;
  end if;
  if assigned is not null then
    return query select * from pra_store.claimed(assigned);
    -- They may be older than all that the caller knew of.
    oldest := least(oldest, (select min(a) from unnest(assigned) as a));
  end if;

  -- Exact, since whoever claims for this worker holds its row.
  select least(claim.count, me.slots - count(*)) into free
  from pra_store.jobs as j
  where j.worker_id = worker and j.state = 'running' and j.id >= coalesce(oldest, 0);
  if free <= 0 or me.draining or me.drain_requested_at is not null or exists (
    select from pra_store.blamed_hosts as b
    where b.host = pra_store.host(me.labels, me.name) and b.until > clock_timestamp()
  ) then
    return;
  end if;
  perform pra_store.make_due();

  select * into heads from pra_store.candidates(me, free + 16);
  -- Where several runs have arrays in line each gets a part, and what is left goes round again.
  part := case when heads.runs > 1 then greatest(1, free / heads.runs) else free end;
  for pass in 1..2 loop
    for i in 1..coalesce(cardinality(heads.ids), 0) loop
      exit when free <= 0;
      continue when blocks and (
        heads.endings[i] is null or starts is null
        or clock_timestamp() + heads.endings[i] > starts);
      if not heads.arrays[i] then
        if pass = 1 then plain := plain || heads.ids[i]; end if;
        continue;
      end if;
      if plain <> '{}' then
        -- What stands before it goes first.
        got := pra_store.take(plain, worker, free);
        taken := taken || got;
        free := free - cardinality(got);
        plain := '{}';
        exit when free <= 0;
      end if;
      if not heads.gangs[i] then
        got := pra_store.split(
          heads.ids[i], worker, case when pass = 1 then least(part, free) else free end);
      elsif pass = 1 then
        got := pra_store.place_gang(heads.ids[i], me, free);
        if got is null and not blocks then
          select b.blocks, b.starts into blocks, starts
          from pra_store.gang_barrier(heads.ids[i]) as b;
        end if;
      else
        got := '{}';
      end if;
      taken := taken || coalesce(got, '{}');
      free := free - coalesce(cardinality(got), 0);
    end loop;
    if free > 0 and plain <> '{}' then
      got := pra_store.take(plain, worker, free);
      taken := taken || got;
      free := free - cardinality(got);
      plain := '{}';
    end if;
    exit when free <= 0 or heads.array_count = 0;
  end loop;
  if taken = '{}' then
    return;
  end if;

  insert into pra_store.attempts (job_id, epoch, worker_id)
  select j.id, j.epoch, worker from pra_store.jobs as j where j.id = any(taken);
  insert into pra_store.events (kind, run_id, job_id, epoch, worker_id)
  select 'job.claimed', j.run_id, j.id, j.epoch, worker
  from pra_store.jobs as j where j.id = any(taken);
  return query select * from pra_store.claimed(taken);
end
$$;

grant execute on function pra.claim to pra_worker;
