-- Gangs: arrays whose elements start all at once, on as many workers as it takes.

-- The number of members of a gang that are still to be done; of one that may start with fewer, the least number.
create or replace function pra_store.gang_size(a pra_store.jobs) returns integer
language sql stable
as $$
  select case when a.gang_sizes is not null then a.gang_sizes[1] when count(*) = 0 then (a.array_end - a.array_first)::integer
    else count(*) filter (where m.state = 'blocked')::integer end
  from pra_store.jobs as m where m.array_id = a.id;
$$;

-- A worker for each member of a gang, those first whose hosts have to fetch the least, and of equal ones the caller.
-- The rows of the others are held from now on; those that somebody holds are left out. Null when there are not enough
-- places.
create or replace function pra_store.places_of_gang(
  g pra_store.jobs, needed integer, me pra_store.workers, free_here integer
) returns bigint[]
language plpgsql
as $$
declare
  other bigint;
  free integer;
  places bigint[] := '{}';
begin
  if (select coalesce(sum(s.free), 0) from pra_store.seats_for(g) as s) < needed then
    return null;
  end if;
  for other in
    select w.id
    from pra_store.seats_for(g) as s join pra_store.workers as w on w.id = s.worker_id
    where s.free > 0
    order by s.missing, w.id <> me.id, w.id
    for no key update of w skip locked
  loop
    exit when cardinality(places) >= needed;
    -- Anew, now that it is held.
    select w.slots - (
        select count(*) from pra_store.jobs as j where j.worker_id = w.id and j.state = 'running')
    into free
    from pra_store.workers as w
    where w.id = other and w.stopped_at is null and not w.draining and w.drain_requested_at is null
      and w.lack is null;
    if other = me.id then
      free := free_here;
    end if;
    if free > 0 then
      places := places || array_fill(other, array[free]);
    end if;
  end loop;
  return case when cardinality(places) >= needed then places[1 : needed] end;
end
$$;

-- The greatest number of members with which a gang may start on the places that are free now; at least its size.
create or replace function pra_store.gang_fit(a pra_store.jobs) returns integer
language plpgsql stable
as $$
begin
  if a.gang_sizes is null then
    return pra_store.gang_size(a);
  end if;
  return coalesce((
    select max(n) from unnest(a.gang_sizes) as n
    where n <= (select coalesce(sum(s.free), 0) from pra_store.seats_for(a) as s)
      and (a.limits = '{}' or n <= pra_store.free_slots(a.limits, n))), a.gang_sizes[1]);
end
$$;

-- Starts a gang, or changes nothing and returns null. Returns the members placed on the caller.
--
-- The whole gang is placed in one transaction: either every member has a place or nothing has changed. So no
-- gang is ever half started and none waits for another. Workers fetch their members with their next claim;
-- if one does not within half a minute, all are released.
create or replace function pra_store.place_gang(gang_job bigint, me pra_store.workers, free_here integer)
returns bigint[]
language plpgsql
as $$
declare
  a pra_store.jobs;
  needed integer;
  places bigint[];
  members bigint[];
  epochs bigint[];
  -- Number of those that have run before.
  known integer;
  next_first bigint;
