-- Reasons for which a job does not run.

create or replace function pra.why_pending(job bigint) returns table (reason text, detail text)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
  return query
    select
      (select string_agg(f.reason, ', ' order by f.n)
       from (select one.reason, min(one.n) as n from unnest(array_agg(w.reason))
               with ordinality as one (reason, n) group by one.reason) as f),
      string_agg(w.detail, '; ' order by w.n)
    from pra_store.reasons(why_pending.job) with ordinality as w (reason, detail, n);
end
$$;

grant execute on function pra.why_pending to pra_submit, pra_worker, pra_read;

comment on function pra.why_pending is
'Explains why a job does not run; always returns one row.
reason has words for programs, each once, separated by commas: dependency, lost (its worker was), delayed,
run-paused, queue-paused, limit, gang, no-worker, no-matching-worker, host-blamed, busy, in-line,
behind-gang, host-lacks (every worker that fits is paused), no-time (every worker that fits leaves before), no-room (its bytes do not fit there), bytes-elsewhere
(another host has them and a free place), elements (an array all of which has started),
not-pending (it runs or has ended).
detail is a sentence for people that names every obstacle.
Raises PR002 when there is no such job.';

create or replace function pra.why(job bigint) returns text
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$ select w.detail from pra.why_pending(why.job) as w; $$;

grant execute on function pra.why to pra_submit, pra_worker, pra_read;

comment on function pra.why is
'Explains in one sentence why a job does not run: the detail of pra.why_pending.
Raises PR002 when there is no such job.';

-- All reasons for which a job does not run, a row each. The words are the public ones of
-- pra.why_pending. brief: without the figures of one job among those that are alike, which cost a look at all others.
create or replace function pra_store.reasons(job bigint, brief boolean default false)
returns table (reason text, detail text)
language plpgsql stable
as $$
#variable_conflict use_column
declare
  it pra_store.jobs;
begin
  select * into it from pra_store.jobs as j where j.id = job;
  if not found then
    raise exception 'there is no job %', job using errcode = 'PR002';
  end if;
  if it.array_first is not null and it.state = 'running' then
    return query select 'elements', pra_store.array_progress(job);
    return;
  end if;
  if it.state = 'running' and pra_store.is_lost(it.worker_id) then
    return query select 'lost', pra_store.loss(it) || case
      when exists (
        select from pra_store.workers as w
        where w.stopped_at is null
          and pra_store.lease_end(w.lease_expires_at, w.lease) > clock_timestamp())
      then '; the next beat of a live worker puts it back in line'
      else '; no worker is alive to put it back in line' end;
    return;
  end if;
  if it.state not in ('blocked', 'ready') then
    return query
      select 'not-pending', format('job %s is %s', job, it.state) || coalesce(': ' || it.message, '');
    return;
  end if;
  if exists (
    select from pra_store.attempts as a
    where a.job_id = job and a.epoch = it.epoch and a.outcome = 'lost'
  ) then
    return query select 'lost', pra_store.loss(it);
  end if;
  return query select 'dependency', d from pra_store.unmet_dependencies(job) as d;
  return query
    select 'run-paused', format('run %s "%s" is paused since %s', r.id, r.name, date_trunc('second', r.paused_at))
    from pra_store.runs as r where r.id = it.run_id and r.paused_at is not null;
  return query
    select 'queue-paused', format('queue "%s" is paused since %s', q.name, date_trunc('second', q.paused_at))
    from pra_store.queues as q where q.name = it.queue and q.paused_at is not null;
  if it.state = 'blocked' then
    if it.array_id is not null then
      return query select 'gang', format('waits for the other members of gang %s', it.array_id);
    end if;
    return;
  end if;
  if it.run_after > clock_timestamp() then
    return query
      select 'delayed', format('not before %s', it.run_after) || coalesce(', after: ' || it.message, '');
  end if;
  return query select 'limit', l from pra_store.full_limits(it.limits) as l;
  if it.gang then
    return query select 'limit', l from pra_store.small_limits(it) as l;
  end if;
  return query select w.reason, w.detail from pra_store.reasons_among_workers(it, brief) as w;
end
$$;

