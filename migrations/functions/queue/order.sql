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
  open integer[];
begin
  if line.worker_id = me.id and line.expires_at > started then
    open := pra_store.open_lanes(me, line.lanes);
    -- Those that are in both lists, without a join, which would compare each with each.
    select array_agg(b.lane), array_agg(b.place) into line.lanes, line.places
    from (
      select u.lane, max(u.place) as place
      from (
        select v.lane, v.place from unnest(line.lanes, line.places) as v (lane, place)
        union all
        select o, null from unnest(open) as o
      ) as u
      group by u.lane having count(*) = 2
    ) as b;
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
-- as long; their seats are how many of the free places are their own.
create or replace function pra_store.next_in_line(line pra_store.line_view, free integer, depth integer)
returns pra_store.line_entry[]
language plpgsql stable
as $$
begin
  if cardinality(line.lanes) > 1 then
    return array(
      select row(
        f.id, f.is_array, f.gang, f.time_limit, count(*) filter (where f.position <= free), f.limits
      )::pra_store.line_entry
      from (
        select s.*, row_number() over (order by s.rank) as position
        from (
          select r.*, r.limits <> '{}' and not r.gang
              and r.slots < row_number() over (partition by r.limits, r.gang order by r.rank) as has_no_slot
          from pra_store.fair_order(line, free, depth) as r
        ) as s
        -- No more jobs that share their limits than slots are free: what waits for a slot hides nothing.
        where not s.has_no_slot
      ) as f
      group by f.id, f.is_array, f.gang, f.time_limit, f.limits
      order by min(f.position)
      limit depth);
  end if;
  -- One lane is served in its own order: an array takes all places that those before it leave.
  return array(
    select row(
      j.id, j.array_first is not null, j.gang, j.time_limit,
      case when j.array_first is null then 1 else free end, j.limits)::pra_store.line_entry
    from pra_store.jobs as j
    where j.lane_id = line.lanes[1] and j.state = 'ready' and j.due and j.place >= line.places[1]
      and (j.deadline is null or j.deadline > clock_timestamp())
    order by j.place, j.id
    limit depth);
end
$$;

-- The order between lanes, in three steps.
--
-- Level: a higher priority goes first. A priority rises by one for each ten minutes that its oldest job has
-- waited, up to the highest in line and never above the next: so nothing waits for ever, and age alone puts no
-- job before another of its priority.
-- Share: then the user, and of their runs the run, that would hold the least for its weight. A share that holds
-- nothing is owed a part of its next place, the greater the more starts there were since its last: so shares that
-- have less than a place to themselves take turns, by weight.
-- Place: within a run, priority and age.
--
-- An array stands in line as often as it may have attempts. slots: how many slots are free for jobs with these
-- limits, no more counted than the depth.
create or replace function pra_store.fair_order(line pra_store.line_view, free integer, depth integer)
returns table (
  id bigint, is_array boolean, gang boolean, time_limit interval, limits text[], slots integer, rank bigint
)
language plpgsql stable
as $$
#variable_conflict use_column
declare
  -- As many attempts of an array as all lanes together can use four times over: more would only be sorted.
  most integer := least(free, greatest(1, 4 * free / cardinality(line.lanes)));
  turn bigint := (select n.last_value from pra_store.turn_numbers as n);