begin
  select * into a from pra_store.jobs where id = gang_job for no key update;
  if a.state <> 'ready' or not a.due or a.deadline <= clock_timestamp() then
    return '{}';
  end if;
  needed := pra_store.gang_fit(a);
  places := pra_store.places_of_gang(a, needed, me, free_here);
  if places is null then
    return null;
  end if;

  select coalesce(array_agg(m.id order by m.id), '{}'), coalesce(array_agg(m.epoch + 1 order by m.id), '{}')
  into members, epochs
  from (
    select j.id, j.epoch from pra_store.jobs as j
    where j.array_id = gang_job and j.state = 'blocked' order by j.id limit needed
  ) as m;
  known := cardinality(members);
  next_first := pra_store.next_element(a);
  members := members || array(select nextval('pra_store.jobs_id_seq') from generate_series(known + 1, needed));
  epochs := epochs || array_fill(1::bigint, array[needed - known]);
  if a.limits <> '{}' and pra_store.take_slots(members, epochs, a.limits) < needed then
    perform pra_store.give_slots(members);
    return null;
  end if;
  for i in 1..needed loop
    if i > known then
      perform pra_store.cut(
        a, members[i], next_first + i - known - 1, next_first + i - known, 'running', places[i], 1);
    else
      update pra_store.jobs
      set state = 'running', epoch = epochs[i], token = gen_random_uuid(), worker_id = places[i],
          preempt_requested_at = null
      where id = members[i];
    end if;
    if places[i] <> me.id then
      insert into pra_store.attempts (job_id, epoch, worker_id)
      values (members[i], epochs[i], places[i]);
      insert into pra_store.gang_members (worker_id, job_id, epoch)
      values (places[i], members[i], epochs[i]);
      perform pra_store.record_event('job.claimed', a.run_id, members[i], epochs[i], places[i]);
    end if;
  end loop;
  perform pra_store.begin_start(gang_job, members);
  perform pra_store.record_event(
    'gang.started', a.run_id, gang_job, null, me.id, jsonb_build_object('members', to_jsonb(members)));
  perform pg_notify('pra_ready', '');
  return array(
    select m from unnest(members, places) as u (m, p) where p = me.id);
end
$$;

-- The barrier that a waiting gang is to those behind it.
--
-- One that lacks slots is a barrier to those alone that want the limits it names; one that lacks places, to all that
-- its workers run, and to what wants these limits elsewhere. From "starts" on it can start; 'infinity' where that
-- depends on a job without a time limit. Slots of a limit that would do stay free for it only where that moment is
-- known: they could stand idle without an end for those of another limit. A gang that is paused, or that the fleet
-- or a limit can never hold, is in nobody's way.
create or replace function pra_store.gang_barrier(gang_job bigint) returns pra_store.barrier
language plpgsql stable
as $$
declare
  g pra_store.jobs;
  needed integer;
  places integer;
  free integer;
  kept text[];
  lacking text[];
  starts timestamptz;
begin
  select * into g from pra_store.jobs where id = gang_job;
  needed := pra_store.gang_size(g);
  select coalesce(sum(s.slots), 0), coalesce(sum(s.free), 0) into places, free
  from pra_store.seats_for(g) as s;
  if places < needed or exists (
    select from pra_store.limits as l where l.name = any(g.limits) and l.slots < needed
  ) or exists (
    select from pra_store.runs as r where r.id = g.run_id and r.paused_at is not null
  ) or exists (
    select from pra_store.queues as q where q.name = g.queue and q.paused_at is not null
  ) then
    return row(false, '{}'::text[], 'infinity'::timestamptz, g.place);
  end if;
  -- It keeps as many slots of a limit as it needs, where there are more to spare.
  kept := array(
    select n from unnest(g.limits) as n where pra_store.free_slots(array[n], needed + 1) <= needed);
  if pra_store.free_slots(g.limits, needed) < needed then
    lacking := array(
      select n from unnest(g.limits) as n where pra_store.free_slots(array[n], needed) < needed);
    starts := (
      select max(pra_store.nth_end(
        array(select s.job_id from pra_store.limit_slots as s
              where s.limit_name = n and s.job_id is not null),
        needed - pra_store.free_slots(array[n], needed)))
      from unnest(lacking) as n);
    return row(false, case when starts < 'infinity' then kept else lacking end, starts, g.place);
  end if;
  return row(true, kept, case
    when free >= needed then clock_timestamp()
    else pra_store.nth_end(
      array(select j.id from pra_store.jobs as j
            where j.state = 'running'
              and j.worker_id in (select s.worker_id from pra_store.seats_for(g) as s)),
      needed - free) end,
    g.place);
end
$$;

-- Gangs outside some lanes that wait for slots, as one barrier at the place of the first of them: what stands behind
-- it in these lanes must not take the slots that it waits for, whatever worker serves them.
create or replace function pra_store.gangs_elsewhere(lanes integer[]) returns pra_store.barrier
language plpgsql stable
as $$
declare
  gang bigint;
  one pra_store.barrier;
  all_of_them pra_store.barrier := row(false, '{}'::text[], 'infinity'::timestamptz, null);
