-- Deletion of runs: of all of a run, undoable until garbage collection, or of what it has made; its numbers then stay.

create or replace function pra.delete_runs(runs bigint[], parts text[] default null, dry boolean default false)
returns table (run bigint, what text, number bigint, bytes bigint)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  whole boolean := parts is null;
  kinds text[] := pra_store.kinds_of_parts(parts);
  one bigint;
begin
  if parts = '{}' or not coalesce(parts, '{}') <@ '{checkpoints,images,data}' then
    raise exception 'parts: %, must be some of checkpoints, images, data', parts using errcode = 'PR003';
  end if;
  for one in select distinct r from unnest(runs) as r order by r loop
    perform pra_store.may_delete(one, kinds, whole);
  end loop;
  return query select r, w.what, w.number, w.bytes
    from (select distinct r from unnest(runs) as r) as one (r)
    cross join lateral pra_store.made_by(r, parts, kinds) as w where w.number > 0 order by 1;
  return query select null::bigint, 'freed', count(*), coalesce(sum(f.size), 0)::bigint
    from pra_store.own_artifacts(runs, parts, kinds) as f;
  if dry then
    return;
  end if;
  foreach one in array array(select distinct r from unnest(runs) as r order by r) loop
    if whole then
      update pra_store.runs as r set deleted_at = clock_timestamp(), deleted_by = pra_store.actor() where r.id = one;
      perform pra_store.record_event('run.deleted', one, null, null, null);
    else
      perform pra_store.remove_parts(one, parts, kinds);
      perform pra_store.record_event(
        'run.removed', one, null, null, null, jsonb_build_object('parts', to_jsonb(parts)));
    end if;
  end loop;
end
$$;

grant execute on function pra.delete_runs to pra_submit;

comment on function pra.delete_runs is
'Deletes runs whose jobs have ended: all of them or none. With parts some of what they have made: checkpoints (with features
and references), images, data (data sets, and the archives and files that their jobs name); metrics, evaluations, logs
and jobs stay then, and it cannot be undone. Without parts the whole runs: lists leave them out at once, pra.undelete_run
brings them back until pra.purge_runs has taken their rows.
Returns for each run what goes, with number and bytes, and last a row "freed" without a run: artifacts that no other run
refers to or names, and their bytes, which go with pra.collect_garbage. dry: only returns the rows.
For whoever created the runs, and operators.
Raises PR002 when there is no such run, PR003 for other parts, PR004 when a job of a run has not ended, or one of
another run that reads the part.';

create or replace function pra.undelete_run(run bigint) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  found_run pra_store.runs;
begin
  perform pra_store.require_own_run(run);
  select * into found_run from pra_store.runs as r where r.id = undelete_run.run for no key update;
  if not found then
    raise exception 'run: there is no run %; a deleted one is gone for good with `pra gc` after its grace period', run
      using errcode = 'PR002';
  end if;
  if found_run.deleted_at is null then
    raise exception 'run: run % is not deleted', run using errcode = 'PR004';
  end if;
  if found_run.purged_at is not null then
    raise exception 'run: run % is gone since %; only jobs that other runs read are left', run, found_run.purged_at
      using errcode = 'PR004';
  end if;
  update pra_store.runs as r set deleted_at = null, deleted_by = null where r.id = run;
  perform pra_store.record_event('run.undeleted', run, null, null, null);
end
$$;

grant execute on function pra.undelete_run to pra_submit;

comment on function pra.undelete_run is
'Takes the deletion of a whole run back. Raises PR002 when there is no such run, PR004 when it is not deleted, or its rows
are gone.';

-- Job kinds whose outputs belong to parts of a run.
create or replace function pra_store.kinds_of_parts(parts text[]) returns text[]
language sql immutable
as $$
  select case when 'checkpoints' = any(parts) then array['train', 'features', 'reference'] else '{}' end
    || case when 'images' = any(parts) then array['sample'] else '{}' end
    || case when 'data' = any(parts) then array['ingest'] else '{}' end;
$$;

-- Locks a run, and refuses to delete one that is not the caller's, or that is not over.
create or replace function pra_store.may_delete(run bigint, kinds text[], whole boolean) returns void
language plpgsql
as $$
declare
  found_run pra_store.runs := pra_store.live_run(run);
  waiting bigint;
