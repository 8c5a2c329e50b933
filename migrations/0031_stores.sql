-- Artifacts outside the database, and what nobody needs any more.

set local role pra_owner;

-- Where large artifacts may lie besides the database: file:/folder, or s3://bucket/prefix. New ones go
-- to the current store, or into the database where none is current; old ones stay where they are.
create table pra_store.stores (
  id integer generated always as identity primary key,
  location text not null unique check (location ~ '^(file:/|s3://[a-z0-9])'),
  is_current boolean not null default false,
  created_at timestamptz not null default clock_timestamp()
);
create unique index one_store_is_current on pra_store.stores (is_current) where is_current;

alter table pra_store.artifacts add column store_id integer references pra_store.stores;
-- When somebody last stored or asked to store these bytes: garbage is older than a grace period.
alter table pra_store.artifacts
  add column touched_at timestamptz not null default clock_timestamp();
alter table pra_store.artifacts drop constraint artifacts_check;
alter table pra_store.artifacts
  add constraint bytes_lie_in_one_place check (num_nonnulls(bytes, upload_id, store_id) = 1);

-- Every object that may be in a store. The row is there before the first byte is written and goes after
-- the last one is, so that a crash leaves no object that nobody knows of.
--   uploading  somebody writes it, or died while doing so
--   stored     an artifact refers to it
--   deleting   garbage: nobody may count on its bytes
create table pra_store.objects (
  store_id integer not null references pra_store.stores,
  sha256 bytea not null check (length(sha256) = 32),
  state text not null check (state in ('uploading', 'stored', 'deleting')),
  size bigint not null check (size >= 0),
  touched_at timestamptz not null default clock_timestamp(),
  primary key (store_id, sha256)
);
create index objects_in_work on pra_store.objects (state) where state <> 'stored';

