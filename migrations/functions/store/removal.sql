-- Removal of what a finished run has made; its numbers stay.

create or replace function pra.remove_run(
  run bigint, images boolean default false, data boolean default false, dry boolean default false
) returns table (what text, number bigint, bytes bigint)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  found_run pra_store.runs;
  waiting bigint;
  kinds text[] := array['train', 'features', 'reference']
    || case when images then array['sample'] else '{}' end || case when data then array['ingest'] else '{}' end;
begin
  select * into found_run from pra_store.runs as r where r.id = run for no key update;
  if not found then
    raise exception 'run: there is no run %', run using errcode = 'PR002';
  end if;
  if found_run.created_by <> session_user and not pg_has_role(session_user, 'pra_owner', 'member') then
    raise exception 'run: % was created by %, who may remove it, as may an owner of the database', run,
      found_run.created_by using errcode = '42501';
  end if;
  select j.id into waiting from pra_store.jobs as j
  where j.run_id = run and j.state in ('blocked', 'ready', 'running') order by j.id limit 1;
  if found then
    raise exception 'run: job % of run % has not ended; cancel the run first', waiting, run using errcode = 'PR004';
  end if;
  select c.id into waiting
  from pra_store.jobs as p
  join pra_store.job_dependencies as d on d.parent_id = p.id
  join pra_store.jobs as c on c.id = d.job_id
  where p.run_id = run and p.kind = any(kinds) and c.run_id <> run and c.state in ('blocked', 'ready', 'running')
  order by c.id limit 1;
  if found then
    raise exception 'run: job %, of another run, has not ended and reads what run % has made', waiting, run
      using errcode = 'PR004';
  end if;

  return query
    select 'checkpoints', count(distinct c.id), pra_store.bytes_of(array_agg(f.sha256))
    from pra_store.checkpoints as c
    join pra_store.jobs as j on j.id = c.job_id
    left join pra_store.checkpoint_files as f on f.checkpoint_id = c.id
    where j.run_id = run;
  if images then
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
      count(*), pra_store.bytes_of(array_agg(o.sha256))
    from pra_store.job_outputs as o join pra_store.jobs as j on j.id = o.job_id
    where j.run_id = run and j.kind = any(kinds)
    group by 1 order by 1;
  if dry then
    return;
  end if;

  delete from pra_store.checkpoint_files as f using pra_store.checkpoints as c, pra_store.jobs as j
  where f.checkpoint_id = c.id and c.job_id = j.id and j.run_id = run;
  delete from pra_store.checkpoints as c using pra_store.jobs as j where c.job_id = j.id and j.run_id = run;
  delete from pra_store.job_outputs as o using pra_store.jobs as j
  where o.job_id = j.id and j.run_id = run and j.kind = any(kinds);
  if images then
    delete from pra_store.images as i using pra_store.jobs as j where i.job_id = j.id and j.run_id = run;
    delete from pra_store.image_sets as i using pra_store.jobs as j where i.job_id = j.id and j.run_id = run;
  end if;
  update pra_store.runs as r set removed = array(
    select distinct w from unnest(
      r.removed || 'checkpoints'::text || case when images then array['images'] else '{}' end
        || case when data then array['data'] else '{}' end) as w
    order by w)
  where r.id = run;
  perform pra_store.record_event(
    'run.removed', run, null, null, null, jsonb_build_object('images', images, 'data', data));
end
$$;

grant execute on function pra.remove_run to pra_submit;

comment on function pra.remove_run is
'Drops the references of a run whose jobs have ended to its checkpoints, features and references; with images to its
drawn images, with data to its data sets and to the archives and files that its jobs name. Metrics, evaluations, logs and
the history of its jobs stay. Returns what is dropped, with number and bytes; those that nothing else refers to go
with pra.collect_garbage. dry: only returns the rows. For whoever created the run, and the owner of the database.
Raises PR002 when there is no such run, PR004 when one of its jobs, or a job of another run that reads what it has
made, has not ended.';

-- Bytes of artifacts, each counted once.
create or replace function pra_store.bytes_of(digests bytea[]) returns bigint
language sql stable
as $$
  select coalesce(sum(a.size), 0)::bigint from pra_store.artifacts as a where a.sha256 = any(digests);
$$;
