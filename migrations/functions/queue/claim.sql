-- The claim.
--
-- All of it in plpgsql, which keeps the plans of its statements for the session: a function in SQL that is
-- not inlined is planned anew at every call, for more than it takes to run it.

-- The planner knows neither a new table nor a limit, and would read whole tables, join them or compile: all
-- that a claim looks up it finds row by row through an index.
create or replace function pra.claim(worker bigint, count integer default 1, oldest bigint default 0)
returns table (
  job bigint, epoch bigint, run bigint, run_name text, kind text, queue text, arguments jsonb,
  priority integer, time_limit interval, array_job bigint, element_first bigint, element_end bigint
)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set enable_material = off
set jit = off
as $$
declare
  me pra_store.workers := pra_store.live_worker(worker);
  line pra_store.line_view;
  fetched bigint[];
  taken bigint[];
begin
  perform pra_store.make_due();
  if not me.draining and me.drain_requested_at is null then
    line := pra_store.look_at_line(me);
  end if;
  -- Nothing is written by a claim that finds nothing: of many workers that hear of one job all but one go
  -- this way.
  if line.lanes is null
    and not exists (select from pra_store.gang_members as g where g.worker_id = worker) then
    return;
  end if;
  me := pra_store.hold_worker(worker);
  fetched := pra_store.fetch_members(worker);
  taken := pra_store.serve(me, line, pra_store.free_places(
    me, claim.count, least(oldest, (select min(f) from unnest(fetched) as f))));
  return query select * from pra_store.claimed(worker, taken, fetched);
end
$$;

grant execute on function pra.claim to pra_worker;

comment on function pra.claim is
  'Takes up to "count" jobs for a worker, and no more than it has places free. "oldest" is the lowest number '
  'of a job that the caller knows to run on it: what ran and ended before is not counted again. For a part of '
  'an array the row has the number of the array and the elements [element_first, element_end). Errors: PR001 '
  'when the worker''s lease is over.';

-- How many jobs a worker may be given. Exact, since the caller holds the worker's row.
create or replace function pra_store.free_places(me pra_store.workers, wanted integer, oldest bigint)
returns integer
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
  if me.draining or me.drain_requested_at is not null then
    return 0;
  end if;
  return greatest(0, least(wanted, me.slots - (
    select count(*) from pra_store.jobs as j
    where j.worker_id = me.id and j.state = 'running' and j.id >= coalesce(oldest, 0))));
end
$$;

-- Takes members of gangs that others have placed on a worker; returns those that still run there.
create or replace function pra_store.fetch_members(worker bigint) returns bigint[]
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  fetched bigint[];
begin
  with mine as (
    delete from pra_store.gang_members as g where g.worker_id = worker returning g.job_id, g.epoch
  )
  select array_agg(j.id) into fetched
  from mine as m join pra_store.jobs as j on j.id = m.job_id
  where j.epoch = m.epoch and j.state = 'running' and j.worker_id = worker;
  return fetched;
end
$$;

-- Starts what is next in line on a worker, as far as the free places go; returns the numbers of the jobs.
--
-- A gang that does not fit yet keeps its place: what stands behind it starts only where it will have ended
-- before the gang can start.
create or replace function pra_store.serve(me pra_store.workers, line pra_store.line_view, free integer)
returns bigint[]
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  entries pra_store.line_entry[];
  entry pra_store.line_entry;
  -- Entries up to the next gang.
  part pra_store.line_entry[] := '{}';
  taken bigint[] := '{}';
  members bigint[];
  blocks boolean := false;
  starts timestamptz;
begin
  if free = 0 or line.lanes is null then
    return taken;
  end if;
  entries := array(select e from pra_store.next_in_line(line, free) as e);
  if exists (select from unnest(entries) as e where e.is_gang) then
    -- Gangs and arrays are held by number, as everybody holds them.
    perform from pra_store.jobs as j
    where j.id = any(array(select e.id from unnest(entries) as e where e.is_array))
    order by j.id for no key update;
  end if;
  foreach entry in array entries loop
    continue when blocks and (
      entry.time_limit is null or starts is null or clock_timestamp() + entry.time_limit > starts);
    if not entry.is_gang then
      part := part || entry;
      continue;
    end if;
    -- The entries before it go first.
    taken := taken || pra_store.take_in_order(part, me.id, free - cardinality(taken));
    part := '{}';
    members := pra_store.place_gang(entry.id, me, free - cardinality(taken));
    if members is not null then
      taken := taken || members;
    elsif not blocks then
      select b.blocks, b.starts into blocks, starts from pra_store.gang_barrier(entry.id) as b;
    end if;
  end loop;
  return taken || pra_store.take_in_order(part, me.id, free - cardinality(taken));