begin
  if found_run.created_by <> pra_store.actor() and not pra_store.is_operator() then
    raise exception 'run: % was created by %, who may delete it, as may operators', run,
      found_run.created_by using errcode = '42501';
  end if;
  select j.id into waiting from pra_store.jobs as j
  where j.run_id = run and j.state in ('blocked', 'ready', 'running') order by j.id limit 1;
  if found then
    raise exception 'run % (%) cannot be deleted yet: its job % has not ended; pra cancel --run % cancels what is left',
      run, found_run.name, waiting, run using errcode = 'PR004';
  end if;
  select c.id into waiting
  from pra_store.jobs as p
  join pra_store.job_dependencies as d on d.parent_id = p.id
  join pra_store.jobs as c on c.id = d.job_id
  where p.run_id = run and (whole or p.kind = any(kinds)) and c.run_id <> run
    and c.state in ('blocked', 'ready', 'running')
  order by c.id limit 1;
  if found then
    raise exception 'run % (%) cannot be deleted yet: job %, of another run, has not ended and reads what it has made',
      run, found_run.name, waiting using errcode = 'PR004';
  end if;
  -- Jobs of a whole run that others read stay by themselves.
  if not whole and 'ingest' = any(kinds) then
    select c.run_id into waiting
    from pra_store.jobs as p
    join pra_store.job_dependencies as d on d.parent_id = p.id
    join pra_store.jobs as c on c.id = d.job_id
    join pra_store.runs as r on r.id = c.run_id
    where p.run_id = run and p.kind = 'ingest' and c.run_id <> run and r.deleted_at is null
      and not r.removed @> '{data}'
    order by c.run_id limit 1;
    if found then
      raise exception 'run % trains on the data set of run %, whose data stay as long; delete that run first',
        waiting, run using errcode = 'PR004';
    end if;
  end if;
end
$$;

-- The rows of a run, or of some parts of it, with the bytes that they take or refer to.
create or replace function pra_store.made_by(run bigint, parts text[], kinds text[])
returns table (what text, number bigint, bytes bigint)
language plpgsql stable
as $$
#variable_conflict use_column
begin
  if parts is null then
    return query select 'jobs', count(*), 0::bigint from pra_store.jobs as j where j.run_id = run;
    return query select 'metric points', coalesce(sum(s.points), 0)::bigint, 0::bigint
      from pra_store.metric_summaries as s join pra_store.jobs as j on j.id = s.job_id where j.run_id = run;
    return query select 'pieces of logs', count(*), coalesce(sum(pg_column_size(l.bytes)), 0)::bigint
      from pra_store.log_chunks as l join pra_store.jobs as j on j.id = l.job_id where j.run_id = run;
    return query select 'evaluations', count(*), 0::bigint
      from pra_store.evaluations as e join pra_store.jobs as j on j.id = e.job_id where j.run_id = run;
    return query select 'schedules', count(*), 0::bigint from pra_store.schedules as s where s.run_id = run;
  end if;
  if parts is null or 'checkpoints' = any(parts) then
    return query
      select 'checkpoints', count(distinct c.id), pra_store.bytes_of(array_agg(f.sha256))
      from pra_store.checkpoints as c
      join pra_store.jobs as j on j.id = c.job_id
      left join pra_store.checkpoint_files as f on f.checkpoint_id = c.id
      where j.run_id = run;
  end if;
  if parts is null or 'images' = any(parts) then
    return query
      select 'images', coalesce(sum(i.number), 0)::bigint, pra_store.bytes_of(array_agg(i.sha256))
      from (
        select 1 as number, i.sha256 from pra_store.images as i join pra_store.jobs as j on j.id = i.job_id
        where j.run_id = run
        union all
        select cardinality(i.labels), i.sha256
        from pra_store.image_sets as i join pra_store.jobs as j on j.id = i.job_id
        where j.run_id = run
      ) as i;
  end if;
  return query
    select case j.kind when 'ingest' then 'data sets' when 'sample' then 'packed images' else j.kind || ' outputs' end,
      -- A data set has several files.
      case j.kind when 'ingest' then count(distinct j.id) else count(*) end,
      pra_store.bytes_of(array_agg(o.sha256))
    from pra_store.job_outputs as o join pra_store.jobs as j on j.id = o.job_id
    where j.run_id = run and (parts is null or j.kind = any(kinds))
    group by j.kind order by 1;