-- Makes a store the one for new artifacts; 'database' for none.
create function pra.use_store(location text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  if location <> 'database' and location !~ '^(file:/|s3://[a-z0-9])' then
    raise exception 'location: "%" is neither database nor file:/folder nor s3://bucket/prefix',
      location using errcode = 'PR003';
  end if;
  update pra_store.stores set is_current = false where is_current;
  if location <> 'database' then
    insert into pra_store.stores as s (location, is_current) values (use_store.location, true)
    on conflict (location) do update set is_current = true;
  end if;
  perform pra_store.record_event(
    'store.chosen', null, null, null, null, jsonb_build_object('location', location));
end
$$;

create or replace function pra_store.put_inline(sha256 text, media_type text, bytes bytea)
returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  if bytes is null or length(bytes) > 1048576 then
    raise exception 'bytes: % is more than the 1048576 that lie inline; upload in chunks',
      length(bytes) using errcode = 'PR003';
  end if;
  if pg_catalog.sha256(bytes) <> pra_store.digest(sha256) then
    raise exception 'bytes: their sha256 is %, not %',
      encode(pg_catalog.sha256(bytes), 'hex'), sha256 using errcode = 'PR005';
  end if;
  insert into pra_store.artifacts (sha256, size, media_type, bytes)
  values (pra_store.digest(put_inline.sha256), length(put_inline.bytes), put_inline.media_type,
          put_inline.bytes)
  on conflict (sha256) do update set touched_at = clock_timestamp();
end
$$;

-- Whether the store has these bytes. Then they are safe from collection for a grace period.
create function pra_store.touch(sha256 bytea) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  update pra_store.artifacts as a set touched_at = clock_timestamp() where a.sha256 = touch.sha256;
  return found;
end
$$;

create or replace function pra_store.begin_upload(
  job bigint, epoch bigint, sha256 text, size bigint, media_type text
) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  made bigint;
begin
  if pra_store.touch(pra_store.digest(begin_upload.sha256)) then
    return null;
  end if;
  insert into pra_store.uploads (sha256, size, media_type, job_id, epoch)
  values (pra_store.digest(begin_upload.sha256), begin_upload.size, begin_upload.media_type,
          begin_upload.job, begin_upload.epoch)
  returning id into made;
  return made;
end
$$;

-- Says where to write: no row when the store has these bytes already, a null location for the
-- database. From then on the object is known; pra_store.commit_object makes it an artifact.
create function pra_store.begin_object(sha256 text, size bigint)
returns table (store integer, location text)
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  digest bytea := pra_store.digest(begin_object.sha256);
  chosen pra_store.stores;
begin
  if pra_store.touch(digest) then
    return;
  end if;
  select * into chosen from pra_store.stores as s where s.is_current;
  if not found then
    return query select null::integer, null::text;
    return;
  end if;
  -- Waits for a collector that is deleting the object; afterwards it is written anew.
  insert into pra_store.objects as o (store_id, sha256, state, size)
  values (chosen.id, digest, 'uploading', begin_object.size)
  on conflict (store_id, sha256) do update set state = 'uploading', touched_at = clock_timestamp();
  return query select chosen.id, chosen.location;
end
$$;

create function pra_store.commit_object(
  store integer, sha256 text, size bigint, media_type text
) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  update pra_store.objects as o set state = 'stored', touched_at = clock_timestamp()
  where o.store_id = store and o.sha256 = pra_store.digest(commit_object.sha256)
    and o.state <> 'deleting';
  if not found then
    raise exception 'sha256: the upload of % was given up; begin it again', commit_object.sha256
      using errcode = 'PR004';
  end if;
  insert into pra_store.artifacts (sha256, size, media_type, store_id)
  values (pra_store.digest(commit_object.sha256), commit_object.size, commit_object.media_type,
          commit_object.store)
  on conflict (sha256) do update set touched_at = clock_timestamp();
end
$$;

create function pra.begin_object(job bigint, epoch bigint, sha256 text, size bigint)
returns table (store integer, location text)
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  perform pra_store.hold(job, epoch, false);
  return query select * from pra_store.begin_object(begin_object.sha256, begin_object.size);
end
$$;

create function pra.commit_object(
  job bigint, epoch bigint, store integer, sha256 text, size bigint, media_type text
) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  perform pra_store.hold(job, epoch, false);
  perform pra_store.commit_object(store, sha256, size, media_type);
end
$$;

create function pra.begin_submitted_object(sha256 text, size bigint)
returns table (store integer, location text)
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$ select * from pra_store.begin_object(sha256, size); $$;

create function pra.commit_submitted_object(
  store integer, sha256 text, size bigint, media_type text
) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$ select pra_store.commit_object(store, sha256, size, media_type); $$;

create or replace view pra.artifacts as
select
  encode(a.sha256, 'hex') as sha256, a.size, a.media_type,
  case
    when a.store_id is not null then split_part(s.location, ':', 1)
    when a.upload_id is null then 'inline'
    else 'chunks'
  end as storage,
  case
    when a.store_id is not null then 0
    when a.upload_id is null then 1
    else (a.size + 1048575) / 1048576
  end as chunks,
  a.created_at, s.location, a.touched_at
from pra_store.artifacts as a
left join pra_store.stores as s on s.id = a.store_id;
comment on column pra.artifacts.storage is 'inline, chunks, file or s3';
comment on column pra.artifacts.chunks is
  'number of chunks to ask pra.artifact_chunk for; 0 outside the database';
comment on column pra.artifacts.location is 'store outside the database; null inside';
comment on column pra.artifacts.touched_at is 'when somebody last stored these bytes';

create view pra.stores as
select
  s.location, s.is_current, count(a.sha256) as artifacts, coalesce(sum(a.size), 0)::bigint as bytes,
  s.created_at
from pra_store.stores as s left join pra_store.artifacts as a on a.store_id = s.id
group by s.id
union all
select
  'database', not exists (select from pra_store.stores where is_current), count(*),
  coalesce(sum(size), 0)::bigint, null
from pra_store.artifacts where store_id is null;
comment on view pra.stores is 'Where artifacts lie: one row per place';
comment on column pra.stores.location is 'database, file:/folder or s3://bucket/prefix';
comment on column pra.stores.is_current is 'whether new large artifacts go there';
comment on column pra.stores.artifacts is 'number of artifacts';
comment on column pra.stores.bytes is 'their bytes';
comment on column pra.stores.created_at is 'when it was first chosen; null for the database';

grant select on pra.stores, pra.artifacts to pra_submit, pra_worker, pra_read;
grant execute on function pra.begin_object, pra.commit_object to pra_worker;
grant execute on function pra.begin_submitted_object, pra.commit_submitted_object to pra_submit;
