-- Garbage collection of artifacts.

create or replace function pra.collect_garbage(grace interval default '1 day', dry boolean default false)
returns table (what text, number bigint, bytes bigint)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  before timestamptz;
begin
  -- An artifact that a running attempt stored is referred to only when the attempt finishes.
  select least(clock_timestamp() - grace, min(a.started_at)) into before
  from pra_store.attempts as a where a.ended_at is null;
  create temp table if not exists garbage (
    sha256 bytea, size bigint, upload_id bigint, store_id integer) on commit drop;
  delete from pg_temp.garbage;
  insert into pg_temp.garbage
  with named as materialized (
    select n.sha256 from pra_store.named_artifacts() as n
  )
  select a.sha256, a.size, a.upload_id, a.store_id
  from pra_store.artifacts as a
  where a.touched_at < before
    and not exists (select from pra_store.job_outputs as o where o.sha256 = a.sha256)
    and not exists (select from pra_store.checkpoint_files as f where f.sha256 = a.sha256)
    and not exists (select from pra_store.images as i where i.sha256 = a.sha256)
    and not exists (select from named as n where n.sha256 = a.sha256)
  order by a.sha256
  for update of a skip locked;

  return query
    select 'artifacts', count(*), coalesce(sum(g.size), 0)::bigint from pg_temp.garbage as g;
  return query
    select 'unfinished uploads', count(*), coalesce(sum(u.size), 0)::bigint
    from pra_store.uploads as u
    where u.created_at < before
      and not exists (select from pra_store.artifacts as a where a.upload_id = u.id);
  return query
    select 'unfinished objects', count(*), coalesce(sum(o.size), 0)::bigint
    from pra_store.objects as o where o.state = 'uploading' and o.touched_at < before;
  if dry then
    return;
  end if;

  delete from pra_store.artifacts as a using pg_temp.garbage as g where a.sha256 = g.sha256;
  update pra_store.objects as o set state = 'deleting'
  from pg_temp.garbage as g where o.store_id = g.store_id and o.sha256 = g.sha256;
  update pra_store.objects as o set state = 'deleting'
  where o.state = 'uploading' and o.touched_at < before;
  delete from pra_store.artifact_chunks as c using pra_store.uploads as u
  where c.upload_id = u.id and (u.created_at < before or u.id in (
      select g.upload_id from pg_temp.garbage as g where g.upload_id is not null))
    and not exists (select from pra_store.artifacts as a where a.upload_id = u.id);
  delete from pra_store.uploads as u
  where (u.created_at < before or u.id in (
      select g.upload_id from pg_temp.garbage as g where g.upload_id is not null))
    and not exists (select from pra_store.artifacts as a where a.upload_id = u.id);
end
$$;

comment on function pra.collect_garbage is
'Deletes artifacts that nothing refers to and that were not touched within grace, nor since the oldest
running attempt began; and uploads that were left unfinished for so long. dry: only counts them.
References: outputs, checkpoints, images, and SHA-256 texts in arguments of jobs and schedules.
Bytes in the database go at once; objects of other stores are marked for pra.next_doomed.
Returns what (artifacts, unfinished uploads, unfinished objects) with number and bytes. Granted to no
role but pra_owner.';

create or replace function pra.next_doomed(after text default '')
returns table (store integer, location text, sha256 text)
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
  select o.store_id, s.location, encode(o.sha256, 'hex')
  from pra_store.objects as o join pra_store.stores as s on s.id = o.store_id
  where o.state = 'deleting' and encode(o.sha256, 'hex') > next_doomed.after
  order by o.sha256
  limit 1
  for update of o skip locked;
$$;

comment on function pra.next_doomed is
'Returns the first object, by sha256 after the given one, that is to be deleted from a store outside the
database, and locks it until the transaction ends: writers of the same bytes wait. No row when none is
left, or others hold them.
Next, in the same transaction: delete the object, then pra.forget_object. Granted to no role but
pra_owner.';

create or replace function pra.forget_object(store integer, sha256 text) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
  delete from pra_store.objects as o
  where o.store_id = store and o.sha256 = pra_store.digest(forget_object.sha256)
    and o.state = 'deleting';
$$;

comment on function pra.forget_object is
'Removes the row of an object that was deleted from its store; no effect on an object that pra.next_doomed
does not give out. Granted to no role but pra_owner.
Raises PR003 for a bad sha256.';

-- Digests that appear as texts in the arguments of jobs, of elements of arrays, or of schedules.
create or replace function pra_store.named_artifacts() returns table (sha256 bytea)
language sql stable
as $$
  select decode(v #>> '{}', 'hex')
  from (
    select j.arguments from pra_store.jobs as j
    union all
    select e.arguments from pra_store.element_arguments as e
    union all
    select s.arguments from pra_store.schedules as s
  ) as a
  cross join jsonb_path_query(
    a.arguments, '$.** ? (@.type() == "string" && @ like_regex "^[0-9a-f]{64}$")') as v
$$;
