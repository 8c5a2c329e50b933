-- All waiting jobs by the reason for which they wait.

-- A group is looked at through its first job. Jobs of one group are alike in everything that decides whether a worker
-- takes them: queue, kind, requirements, limits, and the run where that is paused. Blocked jobs ask nothing of workers.
create or replace function pra_store.waiting_groups()
returns table (
  example bigint, jobs bigint, oldest timestamptz, run_id bigint, queue text)
language sql stable
as $$
  with line as materialized (
    -- One pass over the index of the line, in the order of its lanes, which reads nothing else.
    select j.lane_id, count(*) as jobs, min(j.id) as example,
      bool_or(j.gang or j.array_id is not null or j.epoch > 0) as is_mixed
    from pra_store.jobs as j
    where j.state = 'ready' and j.due
    group by j.lane_id
  ),
  heaps as materialized (
    -- Most lanes have jobs of one sort alone.
    select n.lane_id, 'ready'::pra.job_state as state, true as due, false as gang, false as part, false as lost,
      n.jobs, n.example
    from line as n where not n.is_mixed
    union all
    select j.lane_id, 'ready', true, j.gang, j.array_id is not null as part,
      j.epoch > 0 and exists (
        select from pra_store.attempts as a where a.job_id = j.id and a.epoch = j.epoch and a.outcome = 'lost') as lost,
      count(*), min(j.id)
    from line as n
    join pra_store.jobs as j on j.lane_id = n.lane_id
    where n.is_mixed and j.state = 'ready' and j.due
    group by j.lane_id, j.gang, 5, 6
    -- A delayed job is no obstacle to one that is due.
    union all
    select j.lane_id, 'ready', false, j.gang, j.array_id is not null as part,
      j.epoch > 0 and exists (
        select from pra_store.attempts as a where a.job_id = j.id and a.epoch = j.epoch and a.outcome = 'lost') as lost,
      count(*), min(j.id)
    from pra_store.jobs as j
    where j.state = 'ready' and not j.due
    group by j.lane_id, j.gang, 5, 6
    union all
    select j.lane_id, 'blocked', j.due, j.gang, j.array_id is not null as part, false, count(*), min(j.id)
    from pra_store.jobs as j
    -- All that the index has, so that it is used, and those that are blocked.
    where j.state in ('blocked', 'failed', 'cancelled', 'quarantined') and j.state = 'blocked'
    group by j.lane_id, j.due, j.gang, 5
  ),
  described as (
    select h.*, l.queue, l.kind, l.requirements, l.limits, l.run_id,
      l.run_id in (select r.id from pra_store.runs as r where r.paused_at is not null) as paused
    from heaps as h
    join pra_store.lanes as l on l.id = h.lane_id
  )
  select min(d.example), sum(d.jobs)::bigint,
    -- Numbers of jobs grow with time.
    (select j.created_at from pra_store.jobs as j where j.id = min(d.example)),
    case when min(d.run_id) = max(d.run_id) then min(d.run_id) end, d.queue
  from described as d
  group by d.queue, d.state, d.gang, d.part, d.lost, d.paused, case when d.paused then d.run_id end,
    case when d.state = 'ready' then d.kind end, case when d.state = 'ready' then d.requirements end,
    case when d.state = 'ready' then d.limits end, case when d.state = 'ready' then d.due end
  order by sum(d.jobs) desc limit 200;
$$;

-- The time after which a running job has ended, as a clause; null where it does not say how fast it is.
create or replace function pra_store.ends_in(job bigint) returns text
language sql stable
as $$
  select format('job %s ends in about %s', p.job_id, case
    when t.left_over < 60 then format('%s s', round(t.left_over))
    when t.left_over < 3600 then format('%s min', round(t.left_over / 60))
    when t.left_over < 86400 then format('%s h %s min', floor(t.left_over / 3600), floor(t.left_over::bigint % 3600 / 60))
    else format('%s d %s h', floor(t.left_over / 86400), floor(t.left_over::bigint % 86400 / 3600)) end)
  from pra_store.progress as p
  cross join lateral (select ((p.total - p.done) / p.rate)::numeric as left_over) as t
  where p.job_id = ends_in.job and p.rate > 0 and p.unit not like 'bytes %';
$$;

-- The job among some that ends first, by its own word.
create or replace function pra_store.first_to_end(jobs bigint[]) returns text
language sql stable
as $$
  select pra_store.ends_in(p.job_id)
  from pra_store.progress as p join pra_store.jobs as j on j.id = p.job_id
  where p.job_id = any (jobs) and j.state = 'running' and p.rate > 0 and p.unit not like 'bytes %'
  order by (p.total - p.done) / p.rate limit 1;
$$;

-- The running jobs for which others wait, each with how far it is: the four with the most dependants.
create or replace function pra_store.parents_at_work() returns table (id bigint, words text)
language sql stable
as $$
  select p.id, 'job ' || p.id || coalesce(format(' (%s %%)', 100 * g.done / nullif(g.total, 0)), '')
  from pra_store.jobs as p
  cross join lateral (select count(*) as jobs from pra_store.job_dependencies as d where d.parent_id = p.id) as d
  left join pra_store.progress as g on g.job_id = p.id and g.unit not like 'bytes %'
  where p.state = 'running' and p.array_id is null and d.jobs > 0
  order by d.jobs desc, p.id limit 4;
