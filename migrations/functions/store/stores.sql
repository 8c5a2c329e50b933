-- Stores outside the database: folders and buckets that hold artifacts as objects.

-- One text and one place for every way to write a location: slashes, default ports and the order of settings do
-- not count, nor does the region for the place, since endpoint and bucket tell it.
create or replace function pra_store.normal_location(given text, out location text, out place text)
language sql immutable
as $$
  with settings as (
    select string_agg(k.key || '=' || k.value, '&' order by k.key) as all,
      min(k.value) filter (
        where k.key = 'endpoint' and k.value !~ '^https://s3([.-][a-z0-9-]+)?\.amazonaws\.com$') as endpoint
    from (
      select split_part(t.setting, '=', 1) as key,
        case when split_part(t.setting, '=', 1) = 'endpoint' then
          coalesce(
            regexp_replace(
              regexp_replace(
                lower(substring(rtrim(e.value, '/') from '(?i)^https?://[^/]*'))
                  || regexp_replace(rtrim(e.value, '/'), '(?i)^https?://[^/]*', ''),
                '^(https://[^/]*):443(?=/|$)', '\1'),
              '^(http://[^/]*):80(?=/|$)', '\1'),
            e.value)
        else e.value end as value
      from string_to_table(nullif(substr(given, length(split_part(given, '?', 1)) + 2), ''), '&')
        as t(setting)
      cross join lateral (select substr(t.setting, length(split_part(t.setting, '=', 1)) + 2)) as e(value)
    ) as k
  ), paths as (
    select
      'file:' || coalesce(nullif(regexp_replace(
        regexp_replace(substr(given, 6), '/(\.?/)+', '/', 'g'), '/\.?$', ''), ''), '/') as folder,
      's3://' || rtrim(regexp_replace(substr(split_part(given, '?', 1), 6), '/+', '/', 'g'), '/')
        as bucket
  )
  select
    case
      when given like 'file:%' then p.folder
      when given like 's3://%' then p.bucket || coalesce('?' || s.all, '')
      else given
    end,
    case
      when given like 'file:%' then p.folder
      when given like 's3://%' then p.bucket || coalesce('?endpoint=' || s.endpoint, '')
      else given
    end
  from paths as p cross join settings as s;
$$;

-- The database as its stores know it. One that was restored from a dump, or a copy of a private database's folder, is
-- another database and gets another id; a standby that takes over is the same one. Nothing in a physical copy of
-- another server's data tells it from the original.
create or replace function pra_store.identity() returns uuid
language plpgsql
as $$
declare
  here record;
  own uuid;
begin
  -- No session can set the name of its cluster.
  select c.system_identifier, d.oid as database,
    substring(current_setting('cluster_name') from '^pra-folder-[0-9]+$') as folder
  into here
  from pg_control_system() as c cross join pg_database as d where d.datname = current_database();
  select i.id into own from pra_store.identity as i
  where i.system_identifier = here.system_identifier and i.database = here.database
    and i.folder is not distinct from here.folder;
  if own is null then
    insert into pra_store.identity as i (system_identifier, database, folder)
    values (here.system_identifier, here.database, here.folder)
    on conflict (is_one) do update set
      id = case
        when (i.system_identifier, i.database) = (excluded.system_identifier, excluded.database)
          and coalesce(i.folder = excluded.folder, true) then i.id
        else excluded.id
      end,
      system_identifier = excluded.system_identifier, database = excluded.database, folder = excluded.folder
    returning i.id into own;
  end if;
  return own;
end
$$;

-- Name of an object within its store.
create or replace function pra_store.object_name(sha256 bytea, copy integer) returns text
language sql immutable
as $$ select encode(sha256, 'hex') || case when copy > 0 then '.' || copy else '' end; $$;

create or replace function pra.find_store(given text)
returns table (id integer, location text, database uuid, mark uuid, is_marked boolean)
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
  select s.id, n.location, pra_store.identity(), coalesce(s.mark, gen_random_uuid()),
    s.marked_at is not null
  from pra_store.normal_location(given) as n left join pra_store.stores as s on s.place = n.place;
$$;