-- The loss of the worker of a job's latest attempt, as a clause.
create or replace function pra_store.loss(it pra_store.jobs) returns text
language sql stable
as $$
  select format('its worker %s (%s) was lost at %s', w.id, w.name,
    date_trunc('second', least(w.stopped_at, pra_store.lease_end(w.lease_expires_at, w.lease))))
  from pra_store.attempts as a join pra_store.workers as w on w.id = a.worker_id
  where a.job_id = it.id and a.epoch = it.epoch;
$$;

-- States of the elements of an array all of which has started.
create or replace function pra_store.array_progress(array_job bigint) returns text
language sql stable
as $$
  select format(
    'all of array %s has started: %s elements run, %s wait, %s have succeeded', array_job,
    coalesce(sum(c.element_end - c.element_first) filter (where c.state = 'running'), 0),
    coalesce(sum(c.element_end - c.element_first)
      filter (where c.state in ('ready', 'blocked')), 0),
    coalesce(sum(c.element_end - c.element_first) filter (where c.state = 'succeeded'), 0))
  from pra_store.jobs as c where c.array_id = array_job;
$$;

-- Parents of a job that have not succeeded, a sentence each.
create or replace function pra_store.unmet_dependencies(job bigint) returns setof text
language sql stable
as $$
  select format('waits for job %s (%s), which is %s', p.id, p.kind, p.state)
    || case
      when p.state in ('failed', 'cancelled', 'quarantined')
        then format(': `pra retry %s` runs it again', p.id)
      else ''
    end
  from pra_store.job_dependencies as d join pra_store.jobs as p on p.id = d.parent_id
  where d.job_id = unmet_dependencies.job and p.state <> 'succeeded'
  order by p.id;
$$;

-- Limits that have no free slot, a sentence each: first those whose slots are held, then those of 0.
create or replace function pra_store.full_limits(limits text[]) returns setof text
language plpgsql stable
as $$
begin
  return query
    select format('limit "%s" is full: %s of %s held by job%s %s', l.name,
      count(*), l.slots, case when count(*) = 1 then '' else 's' end,
      array_to_string((array_agg(s.job_id order by s.taken_at))[1:10], ', ')
        || case when count(*) > 10 then ' ...' else '' end)
    from pra_store.limits as l
    join pra_store.limit_slots as s on s.limit_name = l.name and s.job_id is not null
    where l.name = any(full_limits.limits)
      and not exists (
        select from pra_store.limit_slots as f where f.limit_name = l.name and f.job_id is null)
    group by l.name, l.slots
    order by l.name;
  return query
    select format('limit "%s" is 0: nothing may run', l.name)
    from pra_store.limits as l
    where l.name = any(full_limits.limits) and l.slots = 0
      and not exists (select from pra_store.limit_slots as s where s.limit_name = l.name)
    order by l.name;
end
$$;

-- Limits that have some free slots, but not one for each member of a gang, a sentence each.
create or replace function pra_store.small_limits(g pra_store.jobs) returns setof text
language plpgsql stable
as $$
declare
  needed integer := pra_store.gang_size(g);
begin
  return query
    select case
      when l.slots < needed then format(
        'limit "%s" has %s slots, and its %s members need one each: `pra limits --set %s=%s` lets it start',
        l.name, l.slots, needed, l.name, needed)
      else format('limit "%s" has %s of %s slots free, and its %s members need one each', l.name,
        f.free, l.slots, needed)
      end
    from pra_store.limits as l
    cross join lateral (select pra_store.free_slots(array[l.name], needed) as free) as f
    where l.name = any(g.limits) and f.free < needed and (f.free > 0 or l.slots between 1 and needed - 1)
    order by l.name;
end
$$;

-- Reasons that lie with the workers there are and with the jobs ahead. A ready job has at least one.
create or replace function pra_store.reasons_among_workers(it pra_store.jobs, brief boolean)
returns table (reason text, detail text)
language plpgsql stable
as $$
declare
  serving integer;
  fitting integer;
  free integer;
  places integer;
  needed integer;
  gang pra_store.jobs;
  barrier pra_store.barrier;
  rooms jsonb;
  lanes integer[];
