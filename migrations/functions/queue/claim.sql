-- The claim.
--
-- claim            a worker asks for jobs: what is due, the lanes that it may serve (order.sql), what it may take
--   serve          goes down the line, entry by entry, until its slots are full
--     next_in_line     the order of the line (order.sql)
--     suited           leaves out jobs for which this host is not the one (rooms.sql)
--     must_wait        leaves out jobs that would take slots from a gang before them
--     take_in_order    gives the slots to what is left, by their seats
--       take               starts single jobs
--       split              cuts parts off arrays and starts them (arrays.sql)
--     place_gang       starts a gang whole, here and on other workers (gangs.sql)
--   fetch_members  takes the members of gangs that claims of other workers have placed here
--
-- All of it in plpgsql, which keeps the plans of its statements for the session: a function in SQL that is
-- not inlined is planned anew at every call, for more than it takes to run it.

-- The planner knows neither a new table nor a limit, and would read whole tables, join them or compile: all
-- that a claim looks up it finds row by row through an index.
create or replace function pra.claim(
  worker bigint, count integer default 1, oldest bigint default 0, worker_token uuid default null
)
returns table (
  job bigint, epoch bigint, run bigint, run_name text, kind text, queue text, arguments jsonb,
  priority integer, time_limit interval, array_job bigint, element_first bigint, element_end bigint,
  token uuid
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
#variable_conflict use_column
declare
  me pra_store.workers := pra_store.live_worker(worker, worker_token, locks => false);
  has_members boolean;
  has_due boolean;
  line pra_store.line_view;
  fetched bigint[];
  taken bigint[];
begin
  select
    exists (select from pra_store.gang_members as g where g.worker_id = worker),
    exists (
      select from pra_store.jobs as j
      where j.state = 'ready' and not j.due and j.run_after <= clock_timestamp())
  into has_members, has_due;
  if has_due then
    perform pra_store.make_due();
  end if;
  if not me.draining and me.drain_requested_at is null and me.lack is null then
    line := pra_store.look_at_line(me);
  end if;
  -- Nothing is written by a claim that finds nothing: of many workers that hear of one job all but one go
  -- this way.
  if line.lanes is null and not has_members then
    return;
  end if;
  me := pra_store.live_worker(worker, worker_token, locks => true);
  if me.claiming_pid <> pg_backend_pid() then
    raise exception 'lease lost: worker % claims in another session now', worker using errcode = 'PR001';
  end if;
  -- Another claim may have placed members here while this one waited for the row.
  if has_members or exists (select from pra_store.gang_members as g where g.worker_id = worker) then
    fetched := pra_store.fetch_members(worker);
    -- They may be older than all that the caller knew of.
    oldest := least(oldest, (select min(f) from unnest(fetched) as f));
  end if;
  taken := pra_store.serve(me, line, pra_store.free_places(me, claim.count, oldest));
  if taken = '{}' and line.expires_at is not null then
    -- The line that was kept gives nothing: the next claim looks anew.
    perform set_config('pra.line_view', '', false);
  end if;
  if taken <> '{}' and cardinality(line.lanes) > 1 then
    perform pra_store.record_turns(taken);
  end if;
  -- The attempts of members of gangs have begun when they were placed.
  return query
    with mine as materialized (
      select j.* from pra_store.jobs as j where j.id = any(taken || fetched)
    ),
    begun as (
      insert into pra_store.attempts (job_id, epoch, worker_id)
      select m.id, m.epoch, claim.worker from mine as m where m.id = any(taken)
    ),
    counted as (
      insert into pra_store.count_steps (queue, kind, outcome, bucket, number, seconds)
      select s.queue, s.kind, '', width_bucket(s.wait, pra_store.wait_bounds()), count(*), sum(s.wait)
      from (
        select m.queue, m.kind, greatest(0, extract(epoch from clock_timestamp() - case
          -- A part is made when it starts; its array has waited.
          when m.epoch = 1 and m.array_id is not null then a.run_after else m.run_after end))::double precision as wait
        from mine as m left join pra_store.jobs as a on a.id = m.array_id
      ) as s
      group by 1, 2, 4
    )
    select m.id, m.epoch, m.run_id, r.name, m.kind, m.queue,
      case when m.array_id is null then m.arguments
        else pra_store.element_arguments(a, m.element_first, m.element_end) end,
      m.priority, m.time_limit, m.array_id, m.element_first, m.element_end, m.token
    from mine as m
    join pra_store.runs as r on r.id = m.run_id
    left join pra_store.jobs as a on a.id = m.array_id
    order by m.place, m.id;
end
$$;

grant execute on function pra.claim to pra_worker;

comment on function pra.claim is
  'Takes up to "count" jobs for a worker, and no more than it has places free. "oldest" is the lowest number '
  'of a job that the caller knows to run on it: what ran and ended before is not counted again. For a part of '
  'an array the row has the number of the array and the elements [element_first, element_end). "token" is the '
  'attempt''s, which its further calls must carry. Errors: PR001 when the worker''s lease is over, '
  'worker_token is not the worker''s, or another session has called pra.release_unheard for the worker since.';

-- How many jobs a worker may be given. Exact, since the caller holds the worker's row.
create or replace function pra_store.free_places(me pra_store.workers, wanted integer, oldest bigint)
returns integer
language plpgsql stable
as $$
begin
  if me.draining or me.drain_requested_at is not null or me.lack is not null then
    return 0;
  end if;
  return greatest(0, least(wanted, me.slots - (
    select count(*) from pra_store.jobs as j
    where j.worker_id = me.id and j.state = 'running' and j.id >= coalesce(oldest, 0))));
end
$$;

-- Takes members of gangs that others have placed on a worker; returns those that still run there.
create or replace function pra_store.fetch_members(worker bigint) returns bigint[]
language plpgsql
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
-- A gang that does not fit yet keeps its place: of what stands behind it, only what will have ended before the gang
-- can start is started. Where the gang waits for slots, this holds for those alone that want the same limits. Lanes
-- whose limits are full leave the line whole, however many jobs stand in them.
create or replace function pra_store.serve(me pra_store.workers, line pra_store.line_view, free integer)
returns bigint[]
language plpgsql
as $$
declare
  entries pra_store.line_entry[];
  entry pra_store.line_entry;
  -- Entries up to the next gang.
  part pra_store.line_entry[];
  taken bigint[] := '{}';
  members bigint[];
  -- The first gang that waits for places, and all that wait for slots: those in the line, and those that other
  -- workers serve.
  places pra_store.barrier;
  slots pra_store.barrier := row(false, '{}'::text[], 'infinity'::timestamptz, null);
  elsewhere pra_store.barrier;
  here pra_store.barrier;
  -- Whether any entry may have to wait for one of them.
  is_barred boolean := false;
  lanes integer[] := line.lanes;
  open integer := cardinality(lanes);
  depth integer := free + 16;
  seen integer;
  -- Entries for which this host is not the place, or this worker leaves too early. They are looked at one by one, so there is an end to it: at first no
  -- more of them than it takes.
  is_choosing boolean;
  suited record;
  is_cut boolean;
  unsuited integer := 0;
  is_first boolean := true;
begin
  if free = 0 then
    return taken;
  end if;
  is_choosing := me.room is not null and pra_store.may_not_suit(line.lanes, me);
  while line.lanes is not null loop
    entries := pra_store.next_in_line(line, free - cardinality(taken), depth);
    seen := cardinality(entries);
    is_cut := false;
    if me.leaves_at is not null then
      entries := pra_store.ending_in_time(entries, me);
    end if;
    if is_choosing then
      suited := pra_store.suited(entries, me, case when is_first then 2 * free else seen end);
      entries := suited.suiting;
      is_cut := suited.is_cut;
    end if;
    unsuited := seen - cardinality(entries);
    if not is_first then
      entries := pra_store.without_held(entries);
    end if;
    is_first := false;
    if elsewhere.limits is null and pra_store.have_limits(entries) then
      elsewhere := pra_store.gangs_elsewhere(lanes);
      is_barred := is_barred or elsewhere.limits <> '{}';
    end if;
    part := '{}';
    foreach entry in array entries loop
      continue when is_barred and pra_store.must_wait(entry, places, slots, elsewhere);
      if not entry.is_gang then
        part := part || entry;
        continue;
      end if;
      -- Gangs and arrays are locked by number, as everybody locks them. The entries before it go first.
      perform from pra_store.jobs as j
      where taken = '{}' and j.id = any(array(select e.id from unnest(entries) as e where e.is_array))
      order by j.id for no key update;
      taken := taken || pra_store.take_in_order(part, me.id, free - cardinality(taken));
      part := '{}';
      members := pra_store.place_gang(entry.id, me, free - cardinality(taken));
      if members is not null then
        taken := taken || members;
        continue;
      end if;
      here := pra_store.gang_barrier(entry.id);
      is_barred := true;
      if here.blocks then
        places := case when places.blocks then places else here end;
      elsif here.limits <> '{}' then
        slots := row(false, slots.limits || here.limits, least(slots.starts, here.starts), null);
      end if;
    end loop;
    taken := taken || pra_store.take_in_order(part, me.id, free - cardinality(taken));
    exit when cardinality(taken) = free;
    if elsewhere.limits is not null then
      line := pra_store.without_limits(
        line, slots.limits || elsewhere.limits || pra_store.full_limits_of(line.lanes));
    end if;
    if cardinality(line.lanes) = open then
      -- Other claims may hold all that was seen: then it looks further down the line.
      exit when seen < depth and not is_cut or places.blocks and depth > 1000
        or unsuited > 1000 and not is_cut;
      depth := 4 * depth;
    end if;
    open := cardinality(line.lanes);
  end loop;
  return taken;
end
$$;

-- Entries that will have ended before a worker leaves, by their time limits. Gangs choose their workers themselves.
create or replace function pra_store.ending_in_time(entries pra_store.line_entry[], me pra_store.workers)
returns pra_store.line_entry[]
language plpgsql stable
as $$
begin
  return array(
    select row(e.id, e.is_array, e.is_gang, e.time_limit, e.seats, e.limits)::pra_store.line_entry
    from unnest(entries) with ordinality as e (id, is_array, is_gang, time_limit, seats, limits, n)
    where e.is_gang or pra_store.stays(me, e.time_limit) order by e.n);
end
$$;

create or replace function pra_store.have_limits(entries pra_store.line_entry[]) returns boolean
language plpgsql stable
as $$
begin
  return exists (select from unnest(entries) as e where e.limits <> '{}');
end
$$;

-- Whether an entry must leave places or slots to a gang before it. One that will have ended by then need not.
create or replace function pra_store.must_wait(
  entry pra_store.line_entry, places pra_store.barrier, slots pra_store.barrier, elsewhere pra_store.barrier
) returns boolean
language plpgsql stable
as $$
begin
  return places.blocks and not pra_store.ends_before(entry.time_limit, places.starts)
    or entry.limits && slots.limits and not pra_store.ends_before(entry.time_limit, slots.starts)
    or entry.limits && elsewhere.limits and not pra_store.ends_before(entry.time_limit, elsewhere.starts)
      and elsewhere.place < (select j.place from pra_store.jobs as j where j.id = entry.id);
end
$$;

-- Entries without the arrays and gangs that others hold; the others are held from now on. A session that has looked
-- once holds arrays, and waits for no more of them: it would not lock them by number any more.
create or replace function pra_store.without_held(entries pra_store.line_entry[])
returns pra_store.line_entry[]
language plpgsql
as $$
declare
  held bigint[] := array(
    select j.id from pra_store.jobs as j
    where j.id = any(array(select e.id from unnest(entries) as e where e.is_array))
    order by j.id for no key update skip locked);
begin
  return array(
    select row(e.id, e.is_array, e.is_gang, e.time_limit, e.seats, e.limits)::pra_store.line_entry
    from unnest(entries) with ordinality as e (id, is_array, is_gang, time_limit, seats, limits, n)
    where not e.is_array or e.id = any(held) order by e.n);
end
$$;

-- Whether a job with a time limit, started now, will have ended at a moment.
create or replace function pra_store.ends_before(time_limit interval, moment timestamptz) returns boolean
language plpgsql stable
as $$
begin
  return coalesce(clock_timestamp() + time_limit <= moment and moment < 'infinity', false);
end
$$;

-- Takes single jobs, and cuts arrays, by their seats; places that some of them leave go to the others.
create or replace function pra_store.take_in_order(
  entries pra_store.line_entry[], worker bigint, free integer
) returns bigint[]
language plpgsql
as $$
declare
  entry pra_store.line_entry;
  unreserved integer := free;
  seats integer;
  singles bigint[] := '{}';
  arrays bigint[] := '{}';
  wanted integer[] := '{}';
  -- Entries that may take what others leave.
  late_singles bigint[] := '{}';
  late_arrays bigint[] := '{}';
  taken bigint[] := '{}';
begin
  if free <= 0 or entries = '{}' then
    return taken;
  end if;
  foreach entry in array entries loop
    seats := least(entry.seats, unreserved);
    unreserved := unreserved - seats;
    if entry.is_array then
      late_arrays := late_arrays || entry.id;
      if seats > 0 then
        arrays := arrays || entry.id;
        wanted := wanted || seats;
      end if;
    elsif seats > 0 then
      singles := singles || entry.id;
    else
      late_singles := late_singles || entry.id;
    end if;
  end loop;
  if singles <> '{}' then
    taken := pra_store.take(singles, worker, free);
  end if;
  if arrays <> '{}' then
    taken := taken || pra_store.split(arrays, wanted, worker);
  end if;
  if late_singles <> '{}' and cardinality(taken) < free then
    taken := taken || pra_store.take(late_singles, worker, free - cardinality(taken));
  end if;
  if late_arrays <> '{}' and cardinality(taken) < free then
    -- A session that holds arrays waits for no other.
    late_arrays := array(
      select j.id
      from unnest(late_arrays) with ordinality as l (id, n)
      join pra_store.jobs as j on j.id = l.id
      order by l.n
      for no key update of j skip locked);
    for i in 1..cardinality(late_arrays) loop
      exit when cardinality(taken) = free;
      taken := taken || pra_store.split(late_arrays[i : i], array[free - cardinality(taken)], worker);
    end loop;
  end if;
  return taken;
end
$$;

-- Takes what it can of some single jobs, in order; returns their numbers.
create or replace function pra_store.take(candidates bigint[], worker bigint, wanted integer) returns bigint[]
language plpgsql
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
        and (j.avoided_host is null or j.avoided_until <= clock_timestamp() or j.avoided_host <> (
          select pra_store.host(w.labels, w.name) from pra_store.workers as w
          where w.id = take.worker))
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
    set state = 'running', epoch = j.epoch + 1, token = gen_random_uuid(), worker_id = worker,
        started_at = coalesce(j.started_at, clock_timestamp()), preempt_requested_at = null
    where j.id = any(allowed);
  end if;
  return allowed;
end
$$;