comment on function pra.find_store is
'Returns the store that a location denotes, with a null id for one that is not known yet; its location as
pra.use_store would record it, and what its mark must hold: the id of this database and the one of the store.
is_marked: whether the mark is known to lie there. Granted to no role but pra_owner.';

create or replace function pra.use_store(location text, mark uuid default null) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  normal record;
begin
  -- The location is not repeated: whatever stands before the @ is a secret.
  if location like 's3://%@%' then
    raise exception 'location: holds a user or a password, which every reader would see; keys belong to the hosts'
      using errcode = 'PR003';
  end if;
  if location <> 'database' and location !~ '^(file:/|s3://[a-z0-9])' then
    raise exception 'location: "%" is neither database nor file:/folder nor s3://bucket/prefix',
      location using errcode = 'PR003';
  end if;
  select * into normal from pra_store.normal_location(use_store.location);
  update pra_store.stores set is_current = false where is_current;
  if location <> 'database' then
    insert into pra_store.stores as s (location, place, mark, marked_at, is_current)
    values (
      normal.location, normal.place, coalesce(use_store.mark, gen_random_uuid()),
      case when use_store.mark is not null then clock_timestamp() end, true)
    on conflict (place) do update set
      is_current = true, location = excluded.location,
      mark = coalesce(use_store.mark, s.mark), marked_at = coalesce(excluded.marked_at, s.marked_at);
  end if;
  perform pra_store.record_event(
    'store.chosen', null, null, null, null, jsonb_build_object('location', normal.location));
end
$$;

comment on function pra.use_store is
'Chooses the store for new artifacts of more than 64 KiB; those that are stored stay where they are.
location: file:/folder, s3://bucket/prefix, or database; recorded in one form for each store.
mark: the id of the store that its mark holds; null when nobody has looked, and then the first writer
makes the mark. Granted to no role but pra_owner.
Raises PR003 for another location.';

create or replace function pra.mark_store(store integer) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
  update pra_store.stores as s set marked_at = clock_timestamp()
  where s.id = store and s.marked_at is null;
$$;

comment on function pra.mark_store is
'Records that the mark of this database lies in a store. Granted to no role but pra_owner.';

create or replace function pra.forget_store(given text, lose boolean default false)
returns table (artifacts bigint, bytes bigint, jobs bigint)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  gone pra_store.stores;
begin
  select s.* into gone
  from pra_store.stores as s join pra_store.normal_location(given) as n on n.place = s.place
  for update of s;
  if not found then
    raise exception 'location: there is no store "%"', given using errcode = 'PR002';
  end if;
  if gone.is_current then
    raise exception 'location: new artifacts go to %; choose another store first', gone.location
      using errcode = 'PR004';
  end if;
  -- Artifacts in doubt that lie elsewhere too stay.
  update pra_store.artifacts as a set
    upload_id = u.id, store_id = null, copy = null, unverified = true, size = u.size
  from (
    select distinct on (u.sha256) u.sha256, u.id, u.size from pra_store.uploads as u
    where u.committed_at is not null order by u.sha256, u.suspect_at nulls first, u.id
  ) as u
  where a.store_id = gone.id and u.sha256 = a.sha256;
  update pra_store.artifacts as a set
    store_id = o.store_id, copy = o.copy, unverified = true, size = o.size
  from (
    select distinct on (o.sha256) o.* from pra_store.objects as o
    where o.store_id <> gone.id and o.state = 'stored' order by o.sha256, o.suspect_at nulls first, o.copy
  ) as o
  where a.store_id = gone.id and o.sha256 = a.sha256;
  create temp table if not exists lost (sha256 bytea, size bigint, is_used boolean) on commit drop;
  delete from pg_temp.lost;
  insert into pg_temp.lost
  with named as materialized (
    select n.sha256 from pra_store.named_artifacts() as n
  )
  select a.sha256, a.size,
    pra_store.is_referred_to(a.sha256)
      or exists (select from named as n where n.sha256 = a.sha256)
  from pra_store.artifacts as a where a.store_id = gone.id;
  select count(*), coalesce(sum(l.size), 0)::bigint into artifacts, bytes from pg_temp.lost as l where l.is_used;
  select count(distinct j.job_id) into jobs
  from (
    select o.job_id, o.sha256 from pra_store.job_outputs as o
    union all
    select c.job_id, f.sha256
    from pra_store.checkpoint_files as f join pra_store.checkpoints as c on c.id = f.checkpoint_id
    union all
    select i.job_id, i.sha256 from pra_store.images as i
    union all
    select i.job_id, i.sha256 from pra_store.image_sets as i
  ) as j
  where j.sha256 in (select l.sha256 from pg_temp.lost as l);
  if artifacts > 0 and not lose then
    raise exception '% artifacts of % bytes lie only in %; outputs, checkpoints and images of % jobs are among them',
      artifacts, bytes, gone.location, jobs using errcode = 'PR006';
  end if;
  delete from pra_store.artifacts as a using pg_temp.lost as l where a.sha256 = l.sha256 and not l.is_used;
  update pra_store.artifacts as a set
    store_id = null, copy = null, suspect_at = clock_timestamp(),
    suspicion = format('its store %s was forgotten', gone.location)
  from pg_temp.lost as l where a.sha256 = l.sha256 and l.is_used;
  delete from pra_store.multipart_uploads as m where m.store_id = gone.id;
  delete from pra_store.objects as o where o.store_id = gone.id;
  delete from pra_store.stores as s where s.id = gone.id;
  perform pra_store.record_event(
    'store.forgotten', null, null, null, null,
    jsonb_build_object('location', gone.location, 'lost', artifacts));
  return next;
