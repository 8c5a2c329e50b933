-- The claim.

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

-- What the claimer of some jobs is told of them.
create or replace function pra_store.claimed(taken bigint[])
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

-- As pra.claim with three parameters. A worker that comes back with less than it asked for may from now on get a job
-- by a notification, until its next claim:
--   channel  to which its session listens: pra_handed_ and 32 digits that it has drawn by chance. Every session of the
--            database may notify and listen, so whoever knew the name could give orders and read.
--   payload  three lines: job, epoch, run, kind and queue, with one space between; the arguments; the run's name
create or replace function pra.claim(worker bigint, count integer, oldest bigint, channel text)
returns table (
  job bigint, epoch bigint, run bigint, run_name text, kind text, queue text, arguments jsonb,
  priority integer, time_limit interval, array_job bigint, element_first bigint, element_end bigint
)
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  found_here integer;
begin
  if channel is null or channel !~ '^pra_handed_[0-9a-f]{32}$' then
    raise exception 'channel: "%" is not pra_handed_ and 32 digits of 0-9 and a-f', channel
      using errcode = 'PR003';
  end if;
  return query select * from pra.claim(claim.worker, claim.count, claim.oldest);
  get diagnostics found_here = row_count;
  if found_here >= claim.count then
    return;
  end if;
  -- Held until the session ends, which is how others see that it has.
  if current_setting('pra.waits', true) is distinct from worker::text
    and pg_try_advisory_lock_shared(1886549867, (worker & 2147483647)::integer) then
    perform set_config('pra.waits', worker::text, false);
  end if;
  insert into pra_store.waiting_workers (worker_id, queues, kinds, channel, above, busy)
  select w.id, w.queues, w.kinds, claim.channel, coalesce(pg_sequence_last_value('pra_store.jobs_id_seq'), 0),
    r.running::real / w.slots
  from pra_store.workers as w
  cross join lateral (
    select count(*) as running from pra_store.jobs as j
    where j.worker_id = worker and j.state = 'running' and j.id >= coalesce(claim.oldest, 0)
  ) as r
  where w.id = worker and not w.draining and w.drain_requested_at is null and r.running < w.slots
    -- It is there still while a job is handed over; to insert it would be to wait for that.
    and not exists (select from pra_store.waiting_workers as i where i.worker_id = worker);
end
$$;

grant execute on function pra.claim(bigint, integer, bigint, text) to pra_worker;

-- Up to "count" jobs for a worker, and no more than it has places.
--   oldest    the lowest number among the jobs that the caller knows to run on it: what ran and ended
--             before is not looked at again
-- Of a cut of an array: array_job and its elements [element_first, element_end).
--
-- A session that gets all it asks for, fifty times a second, is busy: until its next whole look, a second
-- later, it remembers in a setting of its own in which lanes it saw work and from which place on, and what ran
-- of each run. So is one that claims ten times a second and spends 20 ms of it on whole looks, and one that
-- spends a quarter of it; ten claims a second keep it busy. Should a whole look be slow, as over what a
-- snapshot holds, the next comes later, so that looking takes a twentieth of the time; at most a minute.
-- Nothing depends on that memory, since whoever gets less than asked for looks at the whole; but a job of
-- higher priority, or one that comes back into line, may wait until then.
create or replace function pra.claim(worker bigint, count integer default 1, oldest bigint default 0)
returns table (
  job bigint, epoch bigint, run bigint, run_name text, kind text, queue text, arguments jsonb,
  priority integer, time_limit interval, array_job bigint, element_first bigint, element_end bigint
)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_mergejoin = off
set enable_hashjoin = off
set jit = off
set enable_bitmapscan = off
set enable_material = off
as $$
#variable_conflict use_column
declare
  me pra_store.workers;
  facts record;
  free integer;
  -- To this worker, by a transaction that has not ended.
  handed integer := 0;
  assigned bigint[];
  taken bigint[] := '{}';
  got bigint[];
  started timestamptz := clock_timestamp();
  looked timestamptz;
  look double precision;
  -- Worker, begin of the period, its seconds, full claims in it, seconds of whole looks, busy or not, then
  -- what is remembered.
  memory text[] := string_to_array(nullif(current_setting('pra.line', true), ''), ' ');
  since double precision := extract(epoch from started);
  lasting double precision := 1;
  full_claims integer := 0;
  looking double precision := 0;
  busy boolean := false;
  remembers boolean := false;
  lanes integer[];
  places double precision[];
  -- Whose turn it is, an array for each place; known while there are arrays alone and none has a limit.
  turns bigint[];
  -- Whether this claim begins a period, with a look at the whole line.
  begins boolean;
  horizon integer;
  -- What is to be counted as running from now on. Null where a claim goes by turns that were counted before.
  counted bigint[];
  -- Arrays are held already: whoever holds some waits for no other.
  holds boolean := false;
  held bigint[];
  has_limits boolean;
  runs bigint[] := '{}';
  used bigint[] := '{}';
  first_place double precision;
  has_arrays boolean := true;
  found_here integer;
  heads record;
  last integer;
  plain bigint[];
  arrays bigint[] := '{}';
  wanted integer[] := '{}';
  seats integer;
  reserved integer := 0;
  late bigint[];
  late_arrays bigint[];
  -- Whether a gang waits at the head, and from when it can start.
  blocks boolean := false;
  starts timestamptz;
