-- The claim and the finish of many jobs, with fewer statements.
--
-- On a machine that was idle a moment ago each statement and each function that is called costs ten times
-- what it costs under load, as nothing of it is in a cache: so what a job waits for between its enqueuing
-- and its start is a count of statements. And under load a job that is locked by one statement and
-- written by the next is written twice.

set local role pra_owner;

drop function pra_store.candidates(pra_store.workers, integer);
drop function pra_store.open_lanes(pra_store.workers);

-- Takes what it can of some jobs, in order, and begins their attempts; returns their numbers.
create or replace function pra_store.take(candidates bigint[], worker bigint, wanted integer)
returns bigint[]
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

-- Up to "count" jobs for a worker, and no more than it has places.
--   oldest    the lowest number among the jobs that the caller knows to run on it: what ran and ended
--             before is not looked at again
-- Of a cut of an array: array_job and its elements [element_first, element_end).
--
-- While a snapshot is held open nothing can be cleaned, and each look at the head of the line walks
-- over all that stood there since. When that has become slow the session remembers for a second where
-- it got to, in a setting of its own (moment, worker, place, lanes), and looks from there. Nothing depends
-- on that memory: it finds fewer than asked for, or grows old, and the whole line is looked at.
create or replace function pra.claim(worker bigint, count integer default 1, oldest bigint default 0)
returns table (
  job bigint, epoch bigint, run bigint, run_name text, kind text, queue text, arguments jsonb,
  priority integer, time_limit interval, array_job bigint, element_first bigint, element_end bigint
)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set jit = off
as $$
#variable_conflict use_column
declare
  me pra_store.workers;
  facts record;
  free integer;
  assigned bigint[];
  taken bigint[] := '{}';
  got bigint[];
  started timestamptz := clock_timestamp();
  memory text[];
  lanes integer[];
  from_place double precision := '-infinity';
  got_to double precision;
  found_here integer;
  depth integer;
  heads record;
  plain bigint[] := '{}';
  part integer;
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
    exists (
      select from pra_store.blamed_hosts as b
      where b.host = coalesce(me.labels ->> 'host', me.name) and b.until > started) as is_blamed,
    exists (
      select from pra_store.jobs as j
      where j.state = 'ready' and not j.due and j.run_after <= started) as has_due
  into facts;
  free := least(claim.count, me.slots - facts.running);

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
    select least(claim.count, me.slots - count(*)) into free
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

  memory := string_to_array(nullif(current_setting('pra.line', true), ''), ' ');
  if memory[2]::bigint = me.id
    and extract(epoch from started) - memory[1]::double precision between 0 and 1 then
    lanes := memory[4]::integer[];
    from_place := memory[3]::double precision;
  end if;
  loop
    if lanes is null then
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
      select array_agg(l.id) into lanes
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
            select from pra_store.limit_slots as s where s.limit_name = n and s.job_id is null)));
      if lanes is null then
        return;
      end if;
    end if;
    depth := free + 16;
    if cardinality(lanes) = 1 then
      -- One lane of single jobs is taken as it comes.
      if not exists (
        select from pra_store.jobs as j
        where j.lane_id = lanes[1] and j.state = 'ready' and j.due and j.array_first is not null
          and j.place >= from_place
      ) then
        return query
          with mine as materialized (
            select j.id, j.epoch, j.limits
            from pra_store.jobs as j
            where j.lane_id = lanes[1] and j.state = 'ready' and j.due and j.place >= from_place
              and (j.deadline is null or j.deadline > started)
            order by j.place, j.id
            limit free
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
        if found_here > 0 and (from_place > '-infinity' or clock_timestamp() - started
            > interval '2 milliseconds' + interval '60 microseconds' * found_here) then
          select min(j.place) into got_to
          from pra_store.jobs as j
          where j.worker_id = worker and j.state = 'running' and j.id >= coalesce(oldest, 0)
            and j.lane_id = lanes[1];
          perform set_config('pra.line', format('%s %s %s %s',
            case when from_place > '-infinity' then memory[1]
              else extract(epoch from started)::text end,
            me.id, got_to, lanes), false);
        end if;
        free := free - found_here;
        if from_place = '-infinity' or free <= 0 then
          return;
        end if;
        lanes := null;
        from_place := '-infinity';
        continue;
      end if;
      select array_agg(h.id) as ids, array_agg(h.is_array) as arrays, array_agg(h.gang) as gangs,
        array_agg(h.time_limit) as endings, 1::bigint as runs, count(*) filter (where h.is_array) as array_count,
        min(h.place) as got_to
      into heads
      from (
        select j.id, j.array_first is not null as is_array, j.gang, j.time_limit, j.place
        from pra_store.jobs as j
        where j.lane_id = lanes[1] and j.state = 'ready' and j.due and j.place >= from_place
        order by j.place, j.id
        limit depth
      ) as h;
    else
      select array_agg(h.id order by n) as ids, array_agg(h.is_array order by n) as arrays,
        array_agg(h.is_gang order by n) as gangs, array_agg(h.ending order by n) as endings,
        count(distinct h.run_id) filter (where h.is_array) as runs,
        count(*) filter (where h.is_array) as array_count,
        (select min(j.place) from pra_store.jobs as j where j.id = any(array_agg(h.id))) as got_to
      into heads
      from pra_store.heads(lanes, from_place, depth)
        with ordinality as h (id, is_array, is_gang, run_id, ending, n);
    end if;
    got_to := heads.got_to;
    exit when from_place = '-infinity' or cardinality(heads.ids) >= depth;
    lanes := null;
    from_place := '-infinity';
  end loop;
  if got_to is not null
    and (from_place > '-infinity' or clock_timestamp() - started > interval '2 milliseconds') then
    perform set_config('pra.line', format('%s %s %s %s',
      case when from_place > '-infinity' then memory[1] else extract(epoch from started)::text end,
      me.id, got_to, lanes), false);
  end if;

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
  return query select * from pra_store.claimed(taken);
end
$$;

-- Commits attempts that have nothing to store but that they are done, in one statement; best for many
-- short ones. Returns the jobs that were accepted: an attempt that is no longer the job's is left out,
-- and nothing of it is stored. PR001 when the lease of the worker is over.
--   failures  [{"job", "element", "message"}]: elements of a cut that did not succeed; each is retried by
--             itself as far as its budget of faults goes
create or replace function pra.finish_many(
  worker bigint, jobs bigint[], epochs bigint[], failures jsonb default '[]'
) returns setof bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set jit = off
as $$
#variable_conflict use_column
declare
  accepted bigint[];
  parents bigint[];
  failure record;
  made bigint;
  wait interval;
begin
  if coalesce(cardinality(jobs), 0) <> coalesce(cardinality(epochs), 0) then
    raise exception 'epochs: % epochs for % jobs', cardinality(epochs), cardinality(jobs)
      using errcode = 'PR003';
  end if;
  if not exists (
    select from pra_store.workers as w
    where w.id = worker and w.stopped_at is null
      and greatest(w.lease_expires_at, pg_postmaster_start_time() + w.lease) > clock_timestamp()
  ) then
    raise exception 'lease lost: worker % may do no more', worker using errcode = 'PR001';
  end if;

  if failures <> '[]' then
    with held as (
      select j.id
      from unnest(jobs, epochs) as m (job, epoch)
      join pra_store.jobs as j on j.id = m.job
      where j.epoch = m.epoch and j.state = 'running' and j.worker_id = worker
        and j.cancel_requested_at is null
      order by j.id
      for no key update of j
    )
    select coalesce(array_agg(id), '{}') into accepted from held;
    for failure in
      select p.*, f ->> 'message' as said, (f ->> 'element')::bigint as element
      from jsonb_array_elements(failures) as f
      join pra_store.jobs as p on p.id = (f ->> 'job')::bigint
      where p.id = any(accepted)
    loop
      if failure.element is null or failure.array_id is null
        or failure.element not between failure.element_first and failure.element_end - 1 then
        raise exception 'failures: job % has no element %', failure.id, failure.element
          using errcode = 'PR003';
      end if;
      made := nextval('pra_store.jobs_id_seq');
      wait := pra_store.backoff(1);
      perform pra_store.cut(
        a, made, failure.element, failure.element + 1, 'ready', null, failure.epoch, wait)
      from pra_store.jobs as a where a.id = failure.array_id;
      update pra_store.jobs
      set faults = failure.faults + 1, message = left(failure.said, 4000),
          state = case when failure.faults + 1 > fault_retries then 'failed' else state end,
          finished_at = case when failure.faults + 1 > fault_retries then clock_timestamp() end
      where id = made;
      perform pra_store.record_event(
        'element.fault', failure.run_id, made, failure.epoch, worker,
        jsonb_build_object('element', failure.element, 'message', left(failure.said, 4000)));
    end loop;
  end if;

  -- In the order of ids, as everybody locks.
  with mine as materialized (
    select m.job, m.epoch from unnest(jobs, epochs) as m (job, epoch) order by m.job
  ),
  done as (
    update pra_store.jobs as j
    set state = 'succeeded', worker_id = null, finished_at = clock_timestamp(), message = null,
        result = '{}', preempt_requested_at = null
    from mine as m
    -- What has a worker is running. To ask for the state as well would suggest the index of what runs,
    -- all of which would be read once for each of them.
    where j.id = m.job and j.epoch = m.epoch and j.worker_id + 0 = worker
      and j.cancel_requested_at is null
    returning j.id, j.epoch
  ),
  ended as (
    update pra_store.attempts as t
    set ended_at = clock_timestamp(), outcome = 'succeeded', exit_code = 0, cause = 'exit-code',
        batched = true
    from done as d
    where t.job_id = d.id and t.epoch = d.epoch
  )
  select coalesce(array_agg(d.id order by d.id), '{}') into accepted from done as d;
  if accepted = '{}' then
    return;
  end if;
  insert into pra_store.events (kind, worker_id, detail)
  values ('batch.succeeded', worker, jsonb_build_object('jobs', cardinality(accepted)));
  parents := array(
    select distinct parent_id from pra_store.job_dependencies where parent_id = any(accepted)
    order by parent_id);
  if parents <> '{}' then
    perform pra_store.release_dependents(parent) from unnest(parents) as parent;
  end if;
  return query select unnest(accepted);
end
$$;

-- What a limit will be is not known when a plan is made for all calls, so that over a long line it looks dear
-- enough to be compiled, at every call: for 60 ms, where it runs for one.
alter function pra.heartbeat(bigint, bigint[], bigint[], boolean) set jit = off;
alter function pra.reap() set jit = off;