end
$$;

comment on function pra.forget_store is
'Forgets a store that is not the current one, without asking it, and returns what is lost with it: artifacts
that something refers to and that lie nowhere else, with their bytes, and the jobs whose outputs, checkpoints
and images are among them. Bytes in the store itself stay. Stored again, a lost artifact is whole.
lose: without it nothing is forgotten where something would be lost. Granted to no role but pra_owner.
Raises PR002 for a store that is not known, PR004 for the current one, PR006 when something would be lost.';

create or replace function pra.current_store()
returns table (location text, database uuid, mark uuid, is_marked boolean)
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
  select s.location, pra_store.identity(), s.mark, s.marked_at is not null
  from pra_store.stores as s where s.is_current;
$$;

grant execute on function pra.current_store to pra_submit, pra_worker, pra_read;

comment on function pra.current_store is
'Returns the store to which new artifacts of more than 64 KiB go, with what its mark must hold. No row for the
database.';

create or replace function pra.folder_stores() returns table (location text, mark uuid)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select s.location, s.mark from pra_store.stores as s where s.location like 'file:%' order by s.id;
$$;

grant execute on function pra.folder_stores to pra_submit, pra_worker, pra_read;

comment on function pra.folder_stores is
'Returns the stores that are folders, with the marks that they hold.';

create or replace function pra.store_folder(size bigint)
returns table (location text, database uuid, mark uuid, is_marked boolean)
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
  select s.location, pra_store.identity(), s.mark, s.marked_at is not null
  from pra_store.stores as s
  where s.is_current and s.location like 'file:%'
    and not exists (select from pra_store.artifacts as a where a.size = store_folder.size);
$$;

grant execute on function pra.store_folder to pra_submit, pra_worker;

comment on function pra.store_folder is
'Returns the current store, with what its mark must hold, when it is a folder and bytes of this size can be
written there at once. No row when that store is no folder, and when an artifact of this size exists: then the
caller computes the SHA-256 first, since the bytes may be stored already.';

create or replace function pra.unknown_objects(location text, names text[]) returns setof text
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select n
  from unnest(unknown_objects.names) as n
  where not exists (
    select from pra_store.objects as o
    join pra_store.stores as s on s.id = o.store_id
    join pra_store.normal_location(unknown_objects.location) as l on l.place = s.place
    where n ~ '^[0-9a-f]{64}(\.[0-9]{1,9})?$' and o.sha256 = decode(substr(n, 1, 64), 'hex')
      and o.copy = coalesce(nullif(substr(n, 66), ''), '0')::integer);
$$;

comment on function pra.unknown_objects is
'Returns those of some names of objects in a store that no row of this database has: what was stored after the backup from
which it was restored. Granted to no role but pra_owner.';
