-- The line: the lanes that a worker may serve, and the order in which their jobs start.

-- The lanes that a worker may serve now, of all that have jobs in line, or of those given. Each lane costs
-- one probe of the index, however many jobs stand in it.
create or replace function pra_store.open_lanes(me pra_store.workers, among integer[] default null)
returns integer[]
language plpgsql stable
as $$
begin
  return (
    with recursive present (lane_id) as (
      (select j.lane_id from pra_store.jobs as j
       where among is null and j.state = 'ready' and j.due order by j.lane_id limit 1)
      union all
      select next.lane_id
      from present cross join lateral (
        select j.lane_id from pra_store.jobs as j
        where j.state = 'ready' and j.due and j.lane_id > present.lane_id
        order by j.lane_id limit 1
      ) as next
    )
    select array_agg(l.id)
    from (select lane_id from present union all select unnest(among)) as known
    join pra_store.lanes as l on l.id = known.lane_id
    join pra_store.runs as r on r.id = l.run_id
    join pra_store.queues as q on q.name = l.queue
    where l.queue = any(me.queues) and l.kind = any(me.kinds)
      and r.paused_at is null and q.paused_at is null
      and (l.requirements = '[]' or pra_store.satisfies(me.labels, l.requirements))
      and (l.limits = '{}' or not exists (
        select from unnest(l.limits) as n
        where not exists (
          select from pra_store.limit_slots as s where s.limit_name = n and s.job_id is null)))
      and not (
        exists (
          select from pra_store.blamed_hosts as b
          where b.host = pra_store.host(me.labels, me.name) and b.until > clock_timestamp())
        and pra_store.others_take(
          pra_store.host(me.labels, me.name), l.queue, l.kind, l.requirements)));
end
$$;

-- The line as a worker sees it now.
--
-- While a snapshot is held open nothing can be cleaned, and a look at the head of the line passes all jobs
-- that stood there since. When that takes long, twice in a row, the session keeps what it saw for twenty
-- times as long, so that looking takes a twentieth of its time. Until then it begins where it got to; a job of
-- higher priority or in another lane waits for its next look. Pauses and limits are obeyed at once.
create or replace function pra_store.look_at_line(me pra_store.workers) returns pra_store.line_view
language plpgsql
as $$
declare
  -- The type's text: a change of the type needs another name of the setting, since sessions live on.
  line pra_store.line_view := nullif(current_setting('pra.line_view', true), '')::pra_store.line_view;
  started timestamptz := clock_timestamp();
  was_slow boolean := coalesce(current_setting('pra.last_look', true), '') = 'slow';
  is_slow boolean;
begin
  if line.worker_id = me.id and line.expires_at > started then
    select array_agg(known.lane), array_agg(known.place) into line.lanes, line.places
    from unnest(line.lanes, line.places) as known (lane, place)
    where known.lane = any(pra_store.open_lanes(me, line.lanes));
    return line;
  end if;
  line := null;
  line.lanes := pra_store.open_lanes(me);
  if line.lanes is null then
    return line;
  end if;
  line.places := array_fill('-infinity'::double precision, array[cardinality(line.lanes)]);
  if cardinality(line.lanes) > 1 then
    select array_agg(u.run_id), array_agg(u.running) into line.runs, line.running
    from (
      select j.run_id, count(*) as running from pra_store.jobs as j
      where j.state = 'running' and j.worker_id is not null
      group by j.run_id
    ) as u;
  end if;
  -- One slow look may be the machine's; two are the line's.
  is_slow := clock_timestamp() - started > interval '20 milliseconds';
  if is_slow <> was_slow then
    perform set_config('pra.last_look', case when is_slow then 'slow' else '' end, false);
  end if;
  if is_slow and was_slow then
    line.places := array(
      select coalesce(
        (select j.place from pra_store.jobs as j
         where j.lane_id = l.lane and j.state = 'ready' and j.due order by j.place, j.id limit 1),
        '-infinity')
      from unnest(line.lanes) with ordinality as l (lane, n) order by l.n);
    line.worker_id := me.id;
    line.expires_at := clock_timestamp() + least(
      20 * (clock_timestamp() - started), interval '60 seconds');
    perform set_config('pra.line_view', line::text, false);
  end if;
  return line;