begin
  select count(*), count(*) filter (where w.fits),
    coalesce(sum(w.free) filter (where w.fits and not w.is_blamed), 0),
    coalesce(sum(w.slots) filter (where w.fits and not w.is_blamed), 0)
  into serving, fitting, free, places
  from pra_store.workers_serving(it) as w;
  if serving = 0 then
    return query select 'no-worker',
      format('no live worker serves queue "%s" and kind "%s"', it.queue, it.kind) || case
        when it.kind = 'command' then '; only `pra worker --allow-commands` runs programs that a submitter names'
        else '' end;
  elsif fitting = 0 then
    return query select 'no-matching-worker', pra_store.lacking(it, serving);
  elsif fitting = (select count(*) from pra_store.paused_workers(it)) then
    return query
      select distinct 'host-lacks', format('worker %s takes no jobs: %s', w.name, w.lack)
      from pra_store.paused_workers(it) as w;
  elsif fitting = (select count(*) from pra_store.leaving_workers(it)) then
    return query
      select 'no-time', string_agg(format('it may take %s, and worker %s takes nothing that ends after %s', it.time_limit,
        w.name, to_char(w.leaves_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS UTC')), '; ' order by w.leaves_at desc)
      from (select * from pra_store.leaving_workers(it) as l order by l.leaves_at desc limit 3) as w;
  else
    select coalesce(jsonb_agg(r), '[]') into rooms from pra_store.reasons_of_room(it) as r;
  end if;
  if rooms is null then
    -- One of the reasons above.
  elsif fitting = (select sum((r -> 'small')::bigint) from jsonb_array_elements(rooms) as r) then
    return query select r ->> 'reason', r ->> 'detail' from jsonb_array_elements(rooms) as r;
  elsif it.gang then
    needed := pra_store.gang_size(it);
    return query select 'gang',
      format('its %s members start together; ', needed) || case
        when places < needed then format('it needs %s places, the fleet has %s', needed, places)
        else format('%s of the %s places of workers that fit are free', free, places) end;
    return query
      select r ->> 'reason', r ->> 'detail' from jsonb_array_elements(rooms) as r where r ->> 'reason' = 'no-room';
  else
    select g.* into gang from pra_store.gang_ahead(it) as g;
    if gang.id is not null then
      barrier := pra_store.gang_barrier(gang.id);
      return query select 'behind-gang',
        format('gang %s is ahead and waits for %s; a time limit that ends before it starts lets a job pass',
          gang.id, case when barrier.blocks then 'places' else (
            select 'slots of limit ' || string_agg(format('"%s"', l), ', ') from unnest(barrier.limits) as l
          ) end);
    end if;
    if brief then
      return query select case when free > 0 then 'in-line' else 'busy' end,
        format('%s of the %s places of workers that fit are free', free, places);
      return query select r ->> 'reason', r ->> 'detail' from jsonb_array_elements(rooms) as r;
      return;
    end if;
    lanes := array(select n.lane from pra_store.lanes_in_line() as n (lane));
    return query select case when free > 0 then 'in-line' else 'busy' end,
      format(
        '%s of the %s places of workers that fit are free; your share is %s of %s places, and shares go before age; in line for longer: %s',
        free, places, pra_store.share_of(it, places, lanes), places, pra_store.work_ahead(it, lanes));
    if free = 0 and pra_store.waits_for_its_training(it) then
      return query select 'busy',
        'its training holds the place, and previews are drawn beside it only where a worker has more than one: `pra worker --slots 2`';
    end if;
    return query select r ->> 'reason', r ->> 'detail' from jsonb_array_elements(rooms) as r;
  end if;
  return query
    select distinct 'host-blamed', format('host %s gets no work until %s: %s; `pra forgive %s` lifts that',
      b.host, date_trunc('second', b.until), b.reason, b.host)
    from pra_store.workers_serving(it) as w join pra_store.blamed_hosts as b on b.host = w.host
    where w.fits and w.is_blamed;
end
$$;

-- The places that the weights of its user and its run give a job's run, of those there are, while all that have
-- work running or in line in its queue want more.
create or replace function pra_store.share_of(it pra_store.jobs, places integer, lanes integer[]) returns text
language plpgsql stable
as $$
begin
  return (
    with active as (
      select r.id, r.created_by, r.weight, coalesce(u.weight, 1) as user_weight
      from pra_store.runs as r
      left join pra_store.users as u on u.name = r.created_by
      where r.id = it.run_id or r.id in (
        select l.run_id from pra_store.lanes as l where l.id = any(lanes) and l.queue = it.queue)
        or r.id in (
          select j.run_id from pra_store.jobs as j
          where j.state = 'running' and j.worker_id is not null and j.queue = it.queue)
    ),
    parts as (
      select a.id, a.weight / sum(a.weight) over (partition by a.created_by) * a.user_weight / (
        select sum(one.weight) from (select distinct b.created_by, b.user_weight as weight from active as b) as one
      ) as part
      from active as a
    )
    select rtrim(to_char(p.part * places, 'FM999999990.9'), '.') from parts as p where p.id = it.run_id);
end
$$;

-- Jobs, and elements of arrays, that have stood in line in its queue for longer than a job, by run.
create or replace function pra_store.work_ahead(it pra_store.jobs, lanes integer[]) returns text
language plpgsql stable
as $$
begin
  return (
    -- Rows of the line are counted in its index; arrays, which are few, once more by their elements.
    with counted as (
      select l.run_id, j.jobs as elements, false as is_array
      from pra_store.lanes as l
      cross join lateral (
        select count(*) as jobs from pra_store.jobs as j
        where j.lane_id = l.id and j.state = 'ready' and j.due and (j.place, j.id) < (it.place, it.id)
      ) as j
      where l.id = any(lanes) and l.queue = it.queue and j.jobs > 0
      union all
      select j.run_id, j.array_end - pra_store.next_element(j) - 1, true
      from pra_store.jobs as j
      where j.array_first is not null and j.state = 'ready' and j.queue = it.queue and j.due
        and (j.place, j.id) < (it.place, it.id)
    ),
    ahead as materialized (
      select c.run_id, sum(c.elements) as elements, bool_or(c.is_array) as has_arrays from counted as c group by c.run_id
    ),
    first as (
      select format('%s %s of run "%s"', a.elements, case
          when a.elements = 1 and not a.has_arrays then 'job'
          when a.has_arrays then 'elements' else 'jobs' end, r.name) as said,
        row_number() over (order by a.elements desc, a.run_id) as n
      from ahead as a join pra_store.runs as r on r.id = a.run_id
    )
    select coalesce(string_agg(f.said, ', ' order by f.n) filter (where f.n <= 3), 'nothing')
      || case when count(*) > 3 then format(' and more of %s other runs', count(*) - 3) else '' end
    from first as f);
end
$$;

-- Live workers that serve the queue and the kind of a job: their hosts, whether they fit its requirements,
-- whether the job is kept from them since their host is blamed and another can take it, and their free slots
-- and all of them, none of a worker that lacks something.
create or replace function pra_store.workers_serving(it pra_store.jobs)
returns table (host text, fits boolean, is_blamed boolean, free bigint, slots integer)
language plpgsql stable
as $$
begin
  return query
    select
      pra_store.host(w.labels, w.name),
      pra_store.satisfies(w.labels, it.requirements),
      exists (
        select from pra_store.blamed_hosts as b
        where b.host = pra_store.host(w.labels, w.name) and b.until > clock_timestamp())
        and pra_store.others_take(
          pra_store.host(w.labels, w.name), it.queue, it.kind, it.requirements),
      case when w.lack is null then w.slots
        - (select count(*) from pra_store.jobs as j where j.worker_id = w.id and j.state = 'running')
        else 0 end,
      case when w.lack is null then w.slots else 0 end
    from pra_store.workers as w
    where w.stopped_at is null and not w.draining and w.drain_requested_at is null
      and pra_store.lease_end(w.lease_expires_at, w.lease) > clock_timestamp()
      and it.queue = any(w.queues) and it.kind = any(w.kinds);
end
$$;

-- Whether a preview can be drawn only when its training ends: each worker that could take it has one place.
create or replace function pra_store.waits_for_its_training(it pra_store.jobs) returns boolean
language sql stable
as $$
  select it.preview_of is not null
    and exists (select from pra_store.jobs as t where t.id = it.preview_of and t.state = 'running')
    and not exists (select from pra_store.workers_serving(it) as w where w.fits and w.slots > 1);
$$;

-- Live workers that serve the queue and the kind of a job and fit its requirements.
create or replace function pra_store.fitting_workers(it pra_store.jobs) returns setof pra_store.workers
language plpgsql stable
as $$
begin
  return query
    select w.* from pra_store.workers as w
    where w.stopped_at is null and not w.draining and w.drain_requested_at is null
      and pra_store.lease_end(w.lease_expires_at, w.lease) > clock_timestamp()
      and it.queue = any(w.queues) and it.kind = any(w.kinds)
      and pra_store.satisfies(w.labels, it.requirements);
end
$$;

-- Live workers that could run a job, but take none since their hosts lack something.
create or replace function pra_store.paused_workers(it pra_store.jobs)
returns table (name text, lack text)
language plpgsql stable
as $$
begin
  return query
    select w.name, w.lack from pra_store.fitting_workers(it) as w where w.lack is not null;
end
$$;

-- Live workers that could run a job, but leave before it must have ended.
create or replace function pra_store.leaving_workers(it pra_store.jobs)
returns table (name text, leaves_at timestamptz)
language plpgsql stable
as $$
begin
  return query
    select w.name, w.leaves_at from pra_store.fitting_workers(it) as w where not pra_store.stays(w, it.time_limit);
end
$$;

-- Requirements of a job that none of its serving workers meets, as a sentence. A requirement that no
-- worker meets by itself says more than all of them together, and goes first.
create or replace function pra_store.lacking(it pra_store.jobs, serving integer) returns text
language plpgsql stable
as $$
declare
  unmet text;
begin
  select string_agg(format('%s%s%s', r ->> 'label', r ->> 'op', r ->> 'value'), ', ') into unmet
  from jsonb_array_elements(it.requirements) as r
  where not exists (
    select from pra_store.workers as w
    where w.stopped_at is null
      and pra_store.lease_end(w.lease_expires_at, w.lease) > clock_timestamp()
      and it.queue = any(w.queues) and it.kind = any(w.kinds)
      and pra_store.satisfies(w.labels, jsonb_build_array(r)));
  if unmet is not null then
    return format('none of %s live workers has %s', serving, unmet)
      || coalesce('; ' || pra_store.no_numbers(it), '');
  end if;
  return format('none of %s live workers fits all of %s', serving,
    (select string_agg(format('%s%s%s', r ->> 'label', r ->> 'op', r ->> 'value'), ', ')
     from jsonb_array_elements(it.requirements) as r));
end
$$;

-- Labels of serving workers that a requirement compares with a number and that are none, as a sentence; null if
-- there are none.
create or replace function pra_store.no_numbers(it pra_store.jobs) returns text
language plpgsql stable
as $$
begin
  return (
    select 'compared as numbers: ' || string_agg(
      format('worker %s has %s=%s, which is no number', w.name, r ->> 'label', w.labels ->> (r ->> 'label')), ', '
      order by w.id)
    from jsonb_array_elements(it.requirements) as r
    cross join lateral (
      select w.id, w.name, w.labels from pra_store.workers as w
      where w.stopped_at is null
        and pra_store.lease_end(w.lease_expires_at, w.lease) > clock_timestamp()
        and it.queue = any(w.queues) and it.kind = any(w.kinds)
        and w.labels ->> (r ->> 'label') !~ '^-?[0-9]+(\.[0-9]+)?$'
      order by w.id limit 3) as w
    where r ->> 'value' ~ '^-?[0-9]+(\.[0-9]+)?$'
      and (r ->> 'op' in ('>=', '<=', '>', '<') or w.labels ->> (r ->> 'label') ~ '^[-+.]?[0-9]'));
end
$$;

-- The first gang before a job, in its queue or with a limit of its own, that holds it back; none where no gang does.
create or replace function pra_store.gang_ahead(it pra_store.jobs) returns setof pra_store.jobs
language plpgsql stable
as $$
declare
  gang pra_store.jobs;
  barrier pra_store.barrier;
begin
  for gang in
    select g.* from pra_store.jobs as g
    where g.gang and g.state = 'ready' and g.due and (g.place, g.id) < (it.place, it.id)
      and (g.queue = it.queue or g.limits && it.limits)
    order by g.place, g.id limit 100
  loop
    barrier := pra_store.gang_barrier(gang.id);
    if barrier.blocks and gang.queue = it.queue or it.limits && barrier.limits then
      return next gang;
      return;
    end if;
  end loop;
end
$$;