begin
  return query
    with known as (
      -- Lanes, and runs of which something runs, in one list: windows over it do what joins would do.
      select l.id as lane, l.run_id, l.limits, v.place, 0::bigint as running
      from unnest(line.lanes, line.places) as v (lane, place)
      join pra_store.lanes as l on l.id = v.lane
      union all
      select null, u.run_id, null, null, u.running
      from unnest(line.runs, line.running) as u (run_id, running)
    ),
    of_runs as (
      select k.*, r.created_by as owner, r.weight, coalesce(u.weight, 1) as user_weight,
        sum(k.running) over w as held, count(k.lane) over w as lanes
      from known as k
      join pra_store.runs as r on r.id = k.run_id
      left join pra_store.users as u on u.name = r.created_by
      window w as (partition by k.run_id)
    ),
    of_users as (
      -- A weight is divided among the lanes that have it, so that it counts once.
      select o.*, sum(o.running) over w as user_held, count(o.lane) over w as user_lanes,
        sum(o.weight / o.lanes) filter (where o.lane is not null) over w as weights
      from of_runs as o
      window w as (partition by o.owner)
    ),
    lanes as (
      -- The part of all starts that its weight gives a user, and a run among the user's.
      select o.lane, o.run_id, o.owner, o.limits, o.place, o.weight, o.user_weight, o.held, o.user_held,
        o.user_weight / sum(o.user_weight / o.user_lanes) over () as user_part,
        o.weight / o.weights as part,
        case when o.limits <> '{}' then pra_store.free_slots(o.limits, depth) end as slots,
        (select t.number from pra_store.turns as t
         where t.run_id = o.run_id and t.number > turn - 100000
         order by t.number desc limit 1) as last_turn,
        (select t.number from pra_store.turns as t
         where t.owner = o.owner and t.number > turn - 100000
         order by t.number desc limit 1) as user_turn
      from of_users as o
      where o.lane is not null
    ),
    heads as (
      select j.*, l.run_id, l.owner, l.limits, l.slots, l.weight, l.user_weight, l.held, l.user_held,
        l.last_turn, l.user_turn,
        case when l.held > 0 then 0
          else least(1, coalesce((turn - l.last_turn) * l.user_part * l.part, 1)) end as owed,
        case when l.user_held > 0 then 0
          else least(1, coalesce((turn - l.user_turn) * l.user_part, 1)) end as user_owed,
        max(j.urgency) over (partition by j.calm) as oldest
      from lanes as l
      cross join lateral (
        select j.id, j.place as head, -j.priority as calm, j.array_first is not null as is_array, j.gang,
          j.time_limit, floor((extract(epoch from clock_timestamp()) - j.place) / 600) as urgency,
          row_number() over (order by j.place, j.id) as nth
        from pra_store.jobs as j
        where j.lane_id = l.lane and j.state = 'ready' and j.due and j.place >= l.place
          and (j.deadline is null or j.deadline > clock_timestamp())
        order by j.place, j.id
        limit depth
      ) as j
    ),
    seated as (
      select h.*, seat,
        min(case when h.nth_priority = 1 then -h.calm else h.oldest end) over (order by h.calm) as level
      from (select h.*, dense_rank() over (order by h.calm) as nth_priority from heads as h) as h
      cross join lateral generate_series(
        1, case when h.is_array and not h.gang and h.nth = 1 then least(most, h.slots) else 1 end) as seat
    ),
    in_runs as (
      select s.*, row_number() over (
        partition by s.run_id order by s.level desc, s.head, s.id, s.seat) as n
      from seated as s
    ),
    in_users as (
      select i.*, row_number() over (
        partition by i.owner
        order by i.level desc, (i.held + i.n - case when i.n = 1 then i.owed else 0 end) / i.weight,
          i.held / i.weight, i.last_turn nulls first, i.head, i.id, i.seat) as user_n
      from in_runs as i
    )
    select i.id, i.is_array, i.gang, i.time_limit, i.limits, i.slots,
      row_number() over (
        order by i.level desc,
          (i.user_held + i.user_n - case when i.user_n = 1 then i.user_owed else 0 end) / i.user_weight,
          i.user_held / i.user_weight, i.user_turn nulls first, i.head, i.id, i.user_n) as rank
    from in_users as i;
end
$$;

-- Records whose turn it was, so that others of equal standing come first next time.
create or replace function pra_store.record_turns(started bigint[]) returns void
language plpgsql
as $$
begin
  insert into pra_store.turns (number, run_id, owner)
  select max(nextval('pra_store.turn_numbers')), j.run_id, r.created_by
  from pra_store.jobs as j join pra_store.runs as r on r.id = j.run_id
  where j.id = any(started)
  group by j.run_id, r.created_by;
end
$$;

-- A hundred thousand starts after its turn a share counts as one that never had any.
create or replace function pra_store.forget_turns() returns void
language plpgsql
as $$
begin
  delete from pra_store.turns as t
  where t.number < (select n.last_value - 200000 from pra_store.turn_numbers as n);
end
$$;

-- Lanes of a line without those that want one of some limits.
create or replace function pra_store.without_limits(line pra_store.line_view, closed text[])
returns pra_store.line_view
language plpgsql stable
as $$
begin
  select array_agg(v.lane order by v.n), array_agg(v.place order by v.n) into line.lanes, line.places
  from unnest(line.lanes, line.places) with ordinality as v (lane, place, n)
  join pra_store.lanes as l on l.id = v.lane
  where not l.limits && closed;
  return line;
end
$$;
