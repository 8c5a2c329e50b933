-- Garbage collection of artifacts.

create or replace function pra.collect_garbage(grace interval default '1 day', dry boolean default false)
returns table (what text, number bigint, bytes bigint)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  before timestamptz := clock_timestamp() - grace;
begin
  create temp table if not exists garbage (
    sha256 bytea, size bigint, upload_id bigint, store_id integer) on commit drop;
  delete from pg_temp.garbage;
  create temp table if not exists awaited (sha256 bytea primary key) on commit drop;
  delete from pg_temp.awaited;
  insert into pg_temp.awaited select w.sha256 from pra_store.awaited_artifacts() as w;
  insert into pg_temp.garbage
  with named as materialized (
    select n.sha256 from pra_store.named_artifacts() as n
  )
  select a.sha256, a.size, a.upload_id, a.store_id
  from pra_store.artifacts as a
  where a.touched_at < before
    and not pra_store.is_referred_to(a.sha256)
    and not exists (select from named as n where n.sha256 = a.sha256)
    and not exists (select from pg_temp.awaited as w where w.sha256 = a.sha256)
  order by a.sha256
  for update of a skip locked;

  return query
    select 'artifacts', count(*), coalesce(sum(g.size), 0)::bigint from pg_temp.garbage as g;
  return query
    select 'unfinished uploads', count(*), coalesce(sum(u.size), 0)::bigint
    from pra_store.uploads as u
    where u.created_at < before and not pra_store.is_needed(u.sha256, u.committed_at is not null, u.id, null, null)
      and not exists (select from pg_temp.awaited as w where w.sha256 = u.sha256);
  return query
    select 'unfinished objects', count(*), coalesce(sum(o.size), 0)::bigint
    from pra_store.objects as o
    where o.state = 'uploading' and o.touched_at < before
      and not exists (select from pg_temp.awaited as w where w.sha256 = o.sha256);
  return query
    select 'further copies', count(*), coalesce(sum(o.size), 0)::bigint
    from pra_store.objects as o
    where o.state = 'stored' and o.touched_at < before
      and not pra_store.is_needed(o.sha256, true, null, o.store_id, o.copy);
  return query
    select 'killed uploads in parts', count(*), 0::bigint
    from pra_store.multipart_uploads as m
    where m.begun_at < before and not exists (select from pg_temp.awaited as w where w.sha256 = m.sha256);
  if dry then
    return;
  end if;

  -- The bytes of results whose data set goes now have no reference at the next call.
  delete from pra_store.kept_results as k
  where not exists (select from pra_store.artifacts as s where s.sha256 = k.source)
    or exists (select from pg_temp.garbage as g where g.sha256 in (k.sha256, k.source));
  delete from pra_store.artifacts as a using pg_temp.garbage as g where a.sha256 = g.sha256;
  update pra_store.objects as o set state = 'deleting'
  where o.state = 'uploading' and o.touched_at < before
      and not exists (select from pg_temp.awaited as w where w.sha256 = o.sha256)
    or o.sha256 in (select g.sha256 from pg_temp.garbage as g)
    or o.state = 'stored' and o.touched_at < before
      and not pra_store.is_needed(o.sha256, true, null, o.store_id, o.copy);
  update pra_store.multipart_uploads as m set doomed = true
  where m.begun_at < before and not exists (select from pg_temp.awaited as w where w.sha256 = m.sha256);
  delete from pra_store.artifact_chunks as c using pra_store.uploads as u
  where c.upload_id = u.id and (u.created_at < before or u.sha256 in (select g.sha256 from pg_temp.garbage as g))
    and not exists (select from pg_temp.awaited as w where w.sha256 = u.sha256)
    and not pra_store.is_needed(u.sha256, u.committed_at is not null, u.id, null, null);
  delete from pra_store.uploads as u
  where (u.created_at < before or u.sha256 in (select g.sha256 from pg_temp.garbage as g))
    and not exists (select from pg_temp.awaited as w where w.sha256 = u.sha256)
    and not pra_store.is_needed(u.sha256, u.committed_at is not null, u.id, null, null);
  delete from pra_store.pending_artifacts as p
  where not exists (
    select from pra_store.jobs as j where j.id = p.job_id and j.epoch = p.epoch and j.state = 'running');
end
$$;

comment on function pra.collect_garbage is
'Deletes artifacts that nothing refers to and that were not touched within grace, whatever runs; and uploads that
were left unfinished for so long. What a running attempt has stored and not yet referred to stays. dry: only counts
them.
References: outputs, checkpoints, images, kept results of what is there, and SHA-256 texts in arguments of jobs and schedules.
Copies beside one that a reader has checked go as well; where none is known to be right, all stay.
Bytes in the database go at once; objects of other stores, and uploads in parts to buckets, are marked for
pra.next_doomed. Returns what is deleted, with number and bytes. Granted to no role but pra_owner.';