end
$$;

-- Takes single jobs, and cuts arrays, by their seats; places that some of them leave go to the others.
create or replace function pra_store.take_in_order(
  entries pra_store.line_entry[], worker bigint, free integer
) returns bigint[]
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  entry pra_store.line_entry;
  unreserved integer := free;
  singles bigint[] := '{}';
  arrays bigint[] := '{}';
  wanted integer[] := '{}';
  taken bigint[] := '{}';
begin
  if free <= 0 or entries = '{}' then
    return taken;
  end if;
  foreach entry in array entries loop
    exit when unreserved = 0;
    continue when entry.seats = 0;
    if entry.is_array then
      arrays := arrays || entry.id;
      wanted := wanted || least(entry.seats, unreserved);
    else
      singles := singles || entry.id;
    end if;
    unreserved := unreserved - least(entry.seats, unreserved);
  end loop;
  if singles <> '{}' then
    taken := pra_store.take(singles, worker, free);
  end if;
  if arrays <> '{}' then
    taken := taken || pra_store.split(arrays, wanted, worker);
  end if;
  if cardinality(taken) = free then
    return taken;
  end if;

  singles := array(select e.id from unnest(entries) as e where not e.is_array);
  if singles <> '{}' then
    taken := taken || pra_store.take(singles, worker, free - cardinality(taken));
  end if;
  -- A session that holds arrays waits for no other.
  arrays := array(
    select j.id
    from unnest(entries) with ordinality as e (id, is_array, is_gang, time_limit, seats, n)
    join pra_store.jobs as j on j.id = e.id
    where e.is_array
    order by e.n
    for no key update of j skip locked);
  for i in 1..cardinality(arrays) loop
    exit when cardinality(taken) = free;
    taken := taken || pra_store.split(arrays[i : i], array[free - cardinality(taken)], worker);
  end loop;
  return taken;
end
$$;

-- Takes what it can of some single jobs, in order; returns their numbers.
create or replace function pra_store.take(candidates bigint[], worker bigint, wanted integer) returns bigint[]
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  part record;
  allowed bigint[] := '{}';
begin
  for part in
    -- Materialized: without the fence the planner may run the limited scan again and take too many.
    with mine as materialized (
      select j.id, j.epoch, j.limits, c.n
      from unnest(candidates) with ordinality as c (id, n)
      join pra_store.jobs as j on j.id = c.id
      where j.state = 'ready' and j.due
        and (j.deadline is null or j.deadline > clock_timestamp())
      order by c.n
      limit wanted
      for no key update of j skip locked
    )
    select m.limits, array_agg(m.id order by m.n) as ids, array_agg(m.epoch + 1 order by m.n) as epochs
    from mine as m
    group by m.limits
    order by m.limits
  loop
    if part.limits = '{}' then
      allowed := allowed || part.ids;
    else
      allowed := allowed
        || part.ids[1 : pra_store.take_slots(part.ids, part.epochs, part.limits)];
    end if;
  end loop;
  if allowed <> '{}' then
    update pra_store.jobs as j
    set state = 'running', epoch = j.epoch + 1, worker_id = worker,
        started_at = coalesce(j.started_at, clock_timestamp()), preempt_requested_at = null
    where j.id = any(allowed);
  end if;
  return allowed;
end
$$;

-- Begins the attempts of the jobs taken, and tells the claimer of them and of the members of gangs that it
-- has fetched, whose attempts have begun.
create or replace function pra_store.claimed(worker bigint, taken bigint[], fetched bigint[])
returns table (
  job bigint, epoch bigint, run bigint, run_name text, kind text, queue text, arguments jsonb,
  priority integer, time_limit interval, array_job bigint, element_first bigint, element_end bigint
)
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  return query
    with mine as materialized (
      select j.* from pra_store.jobs as j where j.id = any(taken || fetched)
    ),
    begun as (
      insert into pra_store.attempts (job_id, epoch, worker_id)
      select m.id, m.epoch, claimed.worker from mine as m where m.id = any(taken)
    )
    select m.id, m.epoch, m.run_id, r.name, m.kind, m.queue,
      case when m.array_id is null then m.arguments
        else pra_store.element_arguments(a, m.element_first, m.element_end) end,
      m.priority, m.time_limit, m.array_id, m.element_first, m.element_end
    from mine as m
    join pra_store.runs as r on r.id = m.run_id
    left join pra_store.jobs as a on a.id = m.array_id
    order by m.place, m.id;
end
$$;