$$;

-- A sentence that says what would let a job of a group run, by the first of its reasons; but by a pause where there is
-- one, since nothing else helps before it.
create or replace function pra_store.remedy(it pra_store.jobs, reason text) returns text
language plpgsql stable
as $$
declare
  words text[] := string_to_array(reason, ', ');
  word text := coalesce(
    (select w from unnest(words) as w where w in ('run-paused', 'queue-paused') limit 1), words[1]);
begin
  return case word
    when 'dependency' then coalesce(
      (select format('`pra retry %s` runs it again', p.id)
       from pra_store.job_dependencies as d join pra_store.jobs as p on p.id = d.parent_id
       where d.job_id = it.id and p.state in ('failed', 'cancelled', 'quarantined') order by p.id limit 1),
      pra_store.first_to_end(array(
        select d.parent_id from pra_store.job_dependencies as d where d.job_id = it.id)),
      -- The detail of a group that waits for nothing else names these.
      case when cardinality(words) = 1 then
        pra_store.first_to_end(array(select p.id from pra_store.parents_at_work() as p)) end,
      'the end of those jobs')
    when 'run-paused' then format('`pra resume %s`', it.run_id)
    when 'queue-paused' then format('`pra resume --queue %s`', it.queue)
    when 'delayed' then format('time: not before %s', date_trunc('second', it.run_after))
    when 'limit' then coalesce(
      pra_store.first_to_end(array(
        select s.job_id from pra_store.limit_slots as s where s.limit_name = any (it.limits) and s.job_id is not null)),
      case when exists (
          select from pra_store.limit_slots as s where s.limit_name = any (it.limits) and s.job_id is not null)
        then 'the end of a job that holds it, or ' else '' end || format('`pra limits --set %s=N`', it.limits[1]))
    when 'no-worker' then format('`pra worker --queue %s` on a machine that runs jobs of kind %s', it.queue, it.kind)
    when 'no-matching-worker' then format('`pra worker` with %s', (
      select string_agg(format('--label %s=...', r ->> 'label'), ' ') from jsonb_array_elements(it.requirements) as r))
    when 'host-lacks' then 'the workers go on by themselves when their hosts have it'
    when 'no-time' then 'a worker that stays for longer (`pra worker --lifetime`)'
    when 'host-blamed' then 'a look at the crashes, then `pra forgive HOST`'
    when 'lost' then 'the next beat of a live worker puts it back in line'
    when 'no-room' then 'a host with more room, or less in its cache'
    when 'bytes-elsewhere' then 'a free place on the host that has its bytes'
    when 'in-line' then 'the next claim of a free worker'
    when 'gang' then 'as many free places at once'
    when 'behind-gang' then 'the start of the gang'
    when 'elements' then 'the end of its elements'
    else coalesce(
      pra_store.first_to_end(array(
        select j.id from pra_store.jobs as j where j.state = 'running' and j.queue = it.queue)),
      'more workers, or the end of jobs that run')
    end;
end
$$;

create or replace function pra.waiting_jobs()
returns table (
  reason text, detail text, jobs bigint, oldest timestamptz, example_job bigint, remedy text, run_id bigint, queue text)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
-- Compiling the statement takes longer than running it; and 100,000 jobs are counted by a table in memory, where the
-- usual 4 MB would sort them on disk.
set jit = off
set work_mem = '32MB'
as $$
#variable_conflict use_column
begin
  return query
    with looked as materialized (
      select g.*, w.reason,
        -- Many blocked jobs have many parents.
        case when g.jobs > 1 and w.reason = 'dependency' then coalesce(
          'parents at work: ' || (select string_agg(p.words, ', ') from pra_store.parents_at_work() as p), w.detail)
          else w.detail end as detail, pra_store.remedy(j, w.reason) as remedy
      from pra_store.waiting_groups() as g
      join pra_store.jobs as j on j.id = g.example
      cross join lateral (
        select
          (select string_agg(f.reason, ', ' order by f.n)
           from (select one.reason, min(one.n) as n from unnest(array_agg(r.reason))
                   with ordinality as one (reason, n) group by one.reason) as f) as reason,
          string_agg(r.detail, '; ' order by r.n) as detail
        from pra_store.reasons(j.id, true) with ordinality as r (reason, detail, n)
      ) as w
    )
    select l.reason, l.detail, sum(l.jobs)::bigint, min(l.oldest), min(l.example), min(l.remedy),
      case when count(distinct l.run_id) = 1 then min(l.run_id) end,
      case when count(distinct l.queue) = 1 then min(l.queue) end
    from looked as l
    group by l.reason, l.detail;
end
$$;

grant execute on function pra.waiting_jobs to pra_submit, pra_worker, pra_read;

comment on function pra.waiting_jobs is 'Returns the rows of pra.waiting.';
