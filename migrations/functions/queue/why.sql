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
reason has words for programs, each once, separated by commas: dependency, delayed, run-paused,
queue-paused, limit, gang, no-worker, no-matching-worker, host-blamed, busy, in-line, behind-gang,
host-lacks (every worker that fits is paused), elements (an array all of which has started), not-pending (it runs or has ended).
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
-- pra.why_pending.
create or replace function pra_store.reasons(job bigint) returns table (reason text, detail text)
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
  if it.state not in ('blocked', 'ready') then
    return query
      select 'not-pending', format('job %s is %s', job, it.state) || coalesce(': ' || it.message, '');
    return;
  end if;
  return query select 'dependency', d from pra_store.unmet_dependencies(job) as d;
  return query
    select 'run-paused', format('run %s "%s" is paused since %s', r.id, r.name, r.paused_at)
    from pra_store.runs as r where r.id = it.run_id and r.paused_at is not null;
  return query
    select 'queue-paused', format('queue "%s" is paused since %s', q.name, q.paused_at)
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
  return query select w.reason, w.detail from pra_store.reasons_among_workers(it) as w;
end
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

-- Reasons that lie with the workers there are and with the jobs ahead. A ready job has at least one.
create or replace function pra_store.reasons_among_workers(it pra_store.jobs)
returns table (reason text, detail text)
language plpgsql stable
as $$
declare
  serving integer;
  fitting integer;
  blamed integer;
  free integer;
  gang bigint;
begin
  select count(*), count(*) filter (where w.fits), count(*) filter (where w.fits and w.is_blamed),
    coalesce(sum(w.free) filter (where w.fits and not w.is_blamed), 0)
  into serving, fitting, blamed, free
  from pra_store.workers_serving(it) as w;
  if serving = 0 then
    return query select 'no-worker',
      format('no live worker serves queue "%s" and kind "%s"', it.queue, it.kind);
  elsif fitting = 0 then
    return query select 'no-matching-worker', pra_store.lacking(it, serving);
  elsif fitting = blamed then
    return query
      select 'host-blamed', format('host %s gets no work until %s: %s', b.host, b.until, b.reason)
      from pra_store.blamed_hosts as b where b.until > clock_timestamp() order by b.host;
  elsif fitting = (select count(*) from pra_store.paused_workers(it)) then
    return query
      select distinct 'host-lacks', format('worker %s takes no jobs: %s', w.name, w.lack)
      from pra_store.paused_workers(it) as w;
  elsif it.gang then
    return query select 'gang',
      format('its %s members start together; %s places are free on %s workers that fit',
        pra_store.gang_size(it), free, fitting);
  else
    gang := pra_store.gang_ahead(it);
    if gang is not null then
      return query select 'behind-gang',
        format('gang %s is ahead and waits for places; a time limit that ends before it starts lets a job pass',
          gang);
    end if;
    return query select case when free > 0 then 'in-line' else 'busy' end,
      format('%s workers fit, %s of their slots are free; %s jobs are ahead in queue "%s"',
        fitting, free, pra_store.jobs_ahead(it), it.queue);
  end if;
end
$$;

-- Live workers that serve the queue and the kind of a job: whether they fit its requirements, whether
-- their host is blamed, and their free slots.
create or replace function pra_store.workers_serving(it pra_store.jobs)
returns table (fits boolean, is_blamed boolean, free bigint)
language plpgsql stable
as $$
begin
  return query
    select
      pra_store.satisfies(w.labels, it.requirements),
      exists (
        select from pra_store.blamed_hosts as b
        where b.host = pra_store.host(w.labels, w.name) and b.until > clock_timestamp()),
      case when w.lack is null then w.slots
        - (select count(*) from pra_store.jobs as j where j.worker_id = w.id and j.state = 'running')
        else 0 end
    from pra_store.workers as w
    where w.stopped_at is null and not w.draining and w.drain_requested_at is null
      and pra_store.lease_end(w.lease_expires_at, w.lease) > clock_timestamp()
      and it.queue = any(w.queues) and it.kind = any(w.kinds);
end
$$;

-- Live workers that could run a job, but take none since their hosts lack something.
create or replace function pra_store.paused_workers(it pra_store.jobs)
returns table (name text, lack text)
language plpgsql stable
as $$
begin
  return query
    select w.name, w.lack
    from pra_store.workers as w
    where w.lack is not null and w.stopped_at is null
      and not w.draining and w.drain_requested_at is null
      and pra_store.lease_end(w.lease_expires_at, w.lease) > clock_timestamp()
      and it.queue = any(w.queues) and it.kind = any(w.kinds)
      and pra_store.satisfies(w.labels, it.requirements);
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
    return format('none of %s live workers has %s', serving, unmet);
  end if;
  return format('none of %s live workers fits all of %s', serving,
    (select string_agg(format('%s%s%s', r ->> 'label', r ->> 'op', r ->> 'value'), ', ')
     from jsonb_array_elements(it.requirements) as r));
end
$$;

-- Number of jobs of its queue that stand in line before a job.
create or replace function pra_store.jobs_ahead(it pra_store.jobs) returns bigint
language sql stable
as $$
  select count(*) from pra_store.jobs as j
  where j.state = 'ready' and j.queue = it.queue and j.due and (j.place, j.id) < (it.place, it.id);
$$;

-- The first gang before a job in its queue for which places are kept free; null without one.
create or replace function pra_store.gang_ahead(it pra_store.jobs) returns bigint
language plpgsql stable
as $$
declare
  gang bigint;
begin
  for gang in
    select g.id from pra_store.jobs as g
    where g.gang and g.state = 'ready' and g.due and (g.place, g.id) < (it.place, it.id)
      and g.queue = it.queue
    order by g.place, g.id
  loop
    if (select b.blocks from pra_store.gang_barrier(gang) as b) then
      return gang;
    end if;
  end loop;
  return null;
end
$$;