begin
  for gang in
    select g.id from pra_store.jobs as g
    where g.gang and g.state = 'ready' and g.due and g.limits <> '{}' and g.lane_id <> all(lanes)
      and (g.deadline is null or g.deadline > clock_timestamp())
    order by g.place, g.id limit 100
  loop
    one := pra_store.gang_barrier(gang);
    if one.limits <> '{}' then
      all_of_them := row(
        false, all_of_them.limits || one.limits, least(all_of_them.starts, one.starts),
        coalesce(all_of_them.place, one.place));
    end if;
  end loop;
  return all_of_them;
end
$$;

-- The moment by which so many of some running jobs will have ended, by their time limits.
create or replace function pra_store.nth_end(jobs bigint[], n integer) returns timestamptz
language plpgsql stable
as $$
begin
  return coalesce((
    select t.started_at + j.time_limit
    from pra_store.jobs as j
    join pra_store.attempts as t on t.job_id = j.id and t.epoch = j.epoch
    where j.id = any(jobs)
    order by t.started_at + j.time_limit nulls last
    offset n - 1 limit 1), 'infinity');
end
$$;

-- How long the others of a gang have after a member has left without success. Members that work together can go no
-- further without it: where it did not leave as asked they have time to say so, and none for a checkpoint.
create or replace function pra_store.time_to_follow(a pra_store.jobs, member pra_store.jobs) returns interval
language sql stable
as $$
  select case
    when exists (select from pra_store.attempts as t where t.job_id = a.id and t.epoch = a.epoch)
      and not exists (
        select from pra_store.attempts as t
        where t.job_id = member.id and t.epoch = member.epoch and t.outcome in ('preempted', 'released')
          and t.cause is distinct from 'peer-lost')
    then interval '5 seconds' else interval '60 seconds' end;
$$;

-- After a member of a gang has left without success, the others are stopped too; when all are out,
-- those that have not succeeded go back into line together.
create or replace function pra_store.settle_gang(a pra_store.jobs, member pra_store.jobs) returns void
language plpgsql
as $$
begin
  if member.state = 'blocked' then
    with asked as (
      update pra_store.jobs set preempt_requested_at = clock_timestamp()
      where array_id = a.id and state = 'running' and preempt_requested_at is null
      returning id, epoch
    )
    insert into pra_store.preemptions (job_id, epoch, reason, deadline)
    select id, epoch, 'another member of its gang has left',
      clock_timestamp() + pra_store.time_to_follow(a, member)
    from asked
    on conflict (job_id, epoch) do nothing;
  elsif member.state <> 'succeeded' then
    update pra_store.jobs set state = 'cancelled', finished_at = clock_timestamp(),
      message = 'another member of its gang ended badly'
    where array_id = a.id and state = 'blocked';
    with asked as (
      update pra_store.jobs set cancel_requested_at = clock_timestamp()
      where array_id = a.id and state = 'running' and cancel_requested_at is null
      returning id, epoch
    )
    insert into pra_store.cancellations (job_id, epoch, deadline)
    select id, epoch, clock_timestamp() + interval '30 seconds' from asked
    on conflict (job_id) do update set epoch = excluded.epoch, deadline = excluded.deadline;
  end if;
  if exists (select from pra_store.jobs where array_id = a.id and state = 'running') then
    perform pg_notify('pra_ask', '');
  elsif a.gang_sizes is not null and exists (
    select from pra_store.jobs where array_id = a.id and state = 'succeeded'
  ) then
    -- One success is that of all: the others are of earlier starts, or were ended after the work was done.
    update pra_store.jobs set state = 'cancelled', finished_at = clock_timestamp(), message = 'its gang has succeeded'
    where array_id = a.id and state <> 'succeeded' and state <> 'cancelled';
    perform pra_store.end_start(a.id);
    perform pra_store.settle_array(a.id);
  elsif exists (select from pra_store.jobs where array_id = a.id and state = 'blocked') then
    perform pra_store.end_start(a.id);
    update pra_store.jobs
    set state = 'ready', run_after = greatest(run_after, member.run_after),
        due = greatest(run_after, member.run_after) <= clock_timestamp()
    where id = a.id and state = 'running';
    perform pg_notify('pra_ready', '');
  else
    perform pra_store.end_start(a.id);
    perform pra_store.settle_array(a.id);
  end if;
end
$$;
