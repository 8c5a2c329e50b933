-- Data sets that several runs read, and exported files.

create or replace function pra.shared_data_set(arguments jsonb) returns bigint
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select j.id
  from pra_store.jobs as j join pra_store.runs as r on r.id = j.run_id
  where j.kind = 'ingest' and j.array_id is null and j.array_first is null
    and j.arguments ->> 'source' = shared_data_set.arguments ->> 'source'
    and j.state in ('blocked', 'ready', 'running', 'succeeded') and j.cancel_requested_at is null
    and not r.removed @> '{data}' and r.deleted_at is null
    and (j.state <> 'succeeded' or exists (select from pra_store.job_outputs as o where o.job_id = j.id)
      -- One that lost bytes is ingested anew: that brings them back.
      and not exists (
        select from pra_store.job_outputs as o
        join pra_store.jobs as p on p.id = o.job_id
        join pra_store.artifacts as a on a.sha256 = o.sha256
        where (p.id = j.id or p.id in (select d.parent_id from pra_store.job_dependencies as d where d.job_id = j.id)
            or p.array_id in (select d.parent_id from pra_store.job_dependencies as d where d.job_id = j.id))
          and p.kind = 'ingest' and a.suspect_at is not null))
    -- Where a source lies, its name, and by how many jobs it is packed make no other data set.
    and jsonb_strip_nulls(j.arguments) - array['parts', 'part', 'packed', 'in_place', 'source_name', 'shard_names', 'checkpoint_every']
      = jsonb_strip_nulls(shared_data_set.arguments) - array['parts', 'part', 'packed', 'in_place', 'source_name', 'shard_names', 'checkpoint_every']
  order by j.state = 'succeeded' desc, j.state = 'running' desc, j.id
  limit 1
$$;

grant execute on function pra.shared_data_set to pra_submit, pra_read;

comment on function pra.shared_data_set is
'The ingest job that has packed, or will pack, the same images in the same way: equal bytes of the source, equal split,
size and limits. Null if there is none, or if its result was removed, or some of it is lost or damaged.
arguments: those of an ingest job.';

create or replace function pra.set_run_data(run bigint, job bigint) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  perform from pra_store.jobs as j where j.id = set_run_data.job and j.kind = 'ingest';
  if not found then
    raise exception 'job: there is no ingest job %', job using errcode = 'PR002';
  end if;
  update pra_store.runs as r set data_job = set_run_data.job where r.id = run;
  if not found then
    raise exception 'run: there is no run %', run using errcode = 'PR002';
  end if;
end
$$;

grant execute on function pra.set_run_data to pra_submit;

comment on function pra.set_run_data is
'Says which ingest job has the images that a run trains on; it may be one of another run.
Raises PR002 when there is no such run, or no such ingest job.';

create or replace function pra.jobs_needed_elsewhere(run bigint) returns setof bigint
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select p.id
  from pra_store.jobs as p
  where p.run_id = jobs_needed_elsewhere.run and p.kind = 'ingest'
    and p.state in ('blocked', 'ready', 'running')
    and exists (
      select from pra_store.job_dependencies as d join pra_store.jobs as c on c.id = d.job_id
      where d.parent_id = p.id and c.state in ('blocked', 'ready', 'running')
        and (c.run_id <> p.run_id
          -- An array of ingest is needed by the job that puts its parts together.
          or exists (
            select from pra_store.job_dependencies as e join pra_store.jobs as f on f.id = e.job_id
            where e.parent_id = c.id and c.kind = 'ingest' and f.run_id <> p.run_id
              and f.state in ('blocked', 'ready', 'running'))))
$$;

grant execute on function pra.jobs_needed_elsewhere to pra_submit, pra_read;

comment on function pra.jobs_needed_elsewhere is
'Ingest jobs of a run that have not ended and whose images jobs of other runs wait for: cancelling the run leaves them.';

create or replace function pra.record_export(sha256 text, job bigint, step bigint) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  insert into pra_store.exports (sha256, job_id, step)
  values (pra_store.digest(record_export.sha256), record_export.job, record_export.step)
  on conflict do nothing;
exception when foreign_key_violation then
  raise exception 'job: there is no job %', job using errcode = 'PR002';
end
$$;

grant execute on function pra.record_export to pra_submit;

comment on function pra.record_export is
'Records the SHA-256 of a file into which a checkpoint was exported, so that it leads to its run (pra.exports). Recorded
again, the first record stays.
Raises PR003 for a bad sha256, PR002 when there is no such job.';
