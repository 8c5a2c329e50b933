-- Demand: the places of workers that the jobs in line want now.

-- Whether a job with a time limit, started now, will have ended before a worker leaves.
create or replace function pra_store.stays(w pra_store.workers, time_limit interval) returns boolean
language plpgsql stable
as $$
begin
  return coalesce(clock_timestamp() + time_limit <= w.leaves_at, true);
end
$$;

-- Live workers that could run a job, or members of a gang, and whose hosts have room for what these read, with all their
-- places and those that are free. missing: bytes that the host would fetch, once for all members on it.
create or replace function pra_store.seats_for(g pra_store.jobs)
returns table (worker_id bigint, slots integer, free integer, missing bigint)
language plpgsql stable
as $$
declare
  is_reading boolean := exists (
    select from pra_store.kinds as k where k.kind = g.kind and k.reads <> '{}');
  room_needed bigint := case when g.gang
    then (select max(m.room_needed) from pra_store.jobs as m where m.array_id = g.id) else g.room_needed end;
begin
  return query
    with inputs as materialized (
      select i.* from pra_store.inputs_of(g) as i where is_reading
    ),
    seats as (
      select w.id, w.slots, w.room, (
          w.slots - (select count(*) from pra_store.jobs as j
                     where j.worker_id = w.id and j.state = 'running'))::integer as free,
        (select coalesce(sum(i.size), 0)::bigint from inputs as i
         where (i.place is null or i.place <> all(w.store_places)) and not exists (
           select from pra_store.held_artifacts as h where h.worker_id = w.id and h.sha256 = i.sha256)) as missing
      from pra_store.workers as w
      where w.stopped_at is null and not w.draining and w.drain_requested_at is null
        and w.lack is null
        and pra_store.lease_end(w.lease_expires_at, w.lease) > clock_timestamp()
        and g.queue = any(w.queues) and g.kind = any(w.kinds)
        and pra_store.satisfies(w.labels, g.requirements)
        and pra_store.stays(w, g.time_limit)
        and not coalesce(
          g.avoided_until > clock_timestamp() and g.avoided_host = pra_store.host(w.labels, w.name), false)
        and not (
          exists (
            select from pra_store.blamed_hosts as b
            where b.host = pra_store.host(w.labels, w.name) and b.until > clock_timestamp())
          and pra_store.others_take(
            pra_store.host(w.labels, w.name), g.queue, g.kind, g.requirements))
    )
    select s.id, s.slots, s.free, s.missing from seats as s
    where s.room is null or greatest(s.missing, room_needed) <= s.room;
end
$$;

-- Jobs in line of one run, queue, kind and so on, each group with the places that it wants; arrays and gangs stand alone.
-- Jobs of one group are alike in everything that decides whether a worker takes them. size: places that are wanted whole.
create or replace function pra_store.groups_in_line()
returns table (
  queue text, kind text, requirements jsonb, limits text[], time_limit interval, example bigint, size bigint,
  places bigint, jobs bigint, oldest timestamptz)
language sql stable
as $$
  with heaps as materialized (
    -- One pass over the line.
    select j.lane_id, j.time_limit, j.room_needed,
      case when j.avoided_until > clock_timestamp() then j.avoided_host end as avoided,
      case when j.array_first is not null then j.id end as whole,
      count(*) as jobs, min(j.run_after) as oldest, min(j.id) as example
    from pra_store.jobs as j
    where j.state = 'ready' and (j.due or j.run_after <= clock_timestamp())
      and (j.deadline is null or j.deadline > clock_timestamp())
    group by 1, 2, 3, 4, 5
  ),
  wanted as (
    select l.queue, l.kind, l.requirements, l.limits, h.*,
      case when a.gang then pra_store.gang_size(a) else 1 end::bigint as size,
      case when h.whole is null then h.jobs
        when a.gang then pra_store.gang_size(a)
        else (a.array_end - pra_store.next_element(a) + a.pack - 1) / a.pack end as places
    from heaps as h
    join pra_store.lanes as l on l.id = h.lane_id
    join pra_store.runs as r on r.id = l.run_id
    join pra_store.queues as q on q.name = l.queue
    left join pra_store.jobs as a on a.id = h.whole
    where r.paused_at is null and q.paused_at is null
  )
  select w.queue, w.kind, w.requirements, w.limits, w.time_limit, min(w.example), w.size, sum(w.places)::bigint,
    sum(w.jobs)::bigint, min(w.oldest)
  from wanted as w
  group by w.queue, w.kind, w.requirements, w.limits, w.time_limit, w.room_needed, w.avoided, w.whole, w.size
  order by min(w.oldest), min(w.example);
$$;

create or replace function pra.wanted_places()
returns table (
  queue text, kind text, requirements jsonb, time_limit interval, places bigint, possible boolean, free bigint, jobs bigint,
  oldest timestamptz)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  wanted record;
  -- Slots of limits that are left to groups behind, by name.
  slots jsonb := '{}';
  open bigint;
  found_places jsonb := '[]';
begin
  -- Jobs that no worker could take keep no slot from the others.
  for wanted in
    select g.*, s.free, s.slots >= g.size as are_enough
    from pra_store.groups_in_line() as g
    join pra_store.jobs as j on j.id = g.example
    cross join lateral (
      select coalesce(sum(s.slots), 0) as slots, coalesce(sum(greatest(s.free, 0)), 0) as free
      from pra_store.seats_for(j) as s
    ) as s
    order by are_enough desc, g.oldest, g.example
  loop
    open := wanted.places;
    if wanted.limits <> '{}' then
      slots := (
        select jsonb_object_agg(n, pra_store.free_slots(array[n], 1000000)) from unnest(wanted.limits) as n) || slots;
      open := least(open, (select min((slots -> n)::bigint) from unnest(wanted.limits) as n));
      -- A gang that does not fit whole takes none.
      continue when open < wanted.size or open <= 0;
      slots := slots || (
        select jsonb_object_agg(n, (slots -> n)::bigint - open) from unnest(wanted.limits) as n);
    end if;
    continue when open <= 0;
    found_places := found_places || jsonb_build_object(
      'queue', wanted.queue, 'kind', wanted.kind, 'requirements', wanted.requirements, 'time_limit', wanted.time_limit,
      'places', open, 'possible', wanted.are_enough, 'free', wanted.free, 'jobs', wanted.jobs, 'oldest', wanted.oldest);
  end loop;
  return query
    select f.queue, f.kind, f.requirements, f.time_limit, sum(f.places)::bigint, f.possible, max(f.free),
      sum(f.jobs)::bigint, min(f.oldest)
    from jsonb_to_recordset(found_places) as f (
      queue text, kind text, requirements jsonb, time_limit interval, places bigint, possible boolean, free bigint,
      jobs bigint, oldest timestamptz)
    group by f.queue, f.kind, f.requirements, f.time_limit, f.possible;
end
$$;

grant execute on function pra.wanted_places to pra_submit, pra_worker, pra_read;

comment on function pra.wanted_places is 'Returns the rows of pra.demand.';

create or replace function pra.satisfies(labels jsonb, requirements jsonb) returns boolean
language plpgsql immutable security definer set search_path = pg_catalog, pg_temp
as $$ begin return pra_store.satisfies(labels, requirements); end $$;

grant execute on function pra.satisfies to pra_submit, pra_worker, pra_read;

comment on function pra.satisfies is
'Whether a worker with these labels, a JSON object of texts, would meet the requirements of jobs as pra.demand and pra.jobs
show them.';