-- Whether a row refers to an artifact. Arguments of jobs, which name some, are not looked at.
create or replace function pra_store.is_referred_to(sha256 bytea) returns boolean
language sql stable
as $$
  select exists (select from pra_store.job_outputs as o where o.sha256 = is_referred_to.sha256)
    or exists (select from pra_store.checkpoint_files as f where f.sha256 = is_referred_to.sha256)
    or exists (select from pra_store.images as i where i.sha256 = is_referred_to.sha256)
    or exists (select from pra_store.image_sets as i where i.sha256 = is_referred_to.sha256)
    or exists (
      select from pra_store.kept_results as k join pra_store.artifacts as s on s.sha256 = k.source
      where k.sha256 = is_referred_to.sha256);
$$;

-- Digests that running attempts have stored, or begun to store, and not referred to.
create or replace function pra_store.awaited_artifacts() returns table (sha256 bytea)
language sql stable
as $$
  select distinct p.sha256
  from pra_store.pending_artifacts as p
  join pra_store.jobs as j on j.id = p.job_id and j.epoch = p.epoch
  where j.state = 'running';
$$;

-- Whether an artifact refers to a copy, or may come to need it because its bytes are in doubt.
create or replace function pra_store.is_needed(
  sha256 bytea, is_whole boolean, upload bigint, store integer, copy integer
) returns boolean
language sql stable
as $$
  select exists (
    select from pra_store.artifacts as a
    where a.sha256 = is_needed.sha256
      and (a.upload_id = upload or a.store_id = store and a.copy = is_needed.copy
        or is_whole and (a.unverified or a.suspect_at is not null)));
$$;

create or replace function pra.next_doomed(store integer, after text default '')
returns table (sha256 text, object text, copy integer, is_doomed boolean, uploads text[])
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
  select encode(o.sha256, 'hex'), pra_store.object_name(o.sha256, o.copy), o.copy, o.state = 'deleting', array(
      select m.upload from pra_store.multipart_uploads as m
      where m.store_id = o.store_id and m.sha256 = o.sha256 and m.copy = o.copy
        and (m.doomed or o.state = 'deleting'))
  from pra_store.objects as o
  where o.store_id = next_doomed.store and pra_store.object_name(o.sha256, o.copy) collate "C" > next_doomed.after
    and (o.state = 'deleting' or exists (
      select from pra_store.multipart_uploads as m
      where m.store_id = o.store_id and m.sha256 = o.sha256 and m.copy = o.copy and m.doomed))
  order by pra_store.object_name(o.sha256, o.copy) collate "C"
  limit 1
  for update of o skip locked;
$$;

comment on function pra.next_doomed is
'Returns the next object of a store, by name after the given one, that is to be deleted or has uploads in parts that
are to be aborted, and locks it until the transaction ends. is_doomed: whether the object itself goes.
No row when none is left, or others hold them.
Next, in the same transaction: abort the uploads, delete the object, then pra.forget_object. Granted to no
role but pra_owner.';

create or replace function pra.forget_object(store integer, sha256 text, copy integer) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  digest bytea := pra_store.digest(forget_object.sha256);
begin
  delete from pra_store.multipart_uploads as m using pra_store.objects as o
  where m.store_id = store and m.sha256 = digest and m.copy = forget_object.copy
    and o.store_id = m.store_id and o.sha256 = m.sha256 and o.copy = m.copy
    and (m.doomed or o.state = 'deleting');
  delete from pra_store.objects as o
  where o.store_id = store and o.sha256 = digest and o.copy = forget_object.copy and o.state = 'deleting';
end
$$;

comment on function pra.forget_object is
'Removes the row of an object that was deleted from its store, and of its uploads that were aborted; no effect on
what pra.next_doomed does not give out. Granted to no role but pra_owner.
Raises PR003 for a bad sha256.';

-- SHA-256 texts in arguments of a job.
create or replace function pra_store.digests_in(arguments jsonb) returns setof bytea
language sql immutable
as $$
  select decode(v #>> '{}', 'hex')
  from jsonb_path_query(
    arguments, '$.** ? (@.type() == "string" && @ like_regex "^[0-9a-f]{64}$")') as v;
$$;

-- Digests that appear as texts in the arguments of jobs, of elements of arrays, or of schedules, but for jobs of runs
-- whose data were removed, and of some other runs.
create or replace function pra_store.named_artifacts(but bigint[] default '{}') returns table (sha256 bytea)
language sql stable
as $$
  select pra_store.digests_in(a.arguments)
  from (
    select j.arguments
    from pra_store.jobs as j join pra_store.runs as r on r.id = j.run_id
    where not r.removed @> '{data}' and r.id <> all(but)
    union all
    select e.arguments
    from pra_store.element_arguments as e
    join pra_store.jobs as j on j.id = e.array_id
    join pra_store.runs as r on r.id = j.run_id
    where not r.removed @> '{data}' and r.id <> all(but)
    union all
    select s.arguments from pra_store.schedules as s
  ) as a;
$$;