end
$$;

-- The first jobs, arrays and gangs in the order in which they are to start, "depth" of them where the line is
-- as long.
create or replace function pra_store.next_in_line(line pra_store.line_view, free integer, depth integer)
returns pra_store.line_entry[]
language plpgsql stable
as $$
begin
  if cardinality(line.lanes) > 1 then
    return array(select f from pra_store.fair_order(line, free, depth) as f);
  end if;
  -- One lane is served in its own order: an array takes all places that those before it leave.
  return array(
    select row(
      j.id, j.array_first is not null, j.gang, j.time_limit,
      case when j.array_first is null then 1 else free end)::pra_store.line_entry
    from pra_store.jobs as j
    where j.lane_id = line.lanes[1] and j.state = 'ready' and j.due and j.place >= line.places[1]
      and (j.deadline is null or j.deadline > clock_timestamp())
    order by j.place, j.id
    limit depth);
end
$$;

-- The order between lanes: by effective priority (a whole point for each ten minutes of waiting), then the
-- user and the run with the least running for their weight, then place. An array stands in it as often as it
-- may have attempts, and its seats are how many of the free places are its own.
create or replace function pra_store.fair_order(line pra_store.line_view, free integer, depth integer)
returns setof pra_store.line_entry
language plpgsql stable
as $$
declare
  -- As many attempts of an array as all lanes together can use four times over: more would only be sorted.
  most integer := least(free, greatest(1, 4 * free / cardinality(line.lanes)));
begin
  return query
    with used as materialized (
      select u.run_id, r.created_by as owner, u.running
      from unnest(line.runs, line.running) as u (run_id, running)
      join pra_store.runs as r on r.id = u.run_id
    ),
    heads as (
      select j.*, r.created_by as owner, r.weight,
        floor((extract(epoch from clock_timestamp()) - j.place) / 600) as urgency
      from unnest(line.lanes, line.places) as l (lane, place)
      cross join lateral (
        select j.id, j.place, j.run_id, j.array_first is not null as is_array, j.gang, j.time_limit,
          row_number() over (order by j.place, j.id) as nth
        from pra_store.jobs as j
        where j.lane_id = l.lane and j.state = 'ready' and j.due and j.place >= l.place
          and (j.deadline is null or j.deadline > clock_timestamp())
        order by j.place, j.id
        limit depth
      ) as j
      join pra_store.runs as r on r.id = j.run_id
    ),
    seated as (
      select h.*, seat,
        -- The part of its weight that its run would hold if it started, those before it in the run as well.
        (coalesce(used.running, 0) + row_number() over (
          partition by h.run_id order by h.place, h.id, seat)) / h.weight as run_part
      from heads as h
      cross join lateral generate_series(
        1, case when h.is_array and not h.gang and h.nth = 1 then most else 1 end) as seat
      left join used on used.run_id = h.run_id
    ),
    parts as (
      select s.*,
        (coalesce(o.running, 0) + row_number() over (
          partition by s.owner order by s.urgency desc, s.run_part, s.place, s.id, s.seat))
          / coalesce(u.weight, 1) as user_part
      from seated as s
      left join (
        select used.owner, sum(used.running)::bigint as running from used group by used.owner
      ) as o on o.owner = s.owner
      left join pra_store.users as u on u.name = s.owner
    ),
    ranked as (
      select p.*, row_number() over (
        order by p.urgency desc, p.user_part, p.place, p.id, p.seat) as rank
      from parts as p
    )
    select r.id, r.is_array, r.gang, r.time_limit,
      (count(*) filter (where r.rank <= free))::integer
    from ranked as r
    group by r.id, r.is_array, r.gang, r.time_limit
    order by min(r.rank)
    limit depth;
end
$$;