begin
  select * into me from pra_store.workers as w where w.id = worker for no key update;
  if me.id is null or me.stopped_at is not null
    or greatest(me.lease_expires_at, pg_postmaster_start_time() + me.lease) <= started then
    raise exception 'lease lost: worker % may do no more', worker using errcode = 'PR001';
  end if;
  -- Exact, since whoever claims for this worker holds its row; and a statement of its own, which sees
  -- what was done by those who held it before.
  select
    (select count(*) from pra_store.jobs as j
     where j.worker_id = worker and j.state = 'running' and j.id >= coalesce(oldest, 0)) as running,
    exists (select from pra_store.gang_members as g where g.worker_id = worker) as has_members,
    exists (select from pra_store.waiting_workers as i where i.worker_id = worker) as is_waiting,
    exists (
      select from pra_store.blamed_hosts as b
      where b.host = coalesce(me.labels ->> 'host', me.name) and b.until > started) as is_blamed,
    exists (
      select from pra_store.jobs as j
      where j.state = 'ready' and not j.due and j.run_after <= started) as has_due
  into facts;
  if facts.is_waiting and pra_store.is_handed_a_job(worker) then
    handed := 1;
  end if;
  free := least(claim.count, me.slots - facts.running - handed);

  -- Members of gangs that others have placed here.
  if facts.has_members then
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
    select least(claim.count, me.slots - count(*) - handed) into free
    from pra_store.jobs as j
    where j.worker_id = worker and j.state = 'running'
      and j.id >= least(oldest, (select min(a) from unnest(assigned) as a));
  end if;

  if free <= 0 or me.draining or me.drain_requested_at is not null or facts.is_blamed then
    return;
  end if;
  if facts.has_due then
    perform pra_store.make_due();
  end if;

  if memory[1]::bigint = me.id then
    full_claims := memory[4]::integer;
    if since - memory[2]::double precision between 0 and memory[3]::double precision then
      since := memory[2]::double precision;
      lasting := memory[3]::double precision;
      looking := memory[5]::double precision;
      busy := memory[6]::boolean;
      remembers := memory[7] is not null;
    else
      busy := full_claims
        >= case when memory[6]::boolean then 10 else 50 end * memory[3]::double precision;
      full_claims := 0;
    end if;
  end if;
  if remembers then
    lanes := memory[7]::integer[];
    places := memory[8]::double precision[];
    runs := memory[9]::bigint[];
    used := memory[10]::bigint[];
    turns := memory[11]::bigint[];
    -- All of them must be open still.
    select count(*) = cardinality(lanes), bool_or(l.limits <> '{}') into remembers, has_limits
    from unnest(lanes) as known (lane)
    join pra_store.lanes as l on l.id = known.lane
    join pra_store.runs as r on r.id = l.run_id
    join pra_store.queues as q on q.name = l.queue
    where r.paused_at is null and q.paused_at is null
      and (l.limits = '{}' or cardinality(lanes) = 1 or not exists (
        select from unnest(l.limits) as n
        where not pra_store.has_free_slot(n)));
  end if;

  begins := not remembers;
  loop
    if not remembers then
      turns := null;
      looked := clock_timestamp();
      -- The lanes that the worker may serve now.
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
      select array_agg(l.id), array_agg('-infinity'::double precision), bool_or(l.limits <> '{}')
      into lanes, places, has_limits
      from present
      join pra_store.lanes as l on l.id = present.lane_id
      join pra_store.runs as r on r.id = l.run_id
      join pra_store.queues as q on q.name = l.queue
      where l.queue = any(me.queues) and l.kind = any(me.kinds)
        and r.paused_at is null and q.paused_at is null
        and (l.requirements = '[]' or pra_store.satisfies(me.labels, l.requirements))
        and (l.limits = '{}' or not exists (
          select from unnest(l.limits) as n
          where not pra_store.has_free_slot(n)));
      exit when lanes is null;
      runs := '{}';
      used := '{}';
      if cardinality(lanes) > 1 then
        select coalesce(array_agg(u.run_id), '{}'), coalesce(array_agg(u.running), '{}')
        into runs, used
        from (
          select j.run_id, count(*) as running from pra_store.jobs as j
          where j.state = 'running' and j.worker_id is not null
          group by j.run_id
        ) as u;
      end if;
    end if;

    if cardinality(lanes) = 1 then
      select
        (select j.place from pra_store.jobs as j
         where j.lane_id = lanes[1] and j.state = 'ready' and j.due and j.place >= places[1]
         order by j.place, j.id limit 1),
        exists (
          select from pra_store.jobs as j
          where j.lane_id = lanes[1] and j.state = 'ready' and j.due and j.array_first is not null
            and j.place >= places[1])
      into first_place, has_arrays;
      places[1] := coalesce(first_place, places[1]);
    elsif cardinality(turns) >= free then
      has_arrays := true;
    else
      has_arrays := true;
      counted := '{}';
      horizon := case when turns is null then free else greatest(free, 64) end;
      -- In the order in which they are to start: by effective priority (a whole point for each ten
      -- minutes of waiting), then the user and the run with the least running for their weight, then
      -- place. An array stands there as often as it may have attempts, and its seats are how many of the
      -- free places are its own.
      with used as materialized (
          select u.run_id, r.created_by as owner, u.running
          from unnest(runs, used) as u (run_id, running)
          join pra_store.runs as r on r.id = u.run_id
        ),
        heads as (
          select j.*, r.created_by as owner, r.weight,
            floor((extract(epoch from started) - j.place) / 600) as urgency,
            case when not j.is_array or j.gang or j.nth > 1 then 1
              -- As many as all lanes together can use four times over: more would only be sorted.
              else least(horizon, greatest(1, 4 * horizon / cardinality(lanes))) end as most
          from unnest(lanes, places) as l (lane, place)
          cross join lateral (
            select j.id, j.lane_id, j.place, j.run_id, j.array_first is not null as is_array, j.gang,
              j.time_limit, row_number() over (order by j.place, j.id) as nth
            from pra_store.jobs as j
            where j.lane_id = l.lane and j.state = 'ready' and j.due and j.place >= l.place
            order by j.place, j.id
            limit free + 16
          ) as j
          join pra_store.runs as r on r.id = j.run_id
        ),
        seated as (
          select h.*, seat,
            -- What its run would hold of its weight if it started, those before it in the run as well.
            (coalesce(used.running, 0) + row_number() over (
              partition by h.run_id order by h.place, h.id, seat)) / h.weight as run_part
          from heads as h
          cross join lateral generate_series(1, h.most) as seat
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
        ranked as materialized (
          select p.*, row_number() over (
            order by p.urgency desc, p.user_part, p.place, p.id, p.seat) as rank
          from parts as p
        )
      select array_agg(h.id) as ids, array_agg(h.is_array) as arrays, array_agg(h.gang) as gangs,
        array_agg(h.time_limit) as endings, array_agg(h.run_id) as runs, array_agg(h.seats) as seats,
        array_agg(h.lane_id) as lanes, array_agg(h.place) as places,
        array_agg(h.id) filter (where h.gang or h.is_array and h.seats > 0) as shared,
        bool_or(h.gang) as has_gangs,
        case when turns is not null then array(
          select r.id from ranked as r where r.rank <= horizon order by r.rank) end as turns
      into heads
      from (
        select r.id, r.lane_id, r.place, r.is_array, r.gang, r.run_id, r.time_limit,
          (count(*) filter (where r.rank <= free))::integer as seats
        from ranked as r
        group by r.id, r.lane_id, r.place, r.is_array, r.gang, r.run_id, r.time_limit
        order by min(r.rank)
        limit free + 16
      ) as h;
      if turns is not null then
        if not has_limits and not heads.has_gangs and true = all(heads.arrays)
          and cardinality(turns || heads.turns) >= free
        then
          turns := turns || heads.turns;
          counted := heads.turns;
        else
          turns := null;
        end if;
      end if;
      -- Others may share them in another order: all are held by number, which the split does for arrays
      -- alone.
      if not holds and heads.has_gangs and cardinality(heads.shared) > 1 then
        perform from pra_store.jobs as j where j.id = any(heads.shared) order by j.id
        for no key update;
      end if;
    end if;
    if not remembers then
      look := extract(epoch from clock_timestamp() - looked);
      looking := looking + look;
      lasting := least(60, greatest(1, 20 * look));
    end if;

    if not has_arrays and not has_limits then
      -- One lane of single jobs is taken as it comes, by the rows that are held.
      return query
        with mine as materialized (
          select j.ctid as row
          from pra_store.jobs as j
          where j.lane_id = lanes[1] and j.state = 'ready' and j.due and j.place >= places[1]
            and (j.deadline is null or j.deadline > started)
            -- One may have come since the question was asked.
            and j.array_first is null
          order by j.place, j.id
          limit free
          for no key update of j skip locked
        ),
        claimed as (
          update pra_store.jobs as j
          set state = 'running', epoch = j.epoch + 1, worker_id = worker,
              started_at = coalesce(j.started_at, clock_timestamp()), preempt_requested_at = null
          from mine
          where j.ctid = mine.row
          returning j.id, j.place, j.epoch, j.run_id, j.kind, j.queue, j.arguments, j.priority,
            j.time_limit, j.array_id, j.element_first, j.element_end
        ),
        begun as (
          insert into pra_store.attempts (job_id, epoch, worker_id)
          select c.id, c.epoch, worker from claimed as c
        )
        select c.id, c.epoch, c.run_id, r.name, c.kind, c.queue,
          case when c.array_id is null then c.arguments
            else pra_store.element_arguments(a, c.element_first, c.element_end) end,
          c.priority, c.time_limit, c.array_id, c.element_first, c.element_end
        from claimed as c
        join pra_store.runs as r on r.id = c.run_id
        left join pra_store.jobs as a on a.id = c.array_id
        order by c.place, c.id;
      get diagnostics found_here = row_count;
      free := free - found_here;
    elsif cardinality(turns) >= free then
      select array_agg(t.id), array_agg(t.places) into arrays, wanted
      from (
        select id, count(*)::integer as places from unnest(turns[1 : free]) as u (id) group by id
      ) as t;
      turns := turns[free + 1 :];
      got := pra_store.split(arrays, wanted, worker);
      taken := taken || got;
      free := free - cardinality(got);
      arrays := '{}';
      wanted := '{}';
    else
      if cardinality(lanes) = 1 then
        select array_agg(h.id) as ids, array_agg(h.is_array) as arrays, array_agg(h.gang) as gangs,
          array_agg(h.time_limit) as endings, array_agg(h.run_id) as runs,
          array_fill(free, array[count(*)::integer]) as seats
        into heads
        from (
          select j.id, j.array_first is not null as is_array, j.gang, j.time_limit, j.run_id
          from pra_store.jobs as j
          where j.lane_id = lanes[1] and j.state = 'ready' and j.due and j.place >= places[1]
          order by j.place, j.id
          limit free + 16
        ) as h;
      end if;

      if holds then
        held := array(
          select j.id from pra_store.jobs as j
          where j.id = any(heads.ids) and j.array_first is not null
          for no key update skip locked);
      end if;
      plain := '{}';
      late := '{}';
      late_arrays := '{}';
      last := coalesce(cardinality(heads.ids), 0);
      for i in 1..last + 1 loop
        exit when free <= 0;
        continue when holds and i <= last and (heads.arrays[i] or heads.gangs[i])
          and heads.ids[i] <> all(held);
        continue when blocks and i <= last and (
          heads.endings[i] is null or starts is null
          or clock_timestamp() + heads.endings[i] > starts);
        if i > last or heads.gangs[i] then
          -- What stands before it goes first.
          if plain <> '{}' and free > reserved then
            got := pra_store.take(plain, worker, free - reserved);
            taken := taken || got;
            free := free - cardinality(got);
          end if;
          if arrays <> '{}' then
            got := pra_store.split(arrays, wanted, worker);
            taken := taken || got;
            free := free - cardinality(got);
          end if;
          plain := '{}';
          arrays := '{}';
          wanted := '{}';
          reserved := 0;
          exit when i > last or free <= 0;
          got := pra_store.place_gang(heads.ids[i], me, free);
          if got is null and not blocks then
            select b.blocks, b.starts into blocks, starts
            from pra_store.gang_barrier(heads.ids[i]) as b;
          end if;
          taken := taken || coalesce(got, '{}');
          free := free - coalesce(cardinality(got), 0);
        elsif heads.arrays[i] then
          -- One lane alone is served in its order; several share by seats.
          seats := case when cardinality(lanes) = 1 then free - reserved - cardinality(plain)
            else least(heads.seats[i], free - reserved) end;
          if seats > 0 then
            arrays := arrays || heads.ids[i];
            wanted := wanted || seats;
            reserved := reserved + seats;
          end if;
          late_arrays := late_arrays || heads.ids[i];
        else
          plain := plain || heads.ids[i];
          late := late || heads.ids[i];
        end if;
      end loop;
      -- What some leave of their places goes to the others.
      if free > 0 and late_arrays <> '{}' then
        if late <> '{}' then
          got := pra_store.take(late, worker, free);
          taken := taken || got;
          free := free - cardinality(got);
        end if;
        if cardinality(lanes) > 1 then
          -- Whoever holds arrays waits for no other.
          late_arrays := array(
            select j.id
            from unnest(late_arrays) with ordinality as l (id, n)
            join pra_store.jobs as j on j.id = l.id
            order by l.n
            for no key update of j skip locked);
        end if;
        for i in 1..cardinality(late_arrays) loop
          exit when free <= 0;
          got := pra_store.split(late_arrays[i : i], array[free], worker);
          taken := taken || got;
          free := free - cardinality(got);
        end loop;
      end if;
    end if;
    exit when free <= 0 or not remembers;
    remembers := false;
    if cardinality(lanes) = 1 or counted is null then
      holds := has_arrays;
    else
      holds := true = any(heads.arrays || heads.gangs);
    end if;
  end loop;
  if taken <> '{}' then
    return query
      with mine as materialized (
        select j.id, j.epoch, j.run_id, j.kind, j.queue, j.arguments, j.priority, j.time_limit,
          j.place, j.array_id, j.element_first, j.element_end
        from pra_store.jobs as j where j.id = any(taken)
      ),
      begun as (
        insert into pra_store.attempts (job_id, epoch, worker_id)
        select m.id, m.epoch, worker from mine as m
      )
      select m.id, m.epoch, m.run_id, r.name, m.kind, m.queue,
        case when m.array_id is null then m.arguments
          else pra_store.element_arguments(a, m.element_first, m.element_end) end,
        m.priority, m.time_limit, m.array_id, m.element_first, m.element_end
      from mine as m
      join pra_store.runs as r on r.id = m.run_id
      left join pra_store.jobs as a on a.id = m.array_id
      order by m.place, m.id;
  end if;

  if free > 0 then
    if memory is not null then
      perform set_config('pra.line', '', false);
    end if;
    return;
  end if;
  full_claims := full_claims + 1;
  busy := busy or full_claims >= 50 or full_claims >= 10 and looking > 0.02 or looking > 0.25;
  if busy and cardinality(lanes) > 1 and counted is not null then
    if counted = '{}' then
      counted := taken;
      -- After turns that fell short none are planned until the next period: small arrays end all the time.
      turns := case when begins and not has_limits and not heads.has_gangs and true = all(heads.arrays) then '{}' end;
    end if;
    select
      array(
        select coalesce(min(h.place), l.place)
        from unnest(lanes, places) with ordinality as l (lane, place, n)
        left join unnest(heads.lanes, heads.places) as h (lane, place) on h.lane = l.lane
        group by l.n, l.place
        order by l.n),
      array_agg(u.run), array_agg(u.running)
    into places, runs, used
    from (
      select started.run, sum(started.running)::bigint as running
      from (
        select * from unnest(runs, used) as known (run, running)
        union all
        select j.run_id, 1 from unnest(counted) as c (id) join pra_store.jobs as j on j.id = c.id
      ) as started
      group by started.run
    ) as u;
  end if;
  perform set_config('pra.line', concat_ws(' ', me.id, since, lasting, full_claims, looking, busy,
    case when busy then lanes end, case when busy then places end, case when busy then runs end,
    case when busy then used end, case when busy then turns end), false);
end
$$;

grant execute on function pra.claim(bigint, integer, bigint) to pra_worker;