end
$$;

-- Bytes of artifacts, each counted once.
create or replace function pra_store.bytes_of(digests bytea[]) returns bigint
language sql stable
as $$
  select coalesce(sum(a.size), 0)::bigint from pra_store.artifacts as a where a.sha256 = any(digests);
$$;

-- Artifacts that runs, or some parts of them, refer to or name, and that nothing else does.
create or replace function pra_store.own_artifacts(runs bigint[], parts text[], kinds text[])
returns table (sha256 bytea, size bigint)
language sql stable
as $$
  with mine as materialized (
    select j.id, j.kind, j.arguments from pra_store.jobs as j where j.run_id = any(runs)
  ),
  digests as materialized (
    select o.sha256 from mine join pra_store.job_outputs as o on o.job_id = mine.id
    where parts is null or mine.kind = any(kinds)
    union
    select f.sha256 from mine join pra_store.checkpoints as c on c.job_id = mine.id
    join pra_store.checkpoint_files as f on f.checkpoint_id = c.id where parts is null or 'checkpoints' = any(parts)
    union
    select i.sha256 from mine join pra_store.images as i on i.job_id = mine.id
    where parts is null or 'images' = any(parts)
    union
    select i.sha256 from mine join pra_store.image_sets as i on i.job_id = mine.id
    where parts is null or 'images' = any(parts)
    union
    select pra_store.digests_in(mine.arguments) from mine where parts is null or 'data' = any(parts)
  ),
  -- Rows that stay: those of other runs, and those of these runs that are of no part.
  staying as materialized (
    select o.sha256 from digests as d join pra_store.job_outputs as o on o.sha256 = d.sha256
    join pra_store.jobs as j on j.id = o.job_id join pra_store.runs as r on r.id = j.run_id
    where r.deleted_at is null and (r.id <> all(runs) or parts is not null and j.kind <> all(kinds))
    union
    select f.sha256 from digests as d join pra_store.checkpoint_files as f on f.sha256 = d.sha256
    join pra_store.checkpoints as c on c.id = f.checkpoint_id
    join pra_store.jobs as j on j.id = c.job_id join pra_store.runs as r on r.id = j.run_id
    where r.deleted_at is null and (r.id <> all(runs) or not 'checkpoints' = any(parts))
    union
    select i.sha256 from digests as d join pra_store.images as i on i.sha256 = d.sha256
    join pra_store.jobs as j on j.id = i.job_id join pra_store.runs as r on r.id = j.run_id
    where r.deleted_at is null and (r.id <> all(runs) or not 'images' = any(parts))
    union
    select i.sha256 from digests as d join pra_store.image_sets as i on i.sha256 = d.sha256
    join pra_store.jobs as j on j.id = i.job_id join pra_store.runs as r on r.id = j.run_id
    where r.deleted_at is null and (r.id <> all(runs) or not 'images' = any(parts))
    union
    select n.sha256 from pra_store.named_artifacts(case when parts is null or 'data' = any(parts) then runs else '{}' end) as n
  )
  select a.sha256, a.size from digests as d join pra_store.artifacts as a on a.sha256 = d.sha256
  where not exists (select from staying as s where s.sha256 = a.sha256);
$$;

-- Drops the rows of parts of a run that refer to artifacts.
create or replace function pra_store.remove_parts(run bigint, parts text[], kinds text[]) returns void
language plpgsql
as $$
begin
  if 'checkpoints' = any(parts) then
    delete from pra_store.checkpoint_files as f using pra_store.checkpoints as c, pra_store.jobs as j
    where f.checkpoint_id = c.id and c.job_id = j.id and j.run_id = run;
    delete from pra_store.checkpoints as c using pra_store.jobs as j where c.job_id = j.id and j.run_id = run;
  end if;
  delete from pra_store.job_outputs as o using pra_store.jobs as j
  where o.job_id = j.id and j.run_id = run and j.kind = any(kinds);
  if 'images' = any(parts) then
    delete from pra_store.images as i using pra_store.jobs as j where i.job_id = j.id and j.run_id = run;
    delete from pra_store.image_sets as i using pra_store.jobs as j where i.job_id = j.id and j.run_id = run;
  end if;
  update pra_store.runs as r set removed = array(select distinct w from unnest(r.removed || parts) as w order by w)
  where r.id = run;
end
$$;
