-- Slots of limits, and pieces of arrays, by the handful.
--
-- A limited array cut its pieces one by one, each with a slot of its own, while it held the row of the array
-- for which others wait; and whoever ended searched all slots of its limit.

set local role pra_owner;

-- Where a job has its slots, for giving them back: the slots of a limit may be many.
create index limit_slots_held on pra_store.limit_slots (job_id) where job_id is not null;

-- Slots of some limits for as many of some jobs as there are, the first of them; how many.
create function pra_store.take_slots_for(jobs bigint[], epochs bigint[], limits text[])
returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  wanted text;
  allowed integer := cardinality(jobs);
  free integer;
begin
  -- By name, as everybody takes them.
  foreach wanted in array limits loop
    with free as materialized (
      select l.ordinal, row_number() over () as n
      from (
        select s.ordinal from pra_store.limit_slots as s
        where s.limit_name = wanted and s.job_id is null
        order by s.ordinal limit allowed
        for update skip locked
      ) as l
    )
    update pra_store.limit_slots as s
    set job_id = jobs[free.n], epoch = epochs[free.n], taken_at = clock_timestamp()
    from free
    where s.limit_name = wanted and s.ordinal = free.ordinal;
    get diagnostics free = row_count;
    if free < allowed then
      update pra_store.limit_slots as s set job_id = null, epoch = null, taken_at = null
      where s.job_id = any(jobs[free + 1 : allowed]) and s.limit_name = any(limits);
      allowed := free;
      exit when allowed = 0;
    end if;
  end loop;
  return allowed;
end
$$;

create or replace function pra_store.give_slots(job bigint, limits text[]) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  held text;
begin
  -- Those of a limit that was lowered below what runs go away.
  if exists (select from pra_store.limits as l where l.name = any(limits) and l.excess > 0) then
    foreach held in array limits loop
      update pra_store.limits set excess = excess - 1 where name = held and excess > 0;
      if found then
        delete from pra_store.limit_slots where limit_name = held and job_id = give_slots.job;
      end if;
    end loop;
  end if;
  update pra_store.limit_slots set job_id = null, epoch = null, taken_at = null
  where job_id = give_slots.job;
end
$$;

-- Takes what it can of some jobs, in order; returns their numbers.
create or replace function pra_store.take(candidates bigint[], worker bigint, wanted integer)
returns bigint[]
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
        || part.ids[1 : pra_store.take_slots_for(part.ids, part.epochs, part.limits)];
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

-- Cuts pieces off arrays, so many of each as "wanted" says, running on a worker from the start; returns
-- their numbers. The arrays are held by number, and whoever splits one now is waited for.
create function pra_store.split(arrays bigint[], wanted integer[], worker bigint) returns bigint[]
language plpgsql security definer set search_path = pg_catalog, pg_temp
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
    next_first := coalesce(
      (select c.element_end from pra_store.jobs as c
       where c.array_id = a.id order by c.element_end desc limit 1),
      a.array_first);
    pieces := least(
      wanted[array_position(arrays, a.id)], (a.array_end - next_first + a.pack - 1) / a.pack);
    if pieces > 0 then
      ids := array(select nextval('pra_store.jobs_id_seq') from generate_series(1, pieces));
      if a.limits <> '{}' then
        ids := ids[1 : pra_store.take_slots_for(ids, array_fill(1::bigint, array[pieces]), a.limits)];
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
      created_by, started_at, lane_id, place, limits, deadline, array_id, element_first, element_end)
    overriding system value
    select c.id, p.run_id, p.kind, p.queue, '{}', p.requirements, p.priority, 'running',
      clock_timestamp(), 1, worker, p.time_limit, p.fault_retries, p.lost_retries,
      p.timeout_retries, p.preemption_retries, p.created_by, clock_timestamp(), p.lane_id,
      p.place, p.limits, p.deadline, p.id, c.first, least(c.first + p.pack, p.array_end)
    from unnest(cuts, parents, firsts) as c (id, parent, first)
    join pra_store.jobs as p on p.id = c.parent;
  end if;
  return cuts;
end
$$;

-- A claim of the version before that waits for these migrations goes on in its old text, with the split of one
-- array and with pra_store.heads, which serve nobody else from now on.
