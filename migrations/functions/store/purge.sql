-- The end of deleted runs.

create or replace function pra.purge_runs(grace interval default '1 day', dry boolean default false)
returns table (run bigint, name text, jobs bigint, kept bigint)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  doomed bigint[] := array(
    select r.id from pra_store.runs as r
    where r.deleted_at < clock_timestamp() - grace and not exists (
      select from pra_store.jobs as j where j.run_id = r.id and j.state in ('blocked', 'ready', 'running'))
    order by r.id for no key update);
  needed bigint[] := pra_store.jobs_read_by_others(doomed);
  gone bigint[] := array(
    select j.id from pra_store.jobs as j where j.run_id = any(doomed) and j.id <> all(needed) order by j.id);
  removed bigint;
begin
  -- Runs of which nothing more goes are not named again.
  return query
    select r.id, r.name, count(j.id) filter (where j.id = any(gone)), count(j.id) filter (where j.id = any(needed))
    from pra_store.runs as r left join pra_store.jobs as j on j.run_id = r.id
    where r.id = any(doomed) and (r.purged_at is null or not exists (
      select from pra_store.jobs as j where j.run_id = r.id and j.id = any(needed)))
    group by r.id order by r.id;
  if dry then
    return;
  end if;
  -- Nothing brings the run back from here on.
  with ended as (delete from pra_store.schedules as s where s.run_id = any(doomed) returning s.name)
  select count(pra_store.record_event(
    'schedule.removed', null, null, null, null, jsonb_build_object('schedule', e.name))) into removed from ended as e;
  perform pra_store.purge_jobs(gone);
  update pra_store.runs as r set purged_at = coalesce(r.purged_at, clock_timestamp()) where r.id = any(doomed);
  doomed := array(
    select d from unnest(doomed) as d where not exists (select from pra_store.jobs as j where j.run_id = d));
  delete from pra_store.sweep_runs as m where m.run_id = any(doomed);
  delete from pra_store.sweeps as s where not exists (select from pra_store.sweep_runs as m where m.sweep_id = s.id);
  delete from pra_store.turns as t where t.run_id = any(doomed);
  delete from pra_store.lanes as l where l.run_id = any(doomed);
  delete from pra_store.runs as r where r.id = any(doomed);
end
$$;

comment on function pra.purge_runs is
'Deletes the rows of runs that were deleted longer ago than grace: jobs with their metrics, logs, checkpoints, images,
evaluations and history; what they alone refer to goes with the next pra.collect_garbage. Jobs that other runs read stay,
with what those read in turn, until these runs are gone. Returns the runs, with the number of jobs that go and that stay.
dry: only returns the rows. Granted to no role but pra_owner.';

-- Jobs of some runs that jobs of other runs depend on, with the parents of these.
create or replace function pra_store.jobs_read_by_others(runs bigint[]) returns bigint[]
language sql stable
as $$
  with recursive needed (id) as (
    select d.parent_id
    from pra_store.jobs as p
    join pra_store.job_dependencies as d on d.parent_id = p.id
    join pra_store.jobs as c on c.id = d.job_id
    where p.run_id = any(runs) and c.run_id <> all(runs)
    union
    select e.id
    from needed as n
    cross join lateral (
      select d.parent_id as id from pra_store.job_dependencies as d where d.job_id = n.id
      union all
      select j.id from pra_store.jobs as j where j.array_id = n.id
      union all
      select j.follows_id from pra_store.jobs as j where j.id = n.id and j.follows_id is not null
    ) as e
  )
  select coalesce(array_agg(n.id), '{}') from needed as n
  join pra_store.jobs as j on j.id = n.id where j.run_id = any(runs);
$$;

-- Deletes jobs with all that is theirs. Nothing else depends on them.
create or replace function pra_store.purge_jobs(gone bigint[]) returns void
language plpgsql
as $$
declare
  part text;
  own_limits text[] := array(
    select l from pra_store.jobs as j cross join unnest(j.limits) as l
    where j.id = any(gone) and j.array_first is not null and l ~ '^array-[0-9]+-[0-9]+$');
begin
  -- Rows before those that they refer to.
  delete from pra_store.checkpoint_files as f using pra_store.checkpoints as c
  where f.checkpoint_id = c.id and c.job_id = any(gone);
  foreach part in array array[
    'metric_staging', 'metrics', 'metric_rollups', 'metric_summaries', 'metric_ranges', 'log_chunks', 'checkpoints',
    'job_outputs', 'images', 'image_sets', 'evaluations', 'variants', 'progress', 'preemptions', 'cancellations',
    'crashes', 'gang_members', 'gang_meetings', 'pending_artifacts', 'job_dependencies', 'events']
  loop
    execute format('delete from pra_store.%I as t where t.job_id = any($1)', part) using gone;
  end loop;
  delete from pra_store.job_dependencies as d where d.parent_id = any(gone);
  delete from pra_store.element_arguments as e where e.array_id = any(gone);
  update pra_store.uploads as u set job_id = null, epoch = null where u.job_id = any(gone);
  update pra_store.schedules as s set last_job = null where s.last_job = any(gone);
  delete from pra_store.attempts as a where a.job_id = any(gone);
  delete from pra_store.jobs as j where j.id = any(gone);
  -- The limits of arrays are theirs alone.
  perform pra_store.drop_limits(own_limits);
end
$$;
